"""EndpointSlices and Endpoints: which pods stand behind each Service, and on which ports."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.cluster.contract import ApiError, Object, Ref
from sandbox.cluster.controllers.controller_context import ControllerContext
from sandbox.cluster.controllers.podstate import is_finished, is_ready
from sandbox.cluster.machinery.informer import enqueue_for_object
from sandbox.cluster.machinery.meta import (
    ENDPOINT_SLICES,
    ENDPOINTS,
    PODS,
    SERVICES,
    Key,
    build_controller_ref,
    is_deleting,
    key_of,
    labels_of,
    replace_metadata,
)
from sandbox.cluster.machinery.selectors import has_labels

_SERVICE_NAME = "kubernetes.io/service-name"
_SLICE_MANAGER = {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}
_MANAGER = {"endpoints.kubernetes.io/managed-by": "endpoint-controller"}
_HEADLESS = "service.kubernetes.io/headless"

Ports = tuple[tuple[str, int, str, str], ...]
"""(name, number, protocol, appProtocol) of each port that is served."""


@dataclass(frozen=True)
class Backend:
    """One pod behind a Service. `ready` counts publishNotReadyAddresses in, `serving` does not."""

    pod: Object
    ports: Ports
    ready: bool
    serving: bool

    @property
    def address(self) -> str:
        """The pod's address."""
        return str(self.pod["status"]["podIP"])

    @property
    def target(self) -> Object:
        """The reference to the pod."""
        meta = self.pod["metadata"]
        return {
            "kind": "Pod",
            "name": meta["name"],
            "namespace": meta["namespace"],
            "uid": meta["uid"],
        }


def resolve_target_port(pod: Object, target: int | str) -> int | None:
    """Return a target port as a number of that pod, or None when it has none of that name.

    The target is a number, or a name that a container or sidecar gives to a port.
    """
    if isinstance(target, int):
        return target
    sidecars = [
        each
        for each in pod["spec"].get("initContainers") or ()
        if each.get("restartPolicy") == "Always"
    ]
    for container in [*pod["spec"]["containers"], *sidecars]:
        for port in container.get("ports") or ():
            if port.get("name") == target:
                return int(port["containerPort"])
    return None


def list_backends(service: Object, pods: list[Object]) -> list[Backend]:
    """Return the pods that a Service selects and that have an address."""
    publish = bool(service["spec"].get("publishNotReadyAddresses"))
    found = []
    # In an order of their own: pods in another order must not look like a change.
    for pod in sorted(pods, key=lambda each: str(each["metadata"]["name"])):
        if is_finished(pod) or not pod.get("status", {}).get("podIP"):
            continue
        serving = is_ready(pod)
        ready = publish or (serving and not is_deleting(pod))
        found.append(Backend(pod, _resolve_ports(service, pod), ready, serving))
    return found


def _resolve_ports(service: Object, pod: Object) -> Ports:
    ports = []
    for port in service["spec"].get("ports") or ():
        number = resolve_target_port(pod, port.get("targetPort") or port["port"])
        if number is not None:
            ports.append(
                (
                    port.get("name", ""),
                    number,
                    port.get("protocol", "TCP"),
                    port.get("appProtocol", ""),
                )
            )
    return tuple(ports)


