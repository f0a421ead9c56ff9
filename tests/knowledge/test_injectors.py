"""Which labels bring a namespace into the mesh by sidecars, and which take it out."""

from __future__ import annotations

from typing import Any

import pytest

from bot.kinds import Object
from bot.knowledge.istio.injectors import (
    change_labels,
    choose_labels,
    find_injector,
    get_revision,
    select_noticed,
)
from bot.knowledge.istio.sidecars import build_sidecar_state, is_left_out

INJECTION, REVISION, OWN = "istio-injection", "istio.io/rev", "sidecar.istio.io/inject"
AMBIENT, WAYPOINT = "istio.io/dataplane-mode", "istio.io/use-waypoint"


def row(key: str, operator: str, *values: str) -> dict[str, Any]:
    """One expression of a selector."""
    return {"key": key, "operator": operator, **({"values": list(values)} if values else {})}


def injector(name: str, revision: str, *, tag: str = "", everywhere: bool = False) -> Object:
    """A configuration with the webhooks that istioctl makes for a revision or a tag (1.30)."""
    named, free = tag or revision, row(INJECTION, "DoesNotExist")
    wanted, unlabelled = row(OWN, "NotIn", "false"), row(REVISION, "DoesNotExist")
    rows = [
        ("rev.namespace", [row(REVISION, "In", named), free], [wanted]),
        ("rev.object", [unlabelled, free], [wanted, row(REVISION, "In", named)]),
    ]
    if named == "default":
        rows += [
            ("namespace", [row(INJECTION, "In", "enabled")], [wanted]),
            ("object", [free, unlabelled], [row(OWN, "In", "true"), unlabelled]),
        ]
    if everywhere:
        rows.append(("auto", [free, unlabelled], [wanted, unlabelled]))
    hooks = [
        {
            "name": f"{name}.sidecar-injector.istio.io",
            "namespaceSelector": {"matchExpressions": namespaces},
            "objectSelector": {"matchExpressions": pods},
        }
        for name, namespaces, pods in rows
    ]
    labels = {
        "app": "sidecar-injector",
        REVISION: revision,
        **({"istio.io/tag": tag} if tag else {}),
    }
    return {
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": name, "labels": labels},
        "webhooks": hooks,
    }


USUAL = [injector("istio-revision-tag-default", "default", tag="default")]
STABLE = injector("istio-revision-tag-stable", "default", tag="stable")
CANARY = injector("istio-sidecar-injector-canary", "canary")
EVERYWHERE = [injector("istio-revision-tag-default", "default", tag="default", everywhere=True)]


@pytest.mark.parametrize(
    ("injectors", "labels", "after"),
    [
        (USUAL, {INJECTION: "enabled"}, {}),
        (USUAL, {REVISION: "default"}, {}),
        ([*USUAL, STABLE], {REVISION: "stable"}, {}),
        ([*USUAL, CANARY], {REVISION: "canary", INJECTION: "enabled"}, {}),
        (USUAL, {REVISION: "gone"}, {}),
        (USUAL, {INJECTION: "disabled"}, {INJECTION: "disabled"}),
        (USUAL, {INJECTION: "disabled", REVISION: "x"}, {INJECTION: "disabled", REVISION: "x"}),
        (EVERYWHERE, {}, {INJECTION: "disabled"}),
        ([], {REVISION: "default"}, {}),
        (USUAL, {AMBIENT: "ambient", REVISION: "default"}, {AMBIENT: "ambient"}),
    ],
)
def test_off_means_off(
    injectors: list[Object], labels: dict[str, str], after: dict[str, str]
) -> None:
    """Whatever label brought the sidecars is gone, and no injector takes the pods any more."""
    found = change_labels(labels, choose_labels(injectors, labels, on=False))
    assert found == after
    assert find_injector(injectors, found, {}) is None


@pytest.mark.parametrize(
    ("injectors", "labels", "after", "revision"),
    [
        (USUAL, {}, {INJECTION: "enabled"}, "default"),
        (USUAL, {REVISION: "gone"}, {INJECTION: "enabled"}, "default"),
        (USUAL, {INJECTION: "disabled"}, {INJECTION: "enabled"}, "default"),
        (USUAL, {REVISION: "default"}, {REVISION: "default"}, "default"),
        ([*USUAL, STABLE], {REVISION: "stable"}, {REVISION: "stable"}, "default"),
        ([*USUAL, CANARY], {REVISION: "canary"}, {INJECTION: "enabled"}, "default"),
        ([CANARY], {}, {REVISION: "canary"}, "canary"),
        ([CANARY], {REVISION: "canary"}, {REVISION: "canary"}, "canary"),
        ([CANARY], {INJECTION: "enabled"}, {REVISION: "canary"}, "canary"),
        (USUAL, {AMBIENT: "ambient", WAYPOINT: "w"}, {INJECTION: "enabled"}, "default"),
        (USUAL, {AMBIENT: "none"}, {AMBIENT: "none", INJECTION: "enabled"}, "default"),
        (EVERYWHERE, {}, {}, "default"),
    ],
)
def test_a_way_in_that_is_there_stays(
    injectors: list[Object], labels: dict[str, str], after: dict[str, str], revision: str
) -> None:
    """A revision or a tag that leads to the same istiod is as good as the usual label; another
    revision's, and one that nobody serves, make room for it."""
    found = change_labels(labels, choose_labels(injectors, labels, on=True))
    assert found == after
    assert get_revision(find_injector(injectors, found, {})) == revision


