"""A diagnosis in words: the answer of `why`, the cause in other verdicts, the rows of the board."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from bot.catalog import Catalog
from bot.diagnosis.board import build_snapshot, list_step_statuses
from bot.diagnosis.diagnose import Diagnosis, diagnose
from bot.diagnosis.diagnosis_words import build_verdict
from bot.diagnosis.mesh_state import Activity, PageProbe
from bot.diagnosis.verdicts import add_cause, choose_cause, complete_verdict
from bot.kinds import NODE
from bot.knowledge.workshop.progress import STEPS as ROWS
from bot.steps import Caller, Context, Role, State, Step, Verdict
from bot.text import Text
from handlers import STEPS
from tests.diagnosis.cases import (
    application,
    control_plane,
    faults,
    observing,
    pods,
    routing,
    sidecars,
    subsets,
    waypoints,
)
from tests.diagnosis.cases.registry import Change
from tests.diagnosis.cases.rules import add_rules, define_subsets, lead
from tests.diagnosis.cluster import Cluster, Mode
from tests.diagnosis.wire import answer_lists
from tests.knowledge.observe.stage import asking

CATALOG = Catalog(STEPS)
DONE = Verdict(State.DONE, Text("all is set"), evidence=(Text("seen"),))
NORMAL = Verdict(State.NORMAL, Text("all is set"), because=Text("nobody meets it"))
NOT_YET = Verdict(State.NOT_YET, Text("it waits"), because=Text("no answer"), next=("status",))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def context(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Context]:
    """The context of a host, for who may type what; nothing is asked through it."""
    async with asking({}, tmp_path_factory.mktemp("words")) as made:
        yield made


def spoil(*changes: Change, mode: Mode = Mode.SIDECARS) -> Cluster:
    """A cluster with some changes."""
    cluster = Cluster(mode)
    for change in changes:
        change(cluster)
    return cluster


def answer(context: Context, cluster: Cluster, *, place: str = "") -> tuple[Verdict, str]:
    """The answer of `why`, and all its lines in English."""
    state = cluster.state()
    verdict = build_verdict(context, state, diagnose(state), place=place)
    lines = [str(verdict.summary), *map(str, verdict.evidence)]
    return verdict, "\n".join(lines)


def get_step(name: str) -> Step:
    """A step of the workshop."""
    found = CATALOG.get(name)
    assert found is not None
    return found


def find(cluster: Cluster) -> Diagnosis:
    """The diagnosis of a cluster."""
    return diagnose(cluster.state())


def test_healthy_is_said_with_what_was_looked_at(context: Context) -> None:
    """The id stands first, then what is so of the mode."""
    verdict, said = answer(context, Cluster())
    assert verdict.state is State.DONE
    assert "`cause: healthy` looked at: 6 pods, 5 Services, 2 rules of bookinfo" in said
    assert "nothing is broken in bookinfo." in said
    assert said.index("healthy") < said.index("path-not-routed")


def test_causes_stand_in_their_order_with_evidence(context: Context) -> None:
    """Gravest first; each with what was seen and what ends it, and healthy is not claimed."""
    cluster = spoil(routing.catch_all_first, application.details_service_gone)
    verdict, said = answer(context, cluster)
    assert said.startswith("2 causes in bookinfo, the gravest first.")
    assert said.index("`cause: service-missing`") < said.index("`cause: rule-shadowed`")
    assert "seen: no Service details in bookinfo" in said
    assert "ends it: `/mesh bookinfo`" in said
    assert "healthy" not in said
    assert verdict.next[:2] == ("bookinfo", "route jason")


def test_commands_name_the_namespace_where_they_must(context: Context) -> None:
    """In a namespace of one's own a step of the application is typed with it, one of the mesh
    without."""
    cluster = spoil(application.details_service_gone, control_plane.injector_deleted)
    verdict, _ = answer(context, cluster, place="mine")
    assert verdict.next == ("bookinfo in=mine", "install")
    assert all(CATALOG.parse(command) for command in verdict.next)


def test_attendee_is_offered_only_what_they_may_do(context: Context) -> None:
    """What needs a host is told as such, and is no button."""
    attendee = replace(context, caller=Caller("U2", Role.ATTENDEE))
    verdict, said = answer(attendee, spoil(application.details_service_gone))
    assert "ends it: `/mesh bookinfo`, which a host can type" in said
    assert "bookinfo" not in verdict.next


def test_unread_is_told(context: Context) -> None:
    """What was not looked at stands below, and nobody calls that healthy."""
    cluster = Cluster()
    cluster.forbid(NODE)
    _, said = answer(context, cluster)
    assert "nothing is broken in bookinfo as far as I could look." in said
    assert "not looked at: nodes (no)" in said
    assert "healthy" not in said


def test_page_without_a_known_cause_is_told(context: Context) -> None:
    """The diagnosis says where it is at its end."""
    cluster = Cluster()
    cluster.page = PageProbe("productpage", 503, False, Text("productpage answers 503"))
    _, said = answer(context, cluster)
    assert "is not whole, and no cause that I know holds" in said
    assert "productpage answers 503" in said
    assert "healthy" not in said


def test_while_pods_start_a_page_that_is_not_whole_is_not_called_healthy(context: Context) -> None:
    """Whether they will run is not known yet: a pull may still fail."""
    cluster = spoil(pods.started_just_now)
    cluster.page = PageProbe("productpage", 200, False, Text("the page comes without details"))
    _, said = answer(context, cluster)
    assert "not whole while pods start; nothing is known to be broken yet" in said
    assert "pod-starting" in said
    assert "healthy" not in said
    assert "nothing is broken" not in said


def test_normal_of_the_step_asked_about_is_told_first(context: Context) -> None:
    """Whoever asks about the graph in ambient hears why edges are TCP, before what is always so."""
    cluster = Cluster(Mode.AMBIENT)
    cluster.activity = Activity(step="graph")
    _, said = answer(context, cluster)
    assert said.index("l4-only") < said.index("path-not-routed")


def test_many_findings_of_a_kind_are_counted(context: Context) -> None:
    """Four Services without pods are three and one more."""
    cluster = Cluster()
    for app in application.APPS:
        cluster.change_service(app, targetPort=1)
    _, said = answer(context, cluster)
    assert said.count("also:") == 2
    assert "and 1 more of the kind" in said


MET: dict[str, tuple[str, Change, Mode]] = {
    "service-missing": ("traffic", application.details_service_gone, Mode.SIDECARS),
    "kiali-not-ready": ("kiali", observing.kiali_scaled_to_zero, Mode.SIDECARS),
    "control-plane-down": ("inject", control_plane.istiod_scaled_to_zero, Mode.SIDECARS),
    "waypoint-not-enrolled": ("waypoint", waypoints.namespace_not_enrolled, Mode.WAYPOINT),
    "pod-starting": ("bookinfo", pods.started_just_now, Mode.SIDECARS),
}


@pytest.mark.parametrize("id", MET)
def test_not_yet_gets_a_cause_of_its_subject(id: str) -> None:
    """A step that is not yet takes the first cause that can be its reason."""
    step, change, mode = MET[id]
    named = choose_cause(get_step(step), find(spoil(change, mode=mode)), met=False)
    assert named is not None
    assert named.cause.id == id


def test_not_yet_gets_no_cause_of_another_subject() -> None:
    """That Kiali is away is no reason why Bookinfo is not ready."""
    diagnosis = find(spoil(observing.kiali_scaled_to_zero))
    assert choose_cause(get_step("bookinfo"), diagnosis, met=False) is None


def test_done_is_taken_back_only_by_what_is_met_at_that_step() -> None:
    """What is broken elsewhere explains a verdict that is not yet, and leaves a Done as it was
    seen."""
    for change, owner in (
        (application.details_service_gone, "bookinfo"),
        (control_plane.injector_deleted, "inject"),
        (routing.catch_all_first, "route"),
    ):
        diagnosis = find(spoil(change))
        assert choose_cause(get_step(owner), diagnosis, met=True) is not None
        assert choose_cause(get_step("expose"), diagnosis, met=True) is None
        assert choose_cause(get_step("expose"), diagnosis, met=False) is not None


def test_done_is_taken_back_only_for_what_is_met_at_the_step() -> None:
    """A route that never acts is not Done; that details has no Service is not the route's fault."""
    route = get_step("route")
    named = choose_cause(route, find(spoil(routing.catch_all_first)), met=True)
    assert named is not None
    assert named.cause.id == "rule-shadowed"
    gone = find(spoil(application.details_service_gone))
    assert choose_cause(route, gone, met=True) is None


