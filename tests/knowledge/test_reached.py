"""What was done in this workshop, and what is in force: two things."""

from __future__ import annotations

from typing import Any

import pytest

from bot.knowledge.workshop.progress import (
    StepStatus,
    describe_reached,
    describe_row,
    list_waiting_steps,
)
from bot.knowledge.workshop.reached import (
    find_beginning,
    find_oldest_moment,
    name_reached,
    takes_back,
)
from bot.records import DoneRun
from bot.text import Text


def row(step: str, **more: Any) -> StepStatus:
    """A row of the board that is not in place, unless told otherwise."""
    return StepStatus(step, **{"done": False, "words": Text("no"), **more})


@pytest.mark.parametrize(
    ("options", "back"),
    [
        ({"user": "jason", "what": []}, False),
        ({"user": "off"}, True),
        ({"off": True}, True),
        ({"off": False}, False),
        ({"action": "stop"}, True),
        ({"action": "burst", "count": 20}, False),
    ],
)
def test_a_run_that_ends_something_does_not_reach_it(options: dict[str, Any], back: bool) -> None:
    """`fault off`, `expose off` and `traffic stop` are no proof that there ever was one."""
    assert takes_back(DoneRun("any", options, 0.0)) is back


@pytest.mark.parametrize(
    ("step", "options", "name"),
    [
        ("fault", {"user": "jason"}, "fault"),
        ("fault", {"user": "off"}, "unfault"),
        ("unfault", {}, "unfault"),
        ("route", {"user": "off"}, ""),
        ("traffic", {"action": "stop"}, ""),
    ],
)
def test_a_fault_that_was_ended_by_its_own_word_is_ended(
    step: str, options: dict[str, Any], name: str
) -> None:
    """`fault off` does what the page of `unfault` is about; other endings are no page's."""
    assert name_reached(DoneRun(step, options, 0.0)) == name


@pytest.mark.parametrize(
    ("steps", "begun"),
    [
        ("", 0),
        ("install kiali", 0),
        ("install fault uninstall", 0),
        ("install uninstall install kiali", 3),
        ("install uninstall preflight install install", 4),
        ("install uninstall install uninstall", 3),
    ],
)
def test_an_installation_after_the_mesh_was_taken_away_begins_anew(steps: str, begun: int) -> None:
    """Until then all that was done counts, also when the mesh is gone."""
    runs = [DoneRun(step, {}, float(at)) for at, step in enumerate(steps.split(), start=1)]
    assert find_beginning(runs[::-1]) == begun


def test_what_was_done_before_the_cluster_was_made_does_not_count() -> None:
    """The oldest workload of the mesh tells; without any there is no such limit."""
    made = ({"metadata": {"creationTimestamp": f"2026-11-2{n}T00:00:00Z"}} for n in (6, 5))
    assert find_oldest_moment(made) == 1795564800.0
    assert find_oldest_moment(()) == 0.0


def test_a_success_takes_no_row_back() -> None:
    """What was taken back is done, what broke is not, and neither is offered in the wrong order."""
    rows = [
        row("install", done=True, reached=True),
        row("inject", reached=True),
        row("fault", reached=True, broken=True),
        row("shift"),
    ]
    marks = [str(describe_row(each)).partition(" ")[0] for each in rows]
    assert marks == ["✅", "☑️", "▫️", "▫️"]
    assert str(describe_reached(rows)) == "3 were done in this workshop."
    assert not describe_reached(rows[:1])
    assert list_waiting_steps(rows) == ["fault", "shift"]
    assert list_waiting_steps(rows[:2]) == ["inject"]


def test_what_all_stand_on_is_offered_again() -> None:
    """Without Istio nothing else can be done, whether or not it was there before."""
    assert list_waiting_steps([row("install", reached=True), row("shift")]) == ["install", "shift"]
