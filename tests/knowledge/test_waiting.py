"""Waiting for pods that will not come."""

from __future__ import annotations

import asyncio

import pytest

from bot.kinds import Object
from bot.knowledge.objects.waiting import REFUSED_SECONDS, is_refused, shorten_when_refused


def workload(message: str = "") -> Object:
    """A Deployment, refused with a message."""
    failure = {"type": "ReplicaFailure", "status": "True", "message": message}
    return {"metadata": {"name": "web"}, "status": {"conditions": [failure] if message else []}}


QUOTA = 'pods "web" is forbidden: exceeded quota: room, requested: pods=1'


@pytest.mark.parametrize(
    ("message", "refused"),
    [
        (QUOTA, True),
        ('pods "web" is forbidden: violates PodSecurity "baseline:latest": privileged', True),
        ("maximum cpu usage per Container is 1, but limit is 2", True),
        ('failed calling webhook "x": no endpoints available for service "istiod"', False),
        ('failed calling webhook "x": failed to call webhook: service "y" not found', True),
        ("", False),
    ],
)
def test_refusals_of_admission_last(message: str, *, refused: bool) -> None:
    """A webhook that does not answer may come back; one without a Service does not.

    Nor does a quota grow by itself."""
    assert is_refused(workload(message)) is refused


async def test_a_refused_rollout_is_not_waited_for_to_the_end() -> None:
    """The limit is short while all are refused, and what it was when one is not any more."""
    now = asyncio.get_running_loop().time()
    end = now + 300
    async with asyncio.timeout_at(end) as limit:
        await asyncio.sleep(0)
        shorten_when_refused(limit, end, [workload(QUOTA), workload()])
        assert limit.when() == end
        shorten_when_refused(limit, end, [workload(QUOTA)])
        short = limit.when() or 0.0
        assert short < now + REFUSED_SECONDS + 60 < end
        shorten_when_refused(limit, end, [workload(QUOTA)])
        assert limit.when() == short
        shorten_when_refused(limit, end, [workload()])
        assert limit.when() == end
