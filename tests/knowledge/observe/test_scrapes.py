"""Waiting until Prometheus has looked at every proxy once more."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.knowledge.observe.scrapes import wait_for_scrapes
from tests.knowledge.observe.stage import asking

PATH = "prometheus:9090/api/v1/targets"


def targets(**scraped: str) -> dict[str, Any]:
    """The targets of the application, each with its last scrape; one of elsewhere never has any."""
    listed = [
        {
            "health": "up",
            "labels": {"namespace": "bookinfo", "pod": pod},
            "lastScrape": f"2026-11-30T17:00:{second}Z",
        }
        for pod, second in scraped.items()
    ]
    other = {"health": "up", "labels": {"namespace": "shop", "pod": "x"}, "lastScrape": "never"}
    return {"status": "success", "data": {"activeTargets": [*listed, other]}}


@pytest.mark.long
@pytest.mark.parametrize(
    ("answers", "seen"),
    [
        ([targets(a="01", b="02"), targets(a="16", b="02"), targets(a="16", b="17")], True),
        ([targets(a="01", b="02"), targets(a="16")], True),
        ([targets(a="01", b="02"), targets(a="16", b="02")], False),
    ],
    ids=["one after the other", "a pod is gone", "one is not scraped"],
)
async def test_all_of_them_count(tmp_path: Path, answers: list[dict[str, Any]], seen: bool) -> None:
    """One that was not scraped again may still hold what was before; one that is gone does not."""
    async with asking({PATH: deque(answers)}, tmp_path) as context:
        patient = replace(context.workshop, readiness_timeout=5.0 if seen else 0.6)
        assert await wait_for_scrapes(replace(context, workshop=patient)) is seen


async def test_without_prometheus_nothing_was_scraped(tmp_path: Path) -> None:
    """Silence is no scrape."""
    async with asking({PATH: (503, {"message": "away"})}, tmp_path) as context:
        patient = replace(context.workshop, readiness_timeout=0.3)
        assert not await wait_for_scrapes(replace(context, workshop=patient))
