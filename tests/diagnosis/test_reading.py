"""Reading over the wire: one request for a kind, and what may not be read is noted."""

from __future__ import annotations

from collections import Counter, deque
from pathlib import Path

import pytest

from bot.cluster import RetryPolicy
from bot.diagnosis import asked_diagnosis
from bot.diagnosis import asking as asking_page
from bot.diagnosis.asking import build_namespace_state
from bot.diagnosis.board import read_board
from bot.diagnosis.diagnose import diagnose
from bot.diagnosis.diagnosis_words import summarize
from bot.diagnosis.mesh_state import NamespaceState
from bot.diagnosis.reading import NAMESPACED, read_cluster_state
from bot.errors import Unavailable
from bot.kinds import (
    AUTHORIZATION_POLICY,
    CRD,
    EVENT,
    NETWORK_POLICY,
    NODE,
    POD,
    SERVICE,
    VIRTUAL_SERVICE,
    Kind,
)
from bot.knowledge.bookinfo.app import PAGE_TITLE, REVIEWS_HEADING
from tests.diagnosis.cases import control_plane, placement, subsets
from tests.diagnosis.cases.rules import add_rules, lead
from tests.diagnosis.cluster import Cluster, Mode
from tests.diagnosis.shapes import APP, MESH, thing
from tests.diagnosis.wire import answer_lists, forbid, name_path
from tests.knowledge.observe.stage import Late, asking

PAGE = f"/api/v1/namespaces/{APP}/services/bookinfo-gateway-istio:80/productpage"
HASTY = RetryPolicy(total=0.1, first=0.005, longest=0.02)


async def read(answers: dict[str, object], home: Path, asked: list[str]) -> NamespaceState:
    """The application's namespace, read over the wire."""
    async with asking(answers, home, asked) as context:
        return NamespaceState(await read_cluster_state(context, APP), APP)


@pytest.mark.parametrize("mode", Mode)
async def test_healthy_over_the_wire(mode: Mode, tmp_path: Path) -> None:
    """What is healthy in plain objects is so when it was read."""
    asked: list[str] = []
    diagnosis = diagnose(await read(answer_lists(Cluster(mode)), tmp_path, asked))
    assert diagnosis.is_healthy, diagnosis
    assert diagnosis.unread == ()
    assert max(Counter(asked).values()) <= 2  # the mesh's configuration is read by two


async def test_causes_over_the_wire(tmp_path: Path) -> None:
    """Two causes are named as they are of plain objects."""
    cluster = Cluster()
    subsets.no_rule_at_all(cluster)
    placement.quota_full(cluster)
    diagnosis = diagnose(await read(answer_lists(cluster), tmp_path, []))
    found = [named.cause.id for named in diagnosis.broken]
    assert found == ["quota-exceeded", "subset-without-destinationrule"]


@pytest.mark.parametrize(
    "kind",
    [AUTHORIZATION_POLICY, NETWORK_POLICY, NODE, EVENT, CRD, VIRTUAL_SERVICE, SERVICE],
    ids=lambda kind: kind.plural,
)
async def test_forbidden_is_not_healthy(kind: Kind, tmp_path: Path) -> None:
    """A kind that may not be read is named as such: it is neither broken nor well."""
    answers = answer_lists(Cluster())
    forbid(answers, kind)
    diagnosis = diagnose(await read(answers, tmp_path, []))
    assert [str(unread.what) for unread in diagnosis.unread] == [kind.plural]
    assert "forbidden" in str(diagnosis.unread[0].why)
    assert [named.cause.id for named in diagnosis.broken] == []
    assert not diagnosis.is_healthy


async def test_forbidden_everywhere_is_read_in_the_namespaces(tmp_path: Path) -> None:
    """Whoever may not list the whole cluster still sees the namespace's own rules."""
    cluster = Cluster()
    subsets.no_rule_at_all(cluster)
    answers = answer_lists(cluster)
    answers[name_path(VIRTUAL_SERVICE)] = (403, {"kind": "Status", "message": "no", "code": 403})
    diagnosis = diagnose(await read(answers, tmp_path, []))
    found = [named.cause.id for named in diagnosis.broken]
    assert found == ["subset-without-destinationrule"]
    assert diagnosis.unread == ()


async def test_pods_that_may_not_be_read(tmp_path: Path) -> None:
    """Without pods much is not known, and nothing is called broken for it."""
    answers = answer_lists(Cluster())
    forbid(answers, POD)
    state = await read(answers, tmp_path, [])
    assert POD in state.cluster.unread
    assert not diagnose(state).broken


async def test_cluster_that_is_away_is_an_error(tmp_path: Path) -> None:
    """Where not even pods can be asked for there is nothing to say, least of all that all is
    well."""
    answers = answer_lists(Cluster())
    answers[name_path(POD, APP)] = (503, {"kind": "Status", "message": "etcd", "code": 503})
    async with asking(answers, tmp_path, retry_policy=HASTY) as context:
        with pytest.raises(Unavailable):
            await read_cluster_state(context, APP)


