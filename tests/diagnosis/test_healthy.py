"""Healthy states: nothing is to blame, and what only looks broken is told as such."""

from __future__ import annotations

import pytest

from bot.diagnosis.diagnose import diagnose
from bot.diagnosis.mesh_state import Activity
from bot.kinds import Kind
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


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("kind", Cluster().objects, ids=lambda kind: f"{kind.plural}-{kind.group}")
def test_unread_is_not_absent(mode: Mode, kind: Kind) -> None:
    """What may not be read is neither missing nor well, even if all steps were asked for."""
    cluster = Cluster(mode)
    cluster.forbid(kind)
    steps = {"inject", "expose", "traces", "addons", "graph"}
    cluster.activity = Activity(wanted=frozenset(steps if mode is Mode.SIDECARS else ()))
    diagnosis = diagnose(cluster.state())
    assert [named.cause.id for named in diagnosis.broken] == []
    assert diagnosis.unread == tuple(cluster.unread.values())
    assert not diagnosis.is_healthy
