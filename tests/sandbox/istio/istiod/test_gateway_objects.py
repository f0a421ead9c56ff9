"""What a Gateway makes, and what its status says, as recorded of each release."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.cluster.contract import Object
from sandbox.istio.istiod.gateway_classes import GATEWAY_CONTROLLER, MESH_CONTROLLER
from sandbox.istio.istiod.gateway_objects import GatewayRenderer
from sandbox.istio.istiod.gateway_status import GatewayState, build_gateway_status
from sandbox.istio.istiod.mesh_configuration import IstiodIdentity, MeshConfiguration
from sandbox.releases import RELEASES

FACTS = RELEASES["1.30.3"].istiod
HOST = "bookinfo-gateway-istio.bookinfo.svc.cluster.local"
MANAGED = {"gateway.istio.io/managed": "istio.io-gateway-controller"}
NAMED = {"gateway.networking.k8s.io/gateway-name": "bookinfo-gateway"}
LABELS = {
    "1.30.3": {**MANAGED, **NAMED, "gateway.networking.k8s.io/gateway-class-name": "istio"},
    "1.23.2": {**MANAGED, **NAMED, "istio.io/gateway-name": "bookinfo-gateway"},
}
POD = {
    "service.istio.io/canonical-name": "bookinfo-gateway-istio",
    "service.istio.io/canonical-revision": "latest",
    "sidecar.istio.io/inject": "false",
}


def gateway(name: str = "bookinfo-gateway", klass: str = "istio", **annotations: str) -> Object:
    """A Gateway as the sample has it, or a waypoint."""
    listener = {"name": "http", "port": 80, "protocol": "HTTP"}
    if klass == "istio-waypoint":
        listener = {"name": "mesh", "port": 15008, "protocol": "HBONE"}
    meta: Object = {
        "name": name,
        "namespace": "bookinfo",
        "uid": "u",
        "generation": 1,
        "annotations": annotations,
    }
    return {"metadata": meta, "spec": {"gatewayClassName": klass, "listeners": [listener]}}


def made(version: str, of: Object, *, ambient: bool = False) -> dict[str, Any]:
    """The rendered objects, by kind."""
    env = {"PILOT_ENABLE_AMBIENT": "true"} if ambient else {}
    mesh = MeshConfiguration(
        IstiodIdentity("istiod-1", "istio-system", f"docker.io/istio/pilot:{version}", env=env)
    )
    controller = (
        MESH_CONTROLLER
        if of["spec"]["gatewayClassName"] == "istio-waypoint"
        else GATEWAY_CONTROLLER
    )
    return {obj["kind"]: obj for obj in GatewayRenderer(of, controller, mesh).build_objects()}


@pytest.mark.parametrize("version", LABELS)
def test_labels_are_those_recorded(version: str) -> None:
    """Account, Deployment and Service share them; Istio 1.23 leaves `managed` off the pods."""
    objects = made(version, gateway())
    assert all(obj["metadata"]["labels"] == LABELS[version] for obj in objects.values())
    pod = objects["Deployment"]["spec"]["template"]["metadata"]["labels"]
    kept = (
        LABELS[version]
        if version == "1.30.3"
        else {k: v for k, v in LABELS[version].items() if k not in MANAGED}
    )
    assert pod == kept | POD


def test_the_service_is_a_load_balancer_unless_annotated() -> None:
    """The annotation is copied to all objects and to the pods, so that setting it replaces the pod."""
    assert made("1.30.3", gateway())["Service"]["spec"]["type"] == "LoadBalancer"
    own = {"networking.istio.io/service-type": "ClusterIP"}
    objects = made("1.30.3", gateway(**own))
    assert objects["Service"]["spec"]["type"] == "ClusterIP"
    assert (
        objects["Deployment"]["spec"]["template"]["metadata"]["annotations"].items() >= own.items()
    )


@pytest.mark.parametrize("version", LABELS)
def test_gateways_stay_out_of_ambient(version: str) -> None:
    """An istiod with ambient labels what Gateways make, and their pods."""
    objects = made(version, gateway(), ambient=True)
    assert all(
        obj["metadata"]["labels"]["istio.io/dataplane-mode"] == "none" for obj in objects.values()
    )
    pod = objects["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert pod["istio.io/dataplane-mode"] == "none"


@pytest.mark.parametrize("version", LABELS)
def test_a_waypoint_carries_no_suffix(version: str) -> None:
    """Its objects have its own name, its Service is a ClusterIP, and only its pods are labelled out
    of ambient."""
    objects = made(version, gateway("waypoint", "istio-waypoint"), ambient=True)
    assert {obj["metadata"]["name"] for obj in objects.values()} == {"waypoint"}
    assert objects["Service"]["spec"]["type"] == "ClusterIP"
    assert "istio.io/dataplane-mode" not in objects["Service"]["metadata"]["labels"]
    near = (
        objects["Service"]["metadata"]
        .get("annotations", {})
        .get("networking.istio.io/traffic-distribution")
    )
    assert near == ("PreferClose" if version == "1.30.3" else None)


def programmed(backing: GatewayState, of: Object | None = None) -> tuple[str, str]:
    """Reason and message of the condition Programmed."""
    status = build_gateway_status(
        of or gateway(), backing, "2026-01-01T00:00:00Z", waypoint=False, facts=FACTS
    )
    found = next(c for c in status["conditions"] if c["type"] == "Programmed")
    return found["reason"], found["message"]


def service(kind: str) -> Object:
    """A Service of a type."""
    return {"spec": {"type": kind, "clusterIP": "10.96.0.9"}}


@pytest.mark.parametrize(
    ("backing", "reason", "message"),
    [
        (
            GatewayState(HOST, None, ready=False),
            "AddressNotUsable",
            f'Failed to assign to any requested addresses: hostname "{HOST}" not found',
        ),
        (
            GatewayState(HOST, service("ClusterIP"), ready=False),
            "AddressNotAssigned",
            f'Failed to assign to any requested addresses: no instances found for hostname "{HOST}"',
        ),
        (
            GatewayState(HOST, service("LoadBalancer"), ready=True),
            "AddressNotAssigned",
            f"Assigned to service(s) {HOST}:80, but failed to assign to all requested addresses:"
            f' address pending for hostname "{HOST}"',
        ),
        (
            GatewayState(HOST, service("ClusterIP"), ready=True),
            "Programmed",
            f"Resource programmed, assigned to service(s) {HOST}:80",
        ),
    ],
)
def test_programmed_says_what_is_missing(backing: GatewayState, reason: str, message: str) -> None:
    """The reasons and words of a real istiod, from no Service to a ready one."""
    assert programmed(backing) == (reason, message)


def test_a_transition_keeps_its_time_while_the_status_stays() -> None:
    """Only a change of True, False or Unknown moves lastTransitionTime."""
    live = gateway()
    first = build_gateway_status(
        live,
        GatewayState(HOST, None, ready=False),
        "2026-01-01T00:00:00Z",
        waypoint=False,
        facts=FACTS,
    )
    live["status"] = first
    ready = GatewayState(HOST, service("ClusterIP"), ready=True)
    second = build_gateway_status(live, ready, "2026-01-01T00:00:09Z", waypoint=False, facts=FACTS)
    times = {c["type"]: c["lastTransitionTime"][-3:-1] for c in second["conditions"]}
    assert times == {"Accepted": "00", "Programmed": "09"}


def test_several_ports_are_listed_as_a_sentence() -> None:
    """Ports are sorted as text."""
    live = gateway()
    more = [
        {"name": "b", "port": 8080, "protocol": "HTTP"},
        {"name": "t", "port": 443, "protocol": "HTTPS"},
    ]
    live["spec"]["listeners"] += more
    _, message = programmed(GatewayState("h", service("ClusterIP"), ready=True), live)
    assert message.endswith("h:443, h:80, and h:8080")


@pytest.mark.parametrize(
    ("version", "kinds"), [("1.30.3", ["IPAddress", "Hostname"]), ("1.23.2", ["IPAddress"])]
)
def test_a_waypoint_is_found_at_its_ip_address(version: str, kinds: list[str]) -> None:
    """Istio 1.30 names the host too."""
    waypoint = gateway("waypoint", "istio-waypoint")
    backing = GatewayState("h", service("ClusterIP"), ready=True)
    status = build_gateway_status(
        waypoint, backing, "2026-01-01T00:00:00Z", waypoint=True, facts=RELEASES[version].istiod
    )
    assert [a["type"] for a in status["addresses"]] == kinds
    assert status["listeners"][0]["supportedKinds"] == []


def test_a_missing_certificate_is_the_listeners_fault() -> None:
    """The Gateway stays accepted, with listeners that are not valid."""
    live = gateway()
    backing = GatewayState(
        HOST,
        service("ClusterIP"),
        ready=True,
        missing_secrets={"http": "secret bookinfo/x not found"},
    )
    status = build_gateway_status(
        live, backing, "2026-01-01T00:00:00Z", waypoint=False, facts=FACTS
    )
    assert status["conditions"][0]["reason"] == "ListenersNotValid"
    assert [c["reason"] for c in status["listeners"][0]["conditions"]][2:] == [
        "Invalid",
        "InvalidCertificateRef",
    ]


def test_a_later_istiod_tells_of_a_gateways_references() -> None:
    """Whether they resolve, beside what the others say (recorded of 1.32-alpha)."""
    backing = GatewayState(HOST, None, ready=False)
    facts = RELEASES["1.32-alpha"].istiod
    status = build_gateway_status(
        gateway(), backing, "2026-01-01T00:00:00Z", waypoint=False, facts=facts
    )
    told = [(c["type"], c["status"], c["message"]) for c in status["conditions"]]
    assert told[2:] == [("ResolvedRefs", "True", "All references resolved")]
