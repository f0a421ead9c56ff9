"""Kiali's checks by their codes, each on the smallest objects that show it; and what its
configuration says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sandbox.cluster.contract import Object
from sandbox.observability.kiali.checked_mesh import CheckedMesh
from sandbox.observability.kiali.objects import (
    AUTHORIZATION_POLICY,
    DESTINATION_RULE,
    HTTP_ROUTE,
    ISTIO_GATEWAY,
    K8S_GATEWAY,
    SERVICE_ENTRY,
    VIRTUAL_SERVICE,
    ConfigKind,
    MeshObjects,
    Workload,
)
from sandbox.observability.kiali.validations import check_all_objects, check_object
from sandbox.observability.kiali.workload_checks import check_service_ports, check_workload
from sandbox.releases import RELEASES

NEITHER: list[str] = []


def named(name: str, spec: Any) -> Object:
    """An object of namespace bookinfo."""
    return {"metadata": {"name": name, "namespace": "bookinfo"}, "spec": spec}


def routes(
    *targets: Any, hosts: tuple[str, ...] = ("reviews",), name: str = "reviews", **more: Any
) -> Object:
    """A VirtualService with one HTTP route."""
    return named(name, {"hosts": list(hosts), "http": [{"route": list(targets)}], **more})


def to(host: str, subset: str = "", **more: Any) -> Object:
    """A route's destination."""
    return {"destination": {"host": host, **({"subset": subset} if subset else {})}, **more}


def rule(host: str, *subsets: str, name: str = "reviews") -> Object:
    """A DestinationRule with subsets by version."""
    return named(
        name,
        {
            "host": host,
            "subsets": [{"name": each, "labels": {"version": each}} for each in subsets],
        },
    )


def view(objects: dict[ConfigKind, list[Object]]) -> MeshObjects:
    """One Service `reviews` with versions 1 and 2 behind it, and these objects."""
    service = named("reviews", {"selector": {"app": "reviews"}})
    pods = [
        {"metadata": {"labels": {"app": "reviews", "version": version}}} for version in ("v1", "v2")
    ]
    workloads = [
        Workload("Deployment", named("reviews", {"template": pod}), (), 1, 1, 1) for pod in pods
    ]
    config = {kind: tuple(found) for kind, found in objects.items()}
    classes = [
        named(name, {"controllerName": "istio.io/gateway-controller"})
        for name in ("istio", "istio-waypoint")
    ]
    return MeshObjects(
        namespaces={},
        services=(service,),
        workloads=tuple(workloads),
        config=config,
        gateway_classes=tuple(classes),
    )


SUBSETS = {DESTINATION_RULE: [rule("reviews.bookinfo.svc.cluster.local", "v1", "v2")]}


