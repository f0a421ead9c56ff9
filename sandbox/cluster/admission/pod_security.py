"""Pod Security admission: the levels of the Pod Security Standards, by a namespace's labels.

As the plugin PodSecurity of Kubernetes 1.36: `enforce` refuses pods, `warn` tells the client, of
pods and of workloads; `audit` writes into a log that does not exist here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sandbox.cluster.admission.pod_standards import find_violations
from sandbox.cluster.api_refusals import forbidden_error, invalid_error
from sandbox.cluster.contract import Object, Ref
from sandbox.cluster.operations import AdmissionRequest
from sandbox.cluster.store import Store

_PREFIX = "pod-security.kubernetes.io/"
_ENFORCE, _WARN = f"{_PREFIX}enforce", f"{_PREFIX}warn"
_LEVELS = ("privileged", "baseline", "restricted")
_PODS = Ref("", "pods")
_WORKLOADS = (
    "Deployment",
    "ReplicaSet",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "ReplicationController",
)


class PodSecurity:
    """Holds new pods against the level of their namespace."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def validate(self, review: AdmissionRequest) -> None:
        """Raise ApiError(403) for a pod that the namespace's level forbids; note warnings.

        Raises ApiError(422) for a Namespace whose labels name no level.
        """
        kind, new = review.target.kind.kind, review.obj
        if new is None or review.target.subresource or review.target.kind.custom:
            return
        if kind == "Namespace":
            self._validate_namespace(review, new)
        elif kind == "Pod" and review.operation == "CREATE":
            _validate_pod(review, new)
        elif spec := _find_template_spec(kind, new):
            _warn_about(review, spec)

    def _validate_namespace(self, review: AdmissionRequest, namespace: Object) -> None:
        labels = namespace["metadata"].get("labels") or {}
        for mode in ("enforce", "audit", "warn"):
            level = labels.get(_PREFIX + mode)
            if level is not None and level not in _LEVELS:
                message = f'Invalid value: "{level}": must be one of {", ".join(_LEVELS)}'
                field = f"metadata.labels[{_PREFIX}{mode}]"
                cause = (field, "FieldValueInvalid", message)
                raise invalid_error(review.target.kind, review.target.name, cause)
        before = ((review.old or {}).get("metadata") or {}).get("labels") or {}
        if review.old is not None and _get_level(labels, _ENFORCE) != _get_level(before, _ENFORCE):
            review.write.warnings.extend(self._list_existing(review.target.name, labels))

    def _list_existing(self, namespace: str, labels: Mapping[str, str]) -> Iterator[str]:
        """Yield warnings about pods that are there and that the new level would refuse."""
        level, shown = _get_level(labels, _ENFORCE)
        found: dict[str, list[str]] = {}
        for record in self._store.iterate_records(_PODS, namespace):
            if reasons := [v.reason for v in find_violations(record.obj["spec"], level)]:
                name = record.obj["metadata"]["name"]
                found.setdefault(", ".join(reasons), []).append(name)
        if not found:
            return
        yield (
            f'existing pods in namespace "{namespace}" violate the new PodSecurity enforce level '
            f'"{shown}"'
        )
        for text, names in sorted(found.items(), key=lambda each: min(each[1])):
            others = len(names) - 1
            more = f" (and {others} other pod{'s' if others > 1 else ''})" if others else ""
            yield f"{min(names)}{more}: {text}"


def _validate_pod(review: AdmissionRequest, pod: Object) -> None:
    level, shown = _get_level(review.namespace_labels, _ENFORCE)
    if found := find_violations(pod["spec"], level):
        text = ", ".join(str(each) for each in found)
        name = review.target.name
        raise forbidden_error(review.target.kind, name, f'violates PodSecurity "{shown}": {text}')
    _warn_about(review, pod["spec"])


def _warn_about(review: AdmissionRequest, spec: Object) -> None:
    level, shown = _get_level(review.namespace_labels, _WARN)
    if found := find_violations(spec, level):
        text = ", ".join(str(each) for each in found)
        review.write.warnings.append(f'would violate PodSecurity "{shown}": {text}')


def _get_level(labels: Mapping[str, str], key: str) -> tuple[str, str]:
    """Return the level that a label names, and how messages show it with its version."""
    level = labels.get(key, "privileged")
    return level, f"{level}:{labels.get(f'{key}-version', 'latest')}"


def _find_template_spec(kind: str, obj: Object) -> Object | None:
    spec: Object = obj.get("spec") or {}
    if kind == "CronJob":
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    elif kind not in _WORKLOADS:
        return None
    return (spec.get("template") or {}).get("spec")
