"""What is too long is shortened and says so; nothing that Slack would refuse is sent."""

from __future__ import annotations

from typing import Any

import pytest

from bot.language import ENGLISH
from bot.messages import Message
from bot.slack.outbound.fit import fit_message
from bot.slackrules import BUDGET, check_message, count_visible_characters


def section(text: str, **more: str) -> dict[str, Any]:
    """A section block."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


ACTIONS = {
    "type": "actions",
    "elements": [
        {"type": "button", "action_id": "mesh:a", "text": {"type": "plain_text", "text": "Confirm"}}
    ],
}


def test_what_fits_is_left_alone() -> None:
    """A message within the limits is sent as it is."""
    message = Message("done", (section("all is well", block_id="verdict:done"), ACTIONS))
    assert fit_message(message, ENGLISH) == message.to_payload()


@pytest.mark.parametrize(
    ("count", "length"), [(60, 10), (49, 900), (8, 3000), (200, 3000), (3, 9000)]
)
def test_what_is_too_long_is_shortened(count: int, length: int) -> None:
    """Parts go from the end, counted; the first block, which holds the outcome, and the buttons
    stay."""
    parts = tuple(section("x" * length) for _ in range(count))
    whole = Message("done", (section("outcome", block_id="verdict:done"), *parts, ACTIONS))
    payload = fit_message(whole, ENGLISH)
    blocks = payload["blocks"]
    left_out = count + 2 - (len(blocks) - 1) if len(blocks) < count + 2 else 0
    assert check_message(payload, edit=True) == []
    assert count_visible_characters(blocks) <= BUDGET
    assert blocks[0]["block_id"] == "verdict:done"
    assert ACTIONS in blocks
    assert left_out == 0 or f"… and {left_out} more part" in str(blocks[-1])


def test_a_long_text_is_cut_to_what_an_edit_takes() -> None:
    """The fallback text stays within chat.update's 4,000 characters."""
    payload = fit_message(Message("word " * 3000), ENGLISH)
    assert len(payload["text"]) <= 4000
    assert check_message(payload, edit=True) == []


@pytest.mark.parametrize(
    "blocks",
    [
        ({"type": "actions", "elements": []},),
        ({"type": "section"},),
        ({"type": "unheard_of"},),
        (section("a", block_id="same"), section("b", block_id="same")),
        tuple(ACTIONS | {"block_id": str(number)} for number in range(60)),
    ],
)
def test_what_is_wrong_is_shown_as_text(blocks: tuple[dict[str, Any], ...]) -> None:
    """Blocks that our own check refuses are replaced by the message's words."""
    payload = fit_message(Message("what happened", blocks), ENGLISH)
    assert check_message(payload, edit=True) == []
    assert "what happened" in str(payload["blocks"])


def test_an_empty_message_is_still_one() -> None:
    """Slack refuses a message without text; an ellipsis is shown instead."""
    assert check_message(fit_message(Message(""), ENGLISH), edit=True) == []
