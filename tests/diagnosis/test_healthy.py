"""Healthy states: nothing is to blame, and what only looks broken is told as such."""

from __future__ import annotations

import pytest

from bot.diagnosis.diagnose import diagnose
from tests.diagnosis.cluster import Cluster, Mode

NORMAL = {
    Mode.OUTSIDE: {"path-not-routed"},
    Mode.SIDECARS: {"path-not-routed"},
    Mode.AMBIENT: {"path-not-routed", "l4-only", "no-traces-without-waypoint"},
    Mode.WAYPOINT: {"path-not-routed", "ingress-bypasses-waypoint", "double-edges"},
}


@pytest.mark.parametrize("mode", Mode)
def test_nothing_is_broken(mode: Mode) -> None:
    """Whoever asks in a healthy workshop hears of nothing to mend."""
    diagnosis = diagnose(Cluster(mode).state())
    assert [named.cause.id for named in diagnosis.broken] == []
    assert diagnosis.is_healthy


@pytest.mark.parametrize("mode", Mode)
def test_what_is_always_so_is_normal(mode: Mode) -> None:
    """Each mode has its own peculiarities, and none of an event."""
    diagnosis = diagnose(Cluster(mode).state())
    assert {named.cause.id for named in diagnosis.normal} == NORMAL[mode]
    assert all(named.cause.always for named in diagnosis.normal)