@pytest.mark.parametrize(
    ("objects", "counts"),
    [
        ({"VirtualService/x", "Service/reviews"}, True),
        ({"VirtualService/x", "Service/ratings"}, False),
        ({"VirtualService/x"}, True),
        (set(), True),
    ],
)
def test_done_of_a_route_stands_over_what_is_wrong_with_another_service(
    objects: set[str], counts: bool
) -> None:
    """What the step's rules are not for; a cause that names no Service is about all."""
    (named, *_) = find(spoil(routing.catch_all_first)).broken
    finding = replace(named.findings[0], objects=frozenset(objects))
    diagnosis = Diagnosis((replace(named, findings=(finding,)),), ())
    assert (choose_cause(get_step("route"), diagnosis, met=True) is not None) is counts


def test_verdict_with_a_cause_keeps_what_was_seen(context: Context) -> None:
    """Done becomes not yet, the cause stands in front, what the step saw below it."""
    named = find(spoil(subsets.no_rule_at_all)).broken[0]
    verdict = add_cause(context, DONE, named)
    assert verdict.state is State.NOT_YET
    assert str(verdict.because).startswith("`cause: subset-without-destinationrule`")
    assert "Seen: " in str(verdict.because)
    assert verdict.next == ("mend",)
    waiting = add_cause(context, NOT_YET, named)
    assert waiting.evidence[0] == NOT_YET.because
    assert waiting.next == ("mend", "status")


