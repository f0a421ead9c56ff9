"""Looking at several things at once, again and again, until all are as expected."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.knowledge.routing.request_proof import (
    PROPAGATION_TIMEOUT,
    RETRY_DELAY,
    Expectation,
    wait_for_expectations,
)
from bot.steps import Context
from bot.text import EMPTY, Text


@dataclass(frozen=True)
class Look:
    """What was seen, in words, and whether it was expected; `because` is said where it was not."""

    holds: bool
    lines: tuple[Text, ...]
    because: Text = EMPTY


Looker = Callable[[], Awaitable[Look]]


@dataclass(frozen=True)
class Proof:
    """What all looks showed in the end."""

    looks: tuple[Look, ...]

    @property
    def holds(self) -> bool:
        """Whether all was as expected."""
        return all(look.holds for look in self.looks)

    @property
    def lines(self) -> tuple[Text, ...]:
        """What was seen, the looks one after the other."""
        return tuple(line for look in self.looks for line in look.lines)

    @property
    def because(self) -> Text:
        """Why the first look is not as expected; EMPTY when all are."""
        return next((look.because for look in self.looks if not look.holds), EMPTY)


async def look_until_all_hold(
    context: Context, *lookers: Looker, seconds: float = PROPAGATION_TIMEOUT
) -> Proof:
    """Look at everything until all of it is as expected at once, or the time is over.

    `seconds` limits the time, as does the workshop's readiness timeout.
    """
    deadline = time.monotonic() + min(seconds, context.workshop.readiness_timeout)
    while True:
        proof = Proof(tuple(await asyncio.gather(*(look() for look in lookers))))
        if proof.holds or time.monotonic() > deadline:
            return proof
        await asyncio.sleep(RETRY_DELAY)


def look_at_pages(context: Context, *expectations: Expectation) -> Looker:
    """Return a look at pages, sent as the users of these expectations."""

    async def look() -> Look:
        observed = await wait_for_expectations(context, *expectations, seconds=0)
        return Look(observed.holds, observed.lines, observed.because)

    return look
