"""Envelopes from Slack between their arrival and their acknowledgement."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from bot.metrics import Histogram, Metric, counter

ACK_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0)
"""Seconds; Slack gives up after the last."""


class EnvelopeTracker:
    """Counts envelopes, `under_way` those whose acknowledgement has not been sent and `acks` those
    that were acknowledged."""

    def __init__(self) -> None:
        self.under_way = self.acks = 0
        self.ack_seconds = Histogram(ACK_BOUNDS)
        self._idle = asyncio.Event()
        self._idle.set()

    @contextmanager
    def track_envelope(self) -> Iterator[None]:
        """Count an envelope as under way while the context lasts."""
        self.under_way += 1
        self._idle.clear()
        began = time.perf_counter()
        try:
            yield
        finally:
            self.ack_seconds.observe(time.perf_counter() - began)
            self.under_way -= 1
            if not self.under_way:
                self._idle.set()

    async def wait_until_idle(self, grace: float) -> int:
        """Wait up to `grace` seconds until none is under way; return how many still are."""
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._idle.wait()
        return self.under_way

    def figures(self) -> Iterator[Metric]:
        """Yield the metrics for Prometheus."""
        yield counter("acks", "Envelopes that were acknowledged.", self.acks)
        yield Metric(
            "ack_seconds", "From an envelope to its acknowledgement.", self.ack_seconds, "histogram"
        )
