"""What the slots of schedules call, and what comes back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from bot.ledger import Schedule, SlotResult
from bot.messages import Message
from bot.steps import Recurrence, ReplyTarget, SlotContext
from bot.text import EMPTY, Text


@dataclass(frozen=True)
class SlotOutcome:
    """Result of a slot.

    `ending` is how it ended, `message` is posted where `tell` says, and `pause` says
    why the schedule must be paused (empty: it goes on).
    """

    ending: SlotResult
    message: Message | None = None
    tell: ReplyTarget = ReplyTarget.NOWHERE
    pause: Text = EMPTY


@dataclass(frozen=True)
class SlotCallbacks:
    """Callbacks that the slot runner is given.

    `rule` gives how a step is scheduled, None for one that is not; `carry_out` carries
    out a slot and never raises; `gone` names the processes that are gone; `on_pass` is
    called in each pass with those.
    """

    rule: Callable[[str], Recurrence | None]
    carry_out: Callable[[Schedule, SlotContext], Awaitable[SlotOutcome]]
    gone: Callable[[], Awaitable[Collection[str]]]
    on_pass: Callable[[Collection[str]], Awaitable[None]] | None = None