@pytest.mark.parametrize(
    ("injectors", "labels", "captured", "noticed"),
    [
        (USUAL, {INJECTION: "disabled"}, False, {INJECTION}),
        (USUAL, {REVISION: "gone"}, False, set()),
        ([*USUAL, CANARY], {REVISION: "canary"}, False, {REVISION}),
        ([*USUAL, CANARY], {REVISION: "canary", INJECTION: "enabled"}, False, set()),
        (USUAL, {AMBIENT: "ambient", WAYPOINT: "w"}, True, {AMBIENT, WAYPOINT}),
        (USUAL, {AMBIENT: "ambient"}, False, set()),
        (USUAL, {REVISION: "default"}, False, set()),
    ],
)
def test_only_labels_in_effect_are_anybodys_loss(
    injectors: list[Object], labels: dict[str, str], captured: bool, noticed: set[str]
) -> None:
    """What kept out, what another istiod went by, and ambient where pods are in it."""
    change = choose_labels(injectors, labels, on=True)
    assert select_noticed(injectors, labels, change, captured=captured).keys() == noticed


@pytest.mark.parametrize(
    ("namespace", "pod", "taken"),
    [
        ({}, {OWN: "true"}, True),
        ({INJECTION: "disabled"}, {OWN: "true"}, False),
        ({INJECTION: "enabled"}, {OWN: "false"}, False),
        ({}, {REVISION: "default"}, True),
        ({}, {}, False),
    ],
)
def test_a_pod_may_ask_for_itself(
    namespace: dict[str, str], pod: dict[str, str], taken: bool
) -> None:
    """Where its namespace says nothing, or does not forbid it."""
    assert (find_injector(USUAL, namespace, pod) is not None) == taken


def deployment(**spec: Any) -> Object:
    """A Deployment with one ready pod; `spec` is its template's, `mark` its last restart."""
    mark = {"kubectl.kubernetes.io/restartedAt": spec.pop("mark", "one")}
    annotations = mark | spec.pop("annotations", {})
    template = {"metadata": {"labels": {"app": "x"}, "annotations": annotations}, "spec": spec}
    return {
        "kind": "Deployment",
        "metadata": {"name": "x"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "x"}}, "template": template},
        "status": {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1},
    }


@pytest.mark.parametrize(
    ("workload", "left_out"),
    [
        (deployment(), False),
        (deployment(hostNetwork=True), True),
        (deployment(annotations={"inject.istio.io/templates": "gateway"}), True),
        (deployment(annotations={"sidecar.istio.io/inject": "false"}), True),
    ],
)
def test_what_the_namespaces_labels_do_not_concern(workload: Object, left_out: bool) -> None:
    """Pods that are never injected, and gateways that are nothing without it."""
    assert is_left_out(workload) == left_out


def pod(mark: str) -> Object:
    """A pod with a sidecar, of that restart."""
    notes = {"sidecar.istio.io/status": "{}", "kubectl.kubernetes.io/restartedAt": mark}
    return {"metadata": {"name": f"x-{mark}", "labels": {"app": "x"}, "annotations": notes}}


@pytest.mark.parametrize(("mark", "settled"), [("one", True), ("zero", False)])
def test_a_new_pod_that_is_wrong_is_not_waited_for(mark: str, settled: bool) -> None:
    """It stays as it is, however long one waits; an old one goes with the rollout."""
    found = build_sidecar_state([deployment()], [pod(mark)], on=False)
    assert found.settled == settled
    assert bool(found.select_wrong_pods(deployment())) == settled


@pytest.mark.parametrize(
    ("revision", "mark", "restarts", "settled"),
    [
        ("default", "zero", ("x",), False),
        ("canary", "zero", (), True),
        ("", "zero", (), True),
        ("default", "one", ("x",), True),
    ],
)
def test_a_sidecar_of_another_istiod_is_replaced(
    revision: str, mark: str, restarts: tuple[str, ...], settled: bool
) -> None:
    """A pod that was injected by another revision than its namespace names now is made anew; one
    that comes so again is not waited for."""
    old = pod(mark)
    old["metadata"]["annotations"]["istio.io/rev"] = "canary"
    found = build_sidecar_state([deployment()], [old], on=True, revision=revision)
    assert found.to_restart == restarts
    assert found.settled == settled
    assert found.counted == (1, 1)