async def test_done_in_a_healthy_cluster_stays(tmp_path: Path) -> None:
    """Nothing is added where nothing is broken, or where the step was to end something."""
    async with asking(answer_lists(Cluster()), tmp_path) as context:
        assert await complete_verdict(context, get_step("route"), DONE) is DONE
        assert await complete_verdict(context, get_step("fault"), DONE, takes_away=True) is DONE


async def test_done_that_leaves_something_broken_is_not_done(tmp_path: Path) -> None:
    """The step's word alone does not count: the cluster is looked at once more."""
    answers = answer_lists(spoil(routing.catch_all_first))
    async with asking(answers, tmp_path) as context:
        verdict = await complete_verdict(context, get_step("route"), DONE)
        untouched = await complete_verdict(context, get_step("undo"), NOT_YET)
    assert verdict.state is State.NOT_YET
    assert "rule-shadowed" in str(verdict.because)
    assert untouched is NOT_YET


@pytest.mark.parametrize("step", ["timeout", "retry"])
async def test_a_rule_that_nobody_meets_is_not_normal_where_it_is_not_obeyed(
    tmp_path: Path, step: str
) -> None:
    """Whole pages do not show that it could act: beside an older rule of that host it cannot."""
    async with asking(answer_lists(spoil(routing.short_and_full_name)), tmp_path) as context:
        verdict = await complete_verdict(context, get_step(step), NORMAL)
        untouched = await complete_verdict(context, get_step("route"), NORMAL)
    assert verdict.state is State.NOT_YET
    assert "virtualservices-collide" in str(verdict.because)
    assert untouched is NORMAL


def list_green(cluster: Cluster) -> set[str]:
    """The rows of the board that are done."""
    state = cluster.state()
    rows = list(list_step_statuses(state, build_snapshot(state), diagnose(state)))
    assert [row.step for row in rows] == list(ROWS)
    return {row.step for row in rows if row.done}


HEALTHY = {
    Mode.OUTSIDE: {"install", "kiali", "bookinfo", "expose"},
    Mode.SIDECARS: {"install", "kiali", "bookinfo", "inject", "expose"},
    Mode.AMBIENT: {"install", "kiali", "bookinfo", "expose", "ambient"},
    Mode.WAYPOINT: {"install", "kiali", "bookinfo", "expose", "ambient", "waypoint"},
}


@pytest.mark.parametrize("mode", Mode)
def test_board_is_green_where_all_is_well(mode: Mode) -> None:
    """What was done is green, and what nobody has begun is not."""
    assert list_green(Cluster(mode)) == HEALTHY[mode]


RED: dict[str, tuple[Change, Mode]] = {
    "install": (control_plane.istiod_scaled_to_zero, Mode.SIDECARS),
    "kiali": (observing.kiali_scaled_to_zero, Mode.SIDECARS),
    "bookinfo": (application.details_service_gone, Mode.SIDECARS),
    "inject": (sidecars.one_not_restarted, Mode.SIDECARS),
    "waypoint": (waypoints.waypoint_scaled_to_zero, Mode.WAYPOINT),
}


@pytest.mark.parametrize("row", RED)
def test_row_is_not_green_over_something_broken(row: str) -> None:
    """The row of what is broken turns, though the objects of the step are there."""
    change, mode = RED[row]
    assert row in HEALTHY[mode]
    assert row not in list_green(spoil(change, mode=mode))


def test_rules_are_read_by_host_and_not_by_name() -> None:
    """A route, weights and a fault count, whatever their objects are called."""
    cluster = Cluster()
    define_subsets(cluster, "reviews", "v1", "v3", name="versions")
    shared = lead("reviews", "v1", "v3")
    shared["route"][0]["weight"], shared["route"][1]["weight"] = 90, 10
    add_rules(cluster, "reviews", shared, name="canary")
    faults.fault_for_everybody(cluster)
    assert {"route", "shift", "fault"} <= list_green(cluster)


def test_route_that_never_acts_is_not_green() -> None:
    """The rule is there, and has no effect."""
    cluster = spoil(routing.bound_to_a_gateway)
    assert "route" not in list_green(cluster)