@pytest.mark.parametrize(
    ("kind", "obj", "others", "expected"),
    [
        (VIRTUAL_SERVICE, routes(to("reviews", "v1")), SUBSETS, NEITHER),
        (VIRTUAL_SERVICE, routes(to("reviews.bookinfo")), {}, NEITHER),
        (
            VIRTUAL_SERVICE,
            routes(to("reviews", "v9")),
            SUBSETS,
            ["KIA1107 warning spec/http[0]/route[0]/destination"],
        ),
        (
            VIRTUAL_SERVICE,
            routes(to("cake")),
            {},
            ["KIA1101 warning spec/http[0]/route[0]/destination/host"],
        ),
        (
            VIRTUAL_SERVICE,
            routes(to("reviews", weight=50)),
            {},
            ["KIA1104 warning spec/http[0]/route[0]/weight"],
        ),
        (
            VIRTUAL_SERVICE,
            routes(to("reviews"), to("reviews")),
            {},
            ["KIA1105 warning spec/http[0]/route[1]/host"],
        ),
        (
            VIRTUAL_SERVICE,
            routes(to("reviews")),
            {VIRTUAL_SERVICE: [routes(to("reviews"), hosts=("reviews.bookinfo",), name="other")]},
            ["KIA1106 warning spec/hosts"],
        ),
        (
            VIRTUAL_SERVICE,
            routes(to("reviews")),
            {VIRTUAL_SERVICE: [routes(to("reviews"), name="other", gateways=["mesh"])]},
            NEITHER,
        ),
        (
            VIRTUAL_SERVICE,
            routes(to("reviews")),
            {VIRTUAL_SERVICE: [routes(to("reviews"), name="other", gateways=["door"])]},
            NEITHER,
        ),
        (
            VIRTUAL_SERVICE,
            routes(to("cake.example")),
            {SERVICE_ENTRY: [named("c", {"hosts": ["cake.example"]})]},
            NEITHER,
        ),
        (
            VIRTUAL_SERVICE,
            routes(to("reviews"), gateways=["mesh", "door"]),
            {},
            ["KIA1102 error spec/gateways[1]"],
        ),
        (
            VIRTUAL_SERVICE,
            routes(to("reviews"), gateways=["bookinfo/door"]),
            {ISTIO_GATEWAY: [named("door", {})]},
            NEITHER,
        ),
        (
            VIRTUAL_SERVICE,
            named(
                "reviews",
                {
                    "hosts": ["reviews"],
                    "gateways": ["mesh"],
                    "http": [{"match": [{"gateways": ["mesh", "elsewhere/door"]}], "route": []}],
                },
            ),
            {ISTIO_GATEWAY: [named("door", {})]},
            ["KIA1102 error spec/http[0]/match/gateways[1]"],
        ),
        (
            VIRTUAL_SERVICE,
            routes(to("reviews"), gateways=["door.bookinfo.svc.cluster.local"]),
            {ISTIO_GATEWAY: [named("door", {})]},
            ["KIA1108 unknown spec/gateways[0]"],
        ),
        (ISTIO_GATEWAY, named("door", {"selector": {"app": "reviews"}}), {}, NEITHER),
        (ISTIO_GATEWAY, named("door", {}), {}, NEITHER),
        (
            ISTIO_GATEWAY,
            named("door", {"selector": {"istio": "ingressgateway"}}),
            {},
            ["KIA0302 warning spec/selector"],
        ),
        (DESTINATION_RULE, rule("reviews", "v1", "v2"), {}, NEITHER),
        (DESTINATION_RULE, rule("*.bookinfo.svc.cluster.local"), {}, NEITHER),
        (DESTINATION_RULE, rule("cake"), {}, ["KIA0202 warning spec/host"]),
        (DESTINATION_RULE, rule("reviews", "v1", "v9"), {}, ["KIA0203 unknown spec/subsets[1]"]),
        (
            DESTINATION_RULE,
            rule("reviews", "v1", "v9"),
            {VIRTUAL_SERVICE: [routes(to("reviews.bookinfo", "v9"))]},
            ["KIA0203 error spec/subsets[1]"],
        ),
        (
            DESTINATION_RULE,
            named("reviews", {"host": "reviews", "subsets": [{"name": "all"}]}),
            {},
            ["KIA0209 warning spec/subsets[0]"],
        ),
        (
            DESTINATION_RULE,
            rule("reviews", "v1", name="other"),
            SUBSETS,
            ["KIA0201 warning spec/subsets[0]"],
        ),
        (DESTINATION_RULE, rule("reviews", name="other"), SUBSETS, ["KIA0201 warning spec/host"]),
        (
            HTTP_ROUTE,
            named(
                "reviews",
                {"parentRefs": [{"name": "door"}], "rules": [{"backendRefs": [{"name": "cake"}]}]},
            ),
            {},
            [
                "KIA1401 error spec/parentRefs[0]/name",
                "KIA1402 error spec/rules[0]/backendRefs[0]/name",
            ],
        ),
        (
            HTTP_ROUTE,
            named("reviews", {"parentRefs": [{"kind": "Service", "name": "reviews"}]}),
            {},
            NEITHER,
        ),
        (K8S_GATEWAY, named("waypoint", {"gatewayClassName": "istio-waypoint"}), {}, NEITHER),
        (
            K8S_GATEWAY,
            named("door", {"gatewayClassName": "isito"}),
            {},
            ["KIA1504 error spec/gatewayClassName"],
        ),
    ],
)
def test_check(
    kind: ConfigKind, obj: Object, others: dict[ConfigKind, list[Object]], expected: list[str]
) -> None:
    """Each finding with its severity and its path, in Kiali 2's words."""
    objects = {**others, kind: [obj, *others.get(kind, [])]}
    found = check_object(view(objects), RELEASES["1.30.3"].kiali, kind, obj)
    assert [f"{each.code} {each.severity} {each.path}" for each in found] == expected


