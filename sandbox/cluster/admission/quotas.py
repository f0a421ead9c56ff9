"""ResourceQuotas, asked about every new object; last of all admission.

As the plugin ResourceQuota of Kubernetes 1.36, with its words. What is used is counted from what
is stored, at the moment of the write.
"""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.cluster.admission.quota_usage import (
    PODS,
    QUOTAS,
    is_in_scope,
    list_hard,
    measure_object,
    measure_usage,
    parse_hard,
    show_amounts,
)
from sandbox.cluster.api_refusals import forbidden_error
from sandbox.cluster.contract import Object
from sandbox.cluster.operations import AdmissionRequest
from sandbox.cluster.store import Store

_MUST_SAY = ("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory")


class Quotas:
    """The ResourceQuotas of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def validate(self, review: AdmissionRequest) -> None:
        """Raise ApiError(403) for a new object for which a quota of its namespace has no room."""
        target, new = review.target, review.obj
        if new is None or review.operation != "CREATE" or target.subresource:
            return
        for record in list(self._store.iterate_records(QUOTAS, target.namespace)):
            for problem in self._find_problems(record.obj, review, new):
                raise forbidden_error(target.kind, target.name, problem)

    def _find_problems(self, quota: Object, review: AdmissionRequest, new: Object) -> Iterator[str]:
        ref, name = review.target.kind.stored, quota["metadata"]["name"]
        hard = parse_hard(quota)
        asked = {k: v for k, v in measure_object(ref, new, hard).items() if v or ref == PODS}
        if not asked or (ref == PODS and not is_in_scope(quota, new)):
            return
        if ref == PODS and (missing := _list_unsaid(quota, new)):
            yield f"failed quota: {name}: must specify {missing}"
        place = review.target.namespace
        used = measure_usage(
            quota, lambda each: (r.obj for r in self._store.iterate_records(each, place))
        )
        over = [r for r, amount in asked.items() if amount and used[r] + amount > hard[r]]
        if over:
            shown = [show_amounts({r: amounts[r] for r in over}) for amounts in (asked, used, hard)]
            yield (
                f"exceeded quota: {name}, requested: {shown[0]}, used: {shown[1]}, "
                f"limited: {shown[2]}"
            )


def _list_unsaid(quota: Object, pod: Object) -> str:
    """Return the resources that a quota bounds and containers do not mention, with their names."""
    spec, found = pod["spec"], []
    containers = [*spec["containers"], *(spec.get("initContainers") or ())]
    for resource in sorted(set(list_hard(quota)) & set(_MUST_SAY)):
        kind, _, name = resource.rpartition(".")
        without = sorted(
            c["name"]
            for c in containers
            if name not in ((c.get("resources") or {}).get(kind or "requests") or {})
        )
        if without:
            found.append(f"{resource} for: {','.join(without)}")
    return "; ".join(found)