async def test_kind_that_is_away_is_unread(tmp_path: Path) -> None:
    """A kind that the server cannot list just now is not a kind without objects."""
    answers = answer_lists(Cluster())
    answers[name_path(SERVICE, APP)] = (503, {"kind": "Status", "message": "etcd", "code": 503})
    async with asking(answers, tmp_path, retry_policy=HASTY) as context:
        state = await read_cluster_state(context, APP)
    assert set(state.unread) == {SERVICE}
    assert not diagnose(NamespaceState(state, APP)).broken


async def test_many_namespaces_are_one_request_for_each_kind(tmp_path: Path) -> None:
    """The workshop's forty attendees cost no more than six."""
    asked: list[str] = []
    names = [f"attendee-{number}" for number in range(40)]
    cluster = Cluster()
    for name in names:
        cluster.add(thing("v1", "Namespace", name, status={"phase": "Active"}))
    async with asking(answer_lists(cluster), tmp_path, asked) as context:
        state = await read_cluster_state(context, *names)
    paths = Counter(each.partition("?")[0] for each in asked)
    for kind in NAMESPACED:
        assert paths[name_path(kind)] == 1
        assert not [p for p in paths if p.startswith(name_path(kind, names[0]))]
    assert len(asked) < len(names) + 40
    assert {len(diagnose(NamespaceState(state, name)).broken) for name in names} == {0}


async def test_services_that_webhooks_name_are_looked_up(tmp_path: Path) -> None:
    """A webhook's Service in a namespace that is not read is asked for, and no other."""
    cluster = Cluster()
    control_plane.service_of_revision_gone(cluster)
    cluster.objects[SERVICE].append(thing("v1", "Service", "policy", "kyverno", spec={}))
    for place, name in (("kyverno", "policy"), ("linkerd", "injector")):
        hook = {"name": name, "clientConfig": {"service": {"namespace": place, "name": name}}}
        kind = "ValidatingWebhookConfiguration"
        cluster.add(thing("admissionregistration.k8s.io/v1", kind, name, webhooks=[hook]))
    async with asking(answer_lists(cluster), tmp_path) as context:
        state = await read_cluster_state(context, APP)
    assert state.missing_services == {(MESH, "istiod-canary"), ("linkerd", "injector")}


async def test_hosts_of_other_namespaces_are_looked_up(tmp_path: Path) -> None:
    """A rule that sends to a Service of another namespace is right where that exists."""
    cluster = Cluster()
    host = "reviews.shop.svc.cluster.local"
    add_rules(cluster, "reviews", lead(host))
    found = [n.cause.id for n in diagnose(await read(answer_lists(cluster), tmp_path, [])).broken]
    assert found == ["virtualservice-host-unknown"]
    cluster.add(thing("v1", "Service", "reviews", "shop", spec={}))
    assert diagnose(await read(answer_lists(cluster), tmp_path, [])).is_healthy


async def test_page_that_does_not_answer_is_told(tmp_path: Path) -> None:
    """No cause is known, and the page is not there: that is not healthy."""
    async with asking(answer_lists(Cluster()), tmp_path) as context:
        cluster = await read_cluster_state(context, APP)
        diagnosis = diagnose(await build_namespace_state(context, cluster, APP))
    assert diagnosis.is_page_unexplained
    assert not diagnosis.is_healthy


@pytest.mark.parametrize(("times", "whole"), [(3, True), (4, False)])
async def test_slow_page_is_asked_for_once_more(
    times: int, whole: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that comes late is no broken one; that it never came is said, and no more."""
    monkeypatch.setattr(asking_page, "PAGE_TIMEOUT", 0.15)
    monkeypatch.setattr(asked_diagnosis, "LONGER", 0.9)
    page = f"<title>{PAGE_TITLE}</title> {REVIEWS_HEADING}"
    asked: list[str] = []
    answers = answer_lists(Cluster())
    late = [Late(2, page)] * times
    answers[PAGE] = deque([*late, Late(0.2, page)] if whole else late)
    async with asking(answers, tmp_path, asked) as context:
        cluster = await read_cluster_state(context, APP)
        state, diagnosis = await asked_diagnosis.diagnose_namespace(context, cluster, APP)
    assert sum("/proxy/productpage" in path for path in asked) == 6
    assert diagnosis.is_healthy is whole
    said = str(summarize(context, diagnosis))
    assert ("gave no answer" in said) is not whole
    assert state.page is not None
    assert (state.page.status == 200) is whole


async def test_board_over_the_wire(tmp_path: Path) -> None:
    """The board reads each kind once, and is green where the workshop is healthy."""
    asked: list[str] = []
    async with asking(answer_lists(Cluster()), tmp_path, asked) as context:
        board = await read_board(context)
    done = {row.step for row in board.rows if row.done}
    assert {"install", "kiali", "bookinfo", "inject", "expose"} <= done
    assert done.isdisjoint({"ambient", "waypoint", "route", "fault"})
