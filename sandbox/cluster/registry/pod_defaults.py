"""The defaults of a pod's spec, alone or as a workload's template (Kubernetes 1.36)."""

from __future__ import annotations

from typing import Any

Values = dict[str, Any]


def _fill_missing(value: Values, **defaults: Any) -> None:
    for key, default in defaults.items():
        if value.get(key) is None:
            value[key] = default


def set_pod_spec_defaults(spec: Values) -> None:
    """Fill in the defaults of a pod spec (changed in place)."""
    _fill_missing(
        spec,
        restartPolicy="Always",
        terminationGracePeriodSeconds=30,
        dnsPolicy="ClusterFirst",
        securityContext={},
        schedulerName="default-scheduler",
    )
    if spec.get("serviceAccountName"):
        spec["serviceAccount"] = spec["serviceAccountName"]
    for container in _list_containers(spec):
        _set_container_defaults(container)
    for volume in spec.get("volumes") or ():
        _set_volume_defaults(volume)


def _list_containers(spec: Values) -> list[Values]:
    return [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]


def set_pod_only_defaults(spec: Values) -> None:
    """Fill in what pods get but templates do not (changed in place)."""
    _fill_missing(spec, enableServiceLinks=True)
    for container in _list_containers(spec):
        _copy_limits_to_requests(container["resources"])
        for port in container.get("ports") or () if spec.get("hostNetwork") else ():
            _fill_missing(port, hostPort=port.get("containerPort"))


def compute_qos_class(spec: Values) -> str:
    """Return `Guaranteed`, `Burstable` or `BestEffort`, from cpu and memory of all containers."""
    requests = [
        (each.get("resources") or {}).get("requests") or {} for each in _list_containers(spec)
    ]
    limits = [(each.get("resources") or {}).get("limits") or {} for each in _list_containers(spec)]
    if not any(set(each) & _COUNTED for each in (*requests, *limits)):
        return "BestEffort"
    pairs = zip(requests, limits, strict=True)
    full = all(
        set(limit) >= _COUNTED and all(request.get(k) == limit[k] for k in _COUNTED)
        for request, limit in pairs
    )
    return "Guaranteed" if full else "Burstable"


_COUNTED = {"cpu", "memory"}


def _set_container_defaults(container: Values) -> None:
    image = str(container.get("image", ""))
    tag = image.rpartition("/")[2].partition(":")[2]
    latest = "@" not in image and tag in ("", "latest")
    _fill_missing(
        container,
        resources={},
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
        imagePullPolicy="Always" if latest else "IfNotPresent",
    )
    for port in container.get("ports") or ():
        _fill_missing(port, protocol="TCP")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(name):
            _set_probe_defaults(container[name])
    for variable in container.get("env") or ():
        reference = (variable.get("valueFrom") or {}).get("fieldRef")
        if reference:
            _fill_missing(reference, apiVersion="v1")


def _copy_limits_to_requests(resources: Values) -> None:
    """Use a limit without a request as the request too."""
    limits = resources.get("limits")
    if limits:
        resources["requests"] = {**limits, **(resources.get("requests") or {})}


def _set_probe_defaults(probe: Values) -> None:
    _fill_missing(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
    if probe.get("httpGet"):
        _fill_missing(probe["httpGet"], path="/", scheme="HTTP")
    if probe.get("grpc"):
        _fill_missing(probe["grpc"], service="")


_MODE = 0o644


def _set_volume_defaults(volume: Values) -> None:
    if set(volume) == {"name"}:
        volume["emptyDir"] = {}
    for source in ("configMap", "secret", "projected", "downwardAPI"):
        if volume.get(source) is not None:
            _fill_missing(volume[source], defaultMode=_MODE)
    if volume.get("hostPath"):
        _fill_missing(volume["hostPath"], type="")
    sources = (volume.get("projected") or {}).get("sources") or ()
    for source in sources:
        if source.get("serviceAccountToken"):
            _fill_missing(source["serviceAccountToken"], expirationSeconds=3600)
    for downward in (volume, *sources):
        _set_field_ref_defaults(downward.get("downwardAPI") or {})


def _set_field_ref_defaults(downward: Values) -> None:
    for item in downward.get("items") or ():
        if item.get("fieldRef"):
            _fill_missing(item["fieldRef"], apiVersion="v1")
