"""Ranking: roots stand for their consequences, and what is independent is named beside them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.diagnosis.cause import EVERYTHING, Cause, Finding, Subject
from bot.diagnosis.cause_list import CAUSES
from bot.diagnosis.diagnose import diagnose
from bot.diagnosis.mesh_state import Activity, NamespaceState, PageProbe
from bot.kinds import DEPLOYMENT, SERVICE
from bot.knowledge.objects.workloads import get_condition
from bot.text import Text
from tests.diagnosis.cases import ambient as ambient_cases
from tests.diagnosis.cases import (
    application,
    authorization,
    control_plane,
    faults,
    gateways,
    observing,
    placement,
    pods,
    routing,
    sidecars,
    subsets,
    waypoints,
)
from tests.diagnosis.cases.registry import Change
from tests.diagnosis.cases.rules import define_subsets, fault, route
from tests.diagnosis.cluster import Cluster, Mode, inject, leave_mesh
from tests.diagnosis.shapes import pod as build_pod

EXPLAINS = {cause.id: set(cause.explains) - {EVERYTHING} for cause in CAUSES}


def list_broken(cluster: Cluster) -> list[str]:
    """The ids of what is broken, the gravest first."""
    return [named.cause.id for named in diagnose(cluster.state()).broken]


def list_consequences(id: str) -> set[str]:
    """All that follows from a cause, by way of others too."""
    found: set[str] = set()
    left = [id]
    while left:
        fresh = EXPLAINS[left.pop()] - found
        found |= fresh
        left += fresh
    return found


@pytest.mark.parametrize("id", EXPLAINS)
def test_no_cause_explains_itself(id: str) -> None:
    """Two causes that explain each other would both be left out, and nothing be said."""
    assert EXPLAINS[id] <= set(EXPLAINS)
    assert id not in list_consequences(id)


PAIRS: dict[str, tuple[Mode, Change, Change, set[str]]] = {
    "istiod and a selector": (
        Mode.SIDECARS,
        control_plane.istiod_scaled_to_zero,
        application.selector_misspelt,
        {"control-plane-down", "service-selects-no-pods"},
    ),
    "istiod and a probe": (
        Mode.SIDECARS,
        control_plane.istiod_scaled_to_zero,
        pods.probe_fails,
        {"control-plane-down", "readiness-failing"},
    ),
    "istiod and a class": (
        Mode.SIDECARS,
        control_plane.istiod_scaled_to_zero,
        gateways.class_misspelt,
        {"control-plane-down", "gateway-class-unknown"},
    ),
    "a stale webhook and no injector": (
        Mode.SIDECARS,
        control_plane.service_of_revision_gone,
        control_plane.only_the_deactivated_left,
        {"stale-webhook", "injector-webhook-missing"},
    ),
    "a crash and a Service of the mesh": (
        Mode.SIDECARS,
        pods.ends_again_and_again,
        observing.prometheus_service_gone,
        {"crash-loop", "prometheus-not-ready"},
    ),
    "a crash and the collector": (
        Mode.SIDECARS,
        pods.ends_again_and_again,
        observing.collector_service_gone,
        {"crash-loop", "tracing-backend-missing"},
    ),
    "a crash and ztunnel on its node": (
        Mode.AMBIENT,
        pods.ends_again_and_again,
        ambient_cases.ztunnel_wants_no_node,
        {"crash-loop", "ztunnel-not-ready"},
    ),
    "a version without pods and a subset of nobody": (
        Mode.SIDECARS,
        subsets.labels_of_nobody,
        placement.details_scaled_to_zero,
        {"subset-without-pods", "workload-scaled-to-zero"},
    ),
    "a paused rollout and older proxies": (
        Mode.SIDECARS,
        placement.paused_before_restart,
        observing.started_before_tracing,
        {"rollout-paused", "proxy-older-than-settings"},
    ),
    "a paused rollout and pods that nobody restarted": (
        Mode.SIDECARS,
        placement.paused_before_restart,
        sidecars.labelled_and_not_restarted,
        {"rollout-paused", "no-restart-after-label"},
    ),
    "a label and a Service": (
        Mode.SIDECARS,
        sidecars.labelled_and_not_restarted,
        application.details_service_gone,
        {"no-restart-after-label", "service-missing"},
    ),
    "a policy and a rule": (
        Mode.SIDECARS,
        authorization.post_denied,
        routing.catch_all_first,
        {"rule-shadowed"},
    ),
    "a waypoint and Kiali": (
        Mode.WAYPOINT,
        waypoints.namespace_not_enrolled,
        observing.kiali_scaled_to_zero,
        {"waypoint-not-enrolled", "kiali-not-ready"},
    ),
    "a route's parent and a fault": (
        Mode.SIDECARS,
        gateways.parent_misspelt,
        faults.routed_to_v1,
        {"route-parent-missing", "user-never-reaches-ratings"},
    ),
}
"""Two changes of one cluster, and what has to be named then."""


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("swapped", [False, True], ids=["", "swapped"])
def test_independent_causes_are_both_named(name: str, *, swapped: bool) -> None:
    """Neither hides the other, whichever came first."""
    mode, one, other, ids = PAIRS[name]
    cluster = Cluster(mode)
    for change in (other, one) if swapped else (one, other):
        change(cluster)
    assert set(list_broken(cluster)) == ids


def test_istiod_that_is_never_ready_is_the_root() -> None:
    """The pod that fails its probe explains the control plane that is down, not the reverse."""
    cluster = Cluster()
    cluster.add_event(cluster.make_unready("istiod"), "Unhealthy", "Readiness probe failed")
    assert list_broken(cluster) == ["readiness-failing"]


@pytest.mark.parametrize("remove", [True, False], ids=["not installed", "down"])
def test_proxy_without_istiod_is_a_consequence(*, remove: bool) -> None:
    """A sidecar that waits for its configuration is no second cause."""
    cluster = Cluster()
    pod = cluster.make_unready("details-v1")
    waiting = {"name": "istio-proxy", "ready": False, "state": {"running": {}}}
    pod["status"]["containerStatuses"][0]["ready"] = True
    pod["status"]["initContainerStatuses"] = [waiting]
    cluster.add_event(pod, "Unhealthy", "Readiness probe failed: no config from XDS server")
    assert list_broken(cluster) == ["readiness-failing"]
    if remove:
        control_plane.remove_istio(cluster)
    else:
        cluster.scale_to_zero("istiod")
    assert list_broken(cluster) == ["istio-not-installed" if remove else "control-plane-down"]


def test_consequence_of_another_object_is_a_cause() -> None:
    """v2 is scaled to 0, which explains its subset and not that of v9."""
    cluster = Cluster()
    define_subsets(cluster, "reviews", "v2", "v9")
    route(cluster, "reviews", "v2", "v9")
    cluster.scale_to_zero("reviews-v2")
    found = diagnose(cluster.state()).broken
    assert [n.cause.id for n in found] == ["workload-scaled-to-zero", "subset-without-pods"]
    assert [len(n.findings) for n in found] == [1, 1]
    assert "v9" in str(found[1].findings[0].sentence)


def test_image_that_all_lack_is_one_cause() -> None:
    """Six new pods wait for one image of the proxy, while the old ones have no sidecar."""
    cluster = Cluster()
    for number, old in enumerate(list(cluster.list_app_pods())):
        leave_mesh(old)
        name = f"{old['metadata']['labels']['app']}-{old['metadata']['labels']['version']}"
        new = build_pod(cluster.get(DEPLOYMENT, name), number=8)
        cluster.add(new)
        get_condition(new, "Ready")["status"] = "False"
        image = "mirror.example.com/proxyv2:1.30.3"
        waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off"}}
        told = {"name": "istio-init", "image": image, "ready": False, "state": waiting}
        new["status"]["initContainerStatuses"] = [told]
        inject(new)
        new["spec"]["initContainers"].insert(0, {"name": "istio-init", "image": image})
        if not number:
            cluster.add_event(new, "Failed", "toomanyrequests: rate limit")
    found = diagnose(cluster.state()).broken
    assert [n.cause.id for n in found] == ["image-pull-rate-limited"]
    assert len(found[0].findings) == 1


def test_namespace_that_is_deleted_explains_all() -> None:
    """What is missing in it is being deleted."""
    cluster = Cluster()
    application.namespace_hangs(cluster)
    fault(cluster, "ratings")
    assert list_broken(cluster) == ["namespace-terminating"]


def spoil_twice() -> Cluster:
    """A cluster with a grave cause and one that is met at routes."""
    cluster = Cluster()
    cluster.remove(SERVICE, "details")
    routing.catch_all_first(cluster)
    return cluster


def test_gravest_is_first() -> None:
    """What stops the page stands before a rule that does not act."""
    assert list_broken(spoil_twice()) == ["service-missing", "rule-shadowed"]


def test_cause_of_the_step_is_first() -> None:
    """Whoever asks why a route does not act hears of the route first, and of the rest too."""
    cluster = spoil_twice()
    cluster.activity = Activity(step="route")
    assert list_broken(cluster) == ["rule-shadowed", "service-missing"]


def test_cause_that_cannot_be_looked_for_hides_no_other() -> None:
    """It is said so, and the cluster does not pass for healthy."""

    def find(state: NamespaceState) -> Iterator[Finding]:
        raise KeyError(state.namespace)

    strange = Cause("strange", Subject.CLUSTER, "", "", "", find)
    cluster = Cluster()
    diagnosis = diagnose(cluster.state(), (strange, *CAUSES))
    assert [str(unread.what) for unread in diagnosis.unread] == ["cause strange"]
    assert not diagnosis.broken
    assert not diagnosis.is_healthy


def test_what_only_time_suggests_is_not_said_beside_a_fault() -> None:
    """That reviews was started just now is no news where its subset is missing."""
    cluster = Cluster()
    subsets.no_rule_at_all(cluster)
    inject(cluster.replace_pods("reviews-v1", age=20))
    cluster.page = PageProbe("productpage", 200, whole=False, words=Text("without reviews"))
    diagnosis = diagnose(cluster.state())
    assert [named.cause.id for named in diagnosis.broken] == ["subset-without-destinationrule"]
    assert "reviews-starting" not in [named.cause.id for named in diagnosis.normal]
