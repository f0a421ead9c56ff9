"""The defaults of a pod's spec, alone or as a workload's template (Kubernetes 1.36)."""

from __future__ import annotations

from typing import Any

Values = dict[str, Any]


def _fill(value: Values, **defaults: Any) -> None:
    for key, default in defaults.items():
        if value.get(key) is None:
            value[key] = default


def pod_spec_defaults(spec: Values) -> None:
    """Fills in a pod spec (changed in place)."""
    _fill(
        spec,
        restartPolicy="Always",
        terminationGracePeriodSeconds=30,
        dnsPolicy="ClusterFirst",
        securityContext={},
        schedulerName="default-scheduler",
    )
    if spec.get("serviceAccountName"):
        spec["serviceAccount"] = spec["serviceAccountName"]
    for container in _containers(spec):
        _container(container)
    for volume in spec.get("volumes") or ():
        _volume(volume)


def _containers(spec: Values) -> list[Values]:
    return [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]


def pod_defaults(spec: Values) -> None:
    """What is filled in for pods but not for templates (changed in place)."""
    _fill(spec, enableServiceLinks=True)
    for container in _containers(spec):
        _requests(container["resources"])
        for port in container.get("ports") or () if spec.get("hostNetwork") else ():
            _fill(port, hostPort=port.get("containerPort"))


def qos_class(spec: Values) -> str:
    """`Guaranteed`, `Burstable` or `BestEffort`, from cpu and memory of all containers."""
    requests = [(each.get("resources") or {}).get("requests") or {} for each in _containers(spec)]
    limits = [(each.get("resources") or {}).get("limits") or {} for each in _containers(spec)]
    if not any(set(each) & _COUNTED for each in (*requests, *limits)):
        return "BestEffort"
    pairs = zip(requests, limits, strict=True)
    full = all(set(limit) >= _COUNTED and all(request.get(k) == limit[k] for k in _COUNTED) for request, limit in pairs)
    return "Guaranteed" if full else "Burstable"


_COUNTED = {"cpu", "memory"}


def _container(container: Values) -> None:
    image = str(container.get("image", ""))
    tag = image.rpartition("/")[2].partition(":")[2]
    latest = "@" not in image and tag in ("", "latest")
    _fill(
        container,
        resources={},
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
        imagePullPolicy="Always" if latest else "IfNotPresent",
    )
    for port in container.get("ports") or ():
        _fill(port, protocol="TCP")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(name):
            _probe(container[name])
    for variable in container.get("env") or ():
        reference = (variable.get("valueFrom") or {}).get("fieldRef")
        if reference:
            _fill(reference, apiVersion="v1")


def _requests(resources: Values) -> None:
    """A limit without a request is the request too."""
    limits = resources.get("limits")
    if limits:
        resources["requests"] = {**limits, **(resources.get("requests") or {})}


def _probe(probe: Values) -> None:
    _fill(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
    if probe.get("httpGet"):
        _fill(probe["httpGet"], path="/", scheme="HTTP")
    if probe.get("grpc"):
        _fill(probe["grpc"], service="")


_MODE = 0o644


def _volume(volume: Values) -> None:
    if set(volume) == {"name"}:
        volume["emptyDir"] = {}
    for source in ("configMap", "secret", "projected", "downwardAPI"):
        if volume.get(source) is not None:
            _fill(volume[source], defaultMode=_MODE)
    if volume.get("hostPath"):
        _fill(volume["hostPath"], type="")
    sources = (volume.get("projected") or {}).get("sources") or ()
    for source in sources:
        if source.get("serviceAccountToken"):
            _fill(source["serviceAccountToken"], expirationSeconds=3600)
    for downward in (volume, *sources):
        _field_references(downward.get("downwardAPI") or {})


def _field_references(downward: Values) -> None:
    for item in downward.get("items") or ():
        if item.get("fieldRef"):
            _fill(item["fieldRef"], apiVersion="v1")
