"""What the bot's own rules refuse or lose: meant, or to be done anew; and whose loss it is."""

from __future__ import annotations

import pytest

from bot.diagnosis.diagnose import diagnose
from bot.diagnosis.mesh_state import PageProbe
from bot.text import Text
from tests.diagnosis.cases.authorization import allow_as_bot
from tests.diagnosis.cases.breakers import limit
from tests.diagnosis.cluster import Cluster, Mode


@pytest.mark.parametrize(
    ("mode", "accounts", "cause", "command"),
    [
        (
            Mode.SIDECARS,
            ("bookinfo-reviews",),
            "authorization-asked-for",
            "authorize off",
        ),
        (
            Mode.WAYPOINT,
            ("bookinfo-reviews",),
            "authorization-denies",
            "authorize ratings from reviews",
        ),
    ],
)
def test_who_was_to_be_let_in_gets_in_anew(
    mode: Mode, accounts: tuple[str, ...], cause: str, command: str
) -> None:
    """A waypoint stands between now: the step, typed again, knows it."""
    cluster = Cluster(mode)
    allow_as_bot(cluster, *accounts)
    found = diagnose(cluster.state())
    fixes = {n.cause.id: n.findings[0].fix.command for n in (*found.broken, *found.normal)}
    assert fixes[cause] == command


@pytest.mark.parametrize(("part", "blamed"), [("reviews", True), ("ratings", False)])
def test_a_breaker_is_blamed_for_its_own_losses(part: str, blamed: bool) -> None:
    """A page without ratings says nothing of the limits of reviews."""
    cluster = Cluster()
    limit(cluster)
    cluster.page = PageProbe(
        "productpage", 200, False, Text("the page comes without {part}", part=part)
    )
    ids = {named.cause.id for named in diagnose(cluster.state()).normal}
    assert ("circuit-breaker-open" in ids) is blamed
