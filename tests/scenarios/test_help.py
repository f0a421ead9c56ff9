"""`/mesh help` by role and subject, and questions to the bot."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.workspace import Message
from tests.scenarios.stage import Stage, playing, words

pytestmark = pytest.mark.long


def count_lines(message: Message) -> int:
    """The lines of an answer, without buttons."""
    return sum(b["text"]["text"].count("\n") + 1 for b in message.blocks if b["type"] == "section")


async def test_help_shows_first_what_somebody_may_run(stage: Stage) -> None:
    """An attendee's steps come before the host's; both fit a phone, and buttons begin."""
    hosts, hers = await stage.type("/mesh help"), await stage.type("@alice: /mesh help")
    assert "*rules*: `route`" in words(hosts)
    assert "/mesh workshop" in words(hosts)
    assert "a host also has" not in words(hosts)
    assert "`status`" in words(hers)
    assert "`install`" not in words(hers)
    assert words(hers).index("`status`") < words(hers).index("a host also has: ")
    assert "install" in words(hers).partition("a host also has: ")[2]
    assert max(count_lines(hosts), count_lines(hers)) <= 10
    every = words(hosts)
    assert [
        s for s in ("kiali", "ping", "audit", "mtls", "uninstall") if f"`{s}`" not in every
    ] == []


async def test_help_explains_subjects_steps_and_words(stage: Stage) -> None:
    """A step's help says what its name means; a subject lists its steps, mine first."""
    assert "`/mesh route` — " in words(await stage.type("/mesh help rules"))
    assert "`/mesh undo` — " in words(await stage.type("/mesh help take back"))
    said = words(await stage.type("@alice: /mesh help look"))
    assert "`/mesh graph` — " in said
    step = words(await stage.type("/mesh help waypoint"))
    assert "option `off`" in step
    assert "A proxy of its own for a namespace" in step
    assert "HBONE" in words(await stage.type("/mesh help terms"))
    assert "FI a fault was injected" in words(await stage.type("/mesh help response flags"))


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("@meshbot what is a waypoint?", "*waypoint*: A proxy of its own"),
        ("@meshbot ¿qué es HBONE?", "*HBONE*: The tunnel between"),
        ("@meshbot what's mTLS", "*mTLS*: TLS in which both sides"),
        ("/mesh what are destination rules?", "*DestinationRule*: "),
        ("/mesh help what does traffic shifting mean?", "*traffic shifting*: "),
        ("/mesh what is bookinfo share", "*Bookinfo*: "),
    ],
)
async def test_a_question_is_answered(stage: Stage, typed: str, says: str) -> None:
    """The glossary's entry, with the step that shows it."""
    said = words(await stage.type(f"@alice: {typed}"))
    assert says in said
    assert "shows it" in said


async def test_an_unknown_word_says_what_there_is(stage: Stage) -> None:
    """What may have been meant, or how to list all."""
    said = words(await stage.type("/mesh what is a sidekick -> error"))
    assert "Did you mean sidecar?" in said
    assert "/mesh help sidecar" in said
    said = words(await stage.type("/mesh what is lunch -> error"))
    assert "no entry for “lunch”" in said
    assert "/mesh help terms" in said


async def test_answers_are_in_the_language_of_the_channel(tmp_path: Path) -> None:
    """Asked in either language, the entry is read in Spanish."""
    async with playing(tmp_path, MESHBOT_LANGUAGE="es") as (stage, _):
        assert "Un proxy propio" in words(await stage.type("@alice: @meshbot what is a waypoint?"))
        assert "Pregúntame" in words(await stage.type("@alice: /mesh help"))
