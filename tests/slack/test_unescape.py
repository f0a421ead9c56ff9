"""What people typed, out of the form in which Slack sends it."""

from __future__ import annotations

import pytest

from bot.slack.inbound.unescape import decode_typed_text


@pytest.mark.parametrize(
    ("sent", "typed"),
    [
        ("install demo", "install demo"),
        ("install set=values.a=&lt;b&gt; &amp; c", "install set=values.a=<b> & c"),
        ("route <@U012AB3CD|jason>", "route <@U012AB3CD>"),
        (
            "install set=values.url=<https://x.example/y|x.example/y>",
            "install set=values.url=https://x.example/y",
        ),
        ("<!channel> <#C1|general>", "<!channel> <#C1>"),
    ],
)
def test_text_is_as_it_was_typed(sent: str, typed: str) -> None:
    """Entities, links and names that Slack adds are gone; ids stay."""
    assert decode_typed_text(sent) == typed
