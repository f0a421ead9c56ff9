"""What undo goes back to: the state before the oldest of the changes that it takes back."""

from __future__ import annotations

from bot.kinds import CONFIG_MAP, NAMESPACE, Kind, Object
from bot.knowledge.workshop.undo import find_earliest_images
from bot.records import BeforeImage, Change


def image(name: str, before: Object | None, kind: Kind = CONFIG_MAP) -> BeforeImage:
    """An object as it was before."""
    return BeforeImage(kind, "shop" if kind.namespaced else "", name, before)


def test_the_oldest_state_of_each_object_counts() -> None:
    """Of several changes, and of several images of one change."""
    newest = Change("r2", "route", "route", (image("a", {"v": 2}), image("b", None)))
    oldest = Change("r1", "fault", "fault", (image("a", {"v": 1}), image("a", {"v": 9})))
    found = {each.name: each.before for each in find_earliest_images([newest, oldest])}
    assert found == {"a": {"v": 1}, "b": None}


def test_namespaces_that_stay_come_first() -> None:
    """Their labels count when pods are made anew; one that goes, goes where it stands."""
    stays, goes = image("shop", {"v": 1}, NAMESPACE), image("new", None, NAMESPACE)
    change = Change("r1", "inject", "inject", (goes, image("a", None), stays))
    assert [each.name for each in find_earliest_images([change])] == ["shop", "a", "new"]