@pytest.mark.parametrize(
    ("kind", "obj", "expected"),
    [
        (DESTINATION_RULE, rule("reviews", "v9"), ["KIA0203 unknown"]),
        (K8S_GATEWAY, named("waypoint", {"gatewayClassName": "istio-waypoint"}), ["KIA1504 error"]),
        (K8S_GATEWAY, named("door", {"gatewayClassName": "istio"}), NEITHER),
    ],
)
def test_what_kiali_1_says_otherwise(kind: ConfigKind, obj: Object, expected: list[str]) -> None:
    """Kiali 1 does not know the waypoint's class."""
    found = check_object(view({kind: [obj]}), RELEASES["1.23.2"].kiali, kind, obj)
    assert [f"{each.code} {each.severity}" for each in found] == expected


def test_ignored_checks() -> None:
    """Codes that the configuration ignores are left out of lists."""
    objects = view({DESTINATION_RULE: [rule("cake")]})
    (found,) = check_all_objects(objects, RELEASES["1.30.3"].kiali, frozenset({"KIA0202"})).values()
    assert found == []


def test_a_mesh_that_lets_nothing_out_is_strict_with_hosts() -> None:
    """What is a warning where traffic may go anywhere is an error there."""
    strict = {"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}}
    mesh = replace(view({}), mesh_config=strict)
    for kind, obj in ((VIRTUAL_SERVICE, routes(to("cake"))), (DESTINATION_RULE, rule("cake"))):
        (found,) = check_object(mesh, RELEASES["1.30.3"].kiali, kind, obj)
        assert (found.severity, found.invalidates) == ("error", True)
        (mild,) = check_object(view({}), RELEASES["1.30.3"].kiali, kind, obj)
        assert (mild.severity, mild.invalidates) == ("warning", True)


def test_a_rival_is_named_and_leaves_the_rule_valid() -> None:
    """KIA1106 refers to the other VirtualService."""
    other = routes(to("reviews"), name="other")
    rule_ = routes(to("reviews"))
    objects = view({VIRTUAL_SERVICE: [rule_, other]})
    (found,) = check_object(objects, RELEASES["1.30.3"].kiali, VIRTUAL_SERVICE, rule_)
    assert (found.rivals, found.invalidates) == ((("bookinfo", "other"),), False)


def placed(
    above: dict[str, str], own: dict[str, str], *pods: str, policies: int = 0
) -> tuple[CheckedMesh, Workload]:
    """A workload with pods that are `injected`, `captured` or `plain`, in a namespace with those
    labels and a waypoint `waypoint`."""
    marks = {
        "injected": {"sidecar.istio.io/status": "{}"},
        "captured": {"ambient.istio.io/redirection": "enabled"},
        "plain": {},
    }
    there: tuple[Object, ...] = tuple({"metadata": {"annotations": marks[pod]}} for pod in pods)
    template = {"metadata": {"labels": own}}
    workload = Workload("Deployment", named("reviews-v1", {"template": template}), there, 1, 1, 1)
    managed = {"gateway.istio.io/managed": "istio.io-mesh-controller"}
    waypoint = named("waypoint", {"template": {"metadata": {"labels": managed}}})
    mesh = MeshObjects(
        namespaces={"bookinfo": {"metadata": {"name": "bookinfo", "labels": above}}},
        services=(),
        workloads=(workload, Workload("Deployment", waypoint, (), 1, 1, 1)),
        config={AUTHORIZATION_POLICY: (named("rule", {}),) * policies},
    )
    return CheckedMesh(mesh, RELEASES["1.30.3"].kiali), workload


AMBIENT, INJECTED = {"istio.io/dataplane-mode": "ambient"}, {"istio-injection": "enabled"}
USE = "istio.io/use-waypoint"


@pytest.mark.parametrize(
    ("above", "own", "pods", "expected"),
    [
        (AMBIENT | {USE: "waypoint"}, {}, ("captured",), []),
        (INJECTED, {}, ("injected",), []),
        (AMBIENT | INJECTED, {}, (), ["KIA1311"]),
        (AMBIENT | INJECTED, {}, ("injected",), ["KIA1311", "KIA1315", "KIA1316"]),
        (AMBIENT | INJECTED, {}, ("captured",), ["KIA1311", "KIA1314"]),
        (AMBIENT | INJECTED, {"istio.io/dataplane-mode": "none"}, ("plain",), []),
        (AMBIENT, {}, ("injected",), ["KIA1315", "KIA1316"]),
        (AMBIENT | {USE: "gone"}, {}, ("captured",), ["KIA1313"]),
        (AMBIENT | {USE: "gone"}, {}, (), []),
        (AMBIENT | {USE: "gone"}, {USE: "none"}, ("captured",), []),
        (AMBIENT | {USE: "gone"}, {USE: "waypoint"}, ("captured",), []),
        ({USE: "waypoint"}, {}, ("plain",), ["KIA1312"]),
    ],
)
def test_workloads_in_two_meshes(
    above: dict[str, str], own: dict[str, str], pods: tuple[str, ...], expected: list[str]
) -> None:
    """Labels, what pods really have, and waypoints that are named; Kiali 1 says nothing."""
    mesh, workload = placed(above, own, *pods)
    assert [check.code for check in check_workload(mesh, workload)] == expected
    older = replace(mesh, traits=RELEASES["1.23.2"].kiali)
    assert check_workload(older, workload) == []


def test_the_list_of_workloads_never_finds_a_waypoint() -> None:
    """There everybody behind a waypoint is told that it does not exist."""
    mesh, workload = placed(AMBIENT | {USE: "waypoint"}, {}, "captured")
    assert [check.code for check in check_workload(mesh, workload, in_list=True)] == ["KIA1313"]
    assert check_workload(mesh, workload) == []


def test_a_policy_without_a_waypoint() -> None:
    """Said of every workload beside an AuthorizationPolicy; as a mere warning it makes it invalid."""
    (found,) = check_workload(*placed(INJECTED, {}, "injected", policies=1))
    assert (found.code, found.severity, found.invalidates) == ("KIA1317", "warning", True)
    assert check_workload(*placed(AMBIENT | {USE: "waypoint"}, {}, "captured", policies=1)) == []


@pytest.mark.parametrize(
    ("target", "labels", "expected"),
    [
        ({"port": 9080}, {}, []),
        ({"port": 80, "targetPort": 9080}, {}, []),
        ({"port": 80, "targetPort": "http"}, {}, []),
        ({"port": 80}, {}, ["KIA0701 spec/ports[0]"]),
        ({"port": 80, "targetPort": "grpc"}, {}, ["KIA0701 spec/ports[0]"]),
        ({"port": 80}, {"gateway.istio.io/managed": "istio.io-mesh-controller"}, []),
        ({"port": 80}, {"gateway.networking.k8s.io/gateway-name": "door"}, []),
    ],
)
def test_ports_of_services(target: Object, labels: dict[str, str], expected: list[str]) -> None:
    """A Service's port must be a port of the Deployment behind it; what is made for gateways is
    left alone."""
    ports = [{"containerPort": 9080, "name": "http"}]
    own = {"app": "reviews"}
    template = {"metadata": {"labels": own}, "spec": {"containers": [{"ports": ports}]}}
    deployment = named("reviews-v1", {"template": template})
    deployment["metadata"]["labels"] = own
    workload = Workload("Deployment", deployment, (), 1, 1, 1)
    mesh = MeshObjects(namespaces={}, services=(), workloads=(workload,), config={})
    service = named("reviews", {"selector": own, "ports": [target]})
    service["metadata"]["labels"] = labels
    found = check_service_ports(CheckedMesh(mesh, RELEASES["1.30.3"].kiali), service)
    assert [f"{check.code} {check.path}" for check in found] == expected