class EndpointsController:
    """Runs on Services and pods. A Service without a selector is left alone."""

    def __init__(self, context: ControllerContext) -> None:
        self._context = context
        self._services = context.informers.for_resource(SERVICES)
        self._pods = context.informers.for_resource(PODS)
        self._slices = context.informers.for_resource(ENDPOINT_SLICES)
        self._endpoints = context.informers.for_resource(ENDPOINTS)
        self._slices.add_index("service", lambda obj: (_get_slice_service(obj),))
        self.queue = context.start_queue("endpoints", self.sync)
        self._services.add_listener(enqueue_for_object(self.queue))
        self._pods.add_listener(self._on_pod_changed)

    def _on_pod_changed(self, before: Object | None, after: Object | None) -> None:
        if before and after and _extract_endpoint_state(before) == _extract_endpoint_state(after):
            return
        # A pod whose labels change leaves one Service and comes to stand behind another.
        labels = [labels_of(pod) for pod in (before, after) if pod is not None]
        namespace = (after or before or {})["metadata"]["namespace"]
        for service in self._services.list_by_index("namespace", namespace):
            selector = service["spec"].get("selector")
            if selector and any(has_labels(each, selector) for each in labels):
                self.queue.add(key_of(service))

    async def sync(self, key: Key) -> None:
        """Reconcile the EndpointSlices and Endpoints of one Service."""
        service = self._services.get(key)
        if service is None:
            # EndpointSlices are owned by the Service and collected with it; Endpoints have no
            # owner.
            if self._endpoints.get(key) is not None:
                await self._context.delete_object(ENDPOINTS, key)
            return
        selector = service["spec"].get("selector")
        if not selector or is_deleting(service):
            return
        pods = [
            pod
            for pod in self._pods.list_by_index("namespace", key.namespace)
            if has_labels(labels_of(pod), selector)
        ]
        backends = list_backends(service, pods)
        try:
            await self._write_endpoints(service, backends)
            await self._write_endpoint_slices(service, backends)
        except ApiError as error:
            if "because it is being terminated" not in error.message:
                raise

    async def _write_endpoints(self, service: Object, backends: list[Backend]) -> None:
        key = key_of(service)
        wanted: Object = {
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": {
                "name": key.name,
                "namespace": key.namespace,
                "labels": _build_labels(service, _MANAGER),
            },
        }
        if subsets := _build_subsets(backends):
            wanted["subsets"] = subsets
        await self._create_or_update(ENDPOINTS, wanted, self._endpoints.get(key), ("subsets",))

    async def _write_endpoint_slices(self, service: Object, backends: list[Backend]) -> None:
        key = key_of(service)
        groups: dict[Ports, list[Backend]] = {}
        for each in backends:
            groups.setdefault(each.ports, []).append(each)
        existing = {
            _read_slice_ports(each): each
            for each in self._slices.list_by_index("service", f"{key.namespace}/{key.name}")
        }
        if not groups:
            groups[()] = []  # a Service without pods has one empty slice
        # A slice whose ports are gone is taken for new ones, so that clients see a change and no
        # gap.
        spare = [each for ports, each in existing.items() if ports not in groups]
        for ports, members in groups.items():
            before = existing.get(ports) or (spare.pop() if spare else None)
            wanted = _build_slice(service, ports, members)
            await self._create_or_update(ENDPOINT_SLICES, wanted, before, ("endpoints", "ports"))
        for unused in spare:
            await self._context.delete_object(ENDPOINT_SLICES, key_of(unused))

    async def _create_or_update(
        self, ref: Ref, wanted: Object, before: Object | None, fields: tuple[str, ...]
    ) -> None:
        informer = self._context.informers.for_resource(ref)
        if before is None:
            informer.observe(await self._context.client.create(wanted))
            return
        labels = wanted["metadata"]["labels"]
        if labels_of(before) == labels and all(
            before.get(name) == wanted.get(name) for name in fields
        ):
            return
        changed = replace_metadata(before, labels=labels)
        for name in fields:
            changed.pop(name, None)
            if name in wanted:
                changed[name] = wanted[name]
        informer.observe(await self._context.client.update(changed))


def _extract_endpoint_state(pod: Object) -> tuple[object, ...]:
    status = pod.get("status", {})
    return labels_of(pod), status.get("podIP"), is_ready(pod), is_finished(pod), is_deleting(pod)


def _get_slice_service(obj: Object) -> str:
    return f"{obj['metadata']['namespace']}/{labels_of(obj).get(_SERVICE_NAME, '')}"


def _read_slice_ports(obj: Object) -> Ports:
    return tuple(
        (
            port.get("name", ""),
            port["port"],
            port.get("protocol", "TCP"),
            port.get("appProtocol", ""),
        )
        for port in obj.get("ports") or ()
    )


def _build_labels(service: Object, manager: dict[str, str]) -> dict[str, str]:
    headless = {_HEADLESS: ""} if service["spec"].get("clusterIP") == "None" else {}
    return {**labels_of(service), **headless, **manager}


def _build_port(port: tuple[str, int, str, str], *, slice_style: bool) -> Object:
    name, number, protocol, app = port
    written: Object = {"port": number, "protocol": protocol}
    if name or slice_style:
        written["name"] = name
    if app:
        written["appProtocol"] = app
    return written


def _build_slice(service: Object, ports: Ports, members: list[Backend]) -> Object:
    meta = service["metadata"]
    endpoints = [
        {
            "addresses": [each.address],
            "conditions": {
                "ready": each.ready,
                "serving": each.serving,
                "terminating": is_deleting(each.pod),
            },
            "nodeName": each.pod["spec"]["nodeName"],
            "targetRef": each.target,
        }
        for each in members
    ]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "generateName": f"{meta['name']}-",
            "namespace": meta["namespace"],
            "labels": {**_build_labels(service, _SLICE_MANAGER), _SERVICE_NAME: meta["name"]},
            "ownerReferences": [build_controller_ref(service, "v1", "Service")],
        },
        "addressType": "IPv4",
        "endpoints": endpoints or None,
        "ports": [_build_port(each, slice_style=True) for each in ports] or None,
    }


def _build_subsets(backends: list[Backend]) -> list[Object]:
    groups: dict[Ports, tuple[list[Object], list[Object]]] = {}
    for each in sorted(backends, key=lambda backend: backend.address):
        ready, waiting = groups.setdefault(each.ports, ([], []))
        # Endpoints, unlike EndpointSlices, have no word for a pod that is ending.
        if is_deleting(each.pod) and not each.ready:
            continue
        address = {
            "ip": each.address,
            "nodeName": each.pod["spec"]["nodeName"],
            "targetRef": each.target,
        }
        (ready if each.ready else waiting).append(address)
    subsets = []
    for ports, (ready, waiting) in groups.items():
        subset: Object = {}
        if ready:
            subset["addresses"] = ready
        if waiting:
            subset["notReadyAddresses"] = waiting
        if not subset or not ports:
            continue
        subset["ports"] = [_build_port(each, slice_style=False) for each in ports]
        subsets.append(subset)
    return subsets
