"""LimitRanges: the defaults that they give to containers, and the bounds that they set.

As the plugin LimitRanger of Kubernetes 1.36, with its words. It works before the webhooks and
again after one that changed the pod, so that an injected container gets the defaults too.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from sandbox.cluster.api_refusals import forbidden_error
from sandbox.cluster.contract import Object, Ref
from sandbox.cluster.machinery.quantities import format_quantity, parse_quantity, sum_pod_resource
from sandbox.cluster.operations import AdmissionRequest
from sandbox.cluster.store import Store

_RANGES = Ref("", "limitranges")
_NOTE = "kubernetes.io/limit-ranger"


class _Asked(NamedTuple):
    """What a container or a pod asks for of one resource; None where it does not say."""

    request: Decimal | None
    limit: Decimal | None


class LimitRanges:
    """The LimitRanges of a store, as admission of new pods asks them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def complete_pod(self, review: AdmissionRequest, pod: Object) -> Object:
        """Return a new pod with the defaults of its namespace; the same one when nothing changes.

        A pod that says nothing about a resource gets the default limit and request.
        """
        if not _is_new_pod(review):
            return pod
        for item in self._list_items(review.target.namespace, "Container"):
            changed = copy.deepcopy(pod)
            if notes := _fill_in_defaults(changed, item):
                meta = changed["metadata"]
                text = f"LimitRanger plugin set: {'; '.join(notes)}"
                meta["annotations"] = {_NOTE: text, **(meta.get("annotations") or {})}
                # Computed anew from what the containers ask for now.
                (changed.get("status") or {}).pop("qosClass", None)
                pod = changed
        return pod

    def validate(self, review: AdmissionRequest) -> None:
        """Raise ApiError(403) for a new pod that is out of its namespace's bounds."""
        pod = review.obj
        if pod is None or not _is_new_pod(review):
            return
        place = review.target.namespace
        found = dict.fromkeys(
            (
                *(t for item in self._list_items(place, "Container") for t in _check(pod, item)),
                *(t for item in self._list_items(place, "Pod") for t in _check(pod, item)),
            )
        )
        if found:
            text = next(iter(found)) if len(found) == 1 else f"[{', '.join(found)}]"
            raise forbidden_error(review.target.kind, review.target.name, text)

    def _list_items(self, namespace: str, type_: str) -> Iterator[Object]:
        for record in self._store.iterate_records(_RANGES, namespace):
            for item in (record.obj.get("spec") or {}).get("limits") or ():
                if item.get("type") == type_:
                    yield item


def _is_new_pod(review: AdmissionRequest) -> bool:
    kind = review.target.kind
    return kind.kind == "Pod" and not kind.custom and review.operation == "CREATE"


def _fill_in_defaults(pod: Object, item: Object) -> list[str]:
    """Set what containers leave out (changed in place); return what was set, in words."""
    notes = []
    for word, field in (("init container", "initContainers"), ("container", "containers")):
        for container in pod["spec"].get(field) or ():
            resources = container.setdefault("resources", {})
            for kind, key in (("requests", "defaultRequest"), ("limits", "default")):
                given = resources.get(kind) or {}
                added = {k: v for k, v in (item.get(key) or {}).items() if k not in given}
                if added:
                    resources[kind] = {**given, **added}
                    names = ", ".join(sorted(added))
                    notes.append(f"{names} {kind[:-1]} for {word} {container['name']}")
    return notes


def _check(pod: Object, item: Object) -> Iterator[str]:
    """Yield how a pod, or one of its containers, is out of one item's bounds."""
    spec = pod["spec"]
    names = sorted({n for f in _BOUNDS for n in item.get(f) or ()})
    if item["type"] == "Pod":
        parts = [{n: _sum_pod(spec, n) for n in names}]
    else:
        containers = [*spec["containers"], *(spec.get("initContainers") or ())]
        parts = [{n: _get_container(c, n) for n in names} for c in containers]
    for asked in parts:
        for field, check in _BOUNDS.items():
            for name, bound in sorted((item.get(field) or {}).items()):
                yield from check(asked[name], name, item["type"], bound)


def _get_container(container: Object, name: str) -> _Asked:
    resources = container.get("resources") or {}
    request, limit = ((resources.get(kind) or {}).get(name) for kind in ("requests", "limits"))
    return _Asked(
        None if request is None else parse_quantity(request),
        None if limit is None else parse_quantity(limit),
    )


def _sum_pod(spec: Object, name: str) -> _Asked:
    request, limit = (sum_pod_resource(spec, kind, name) for kind in ("requests", "limits"))
    return _Asked(request or None, limit or None)


def _show(name: str, value: Decimal) -> str:
    return format_quantity(value, binary=name != "cpu")


def _check_minimum(asked: _Asked, name: str, type_: str, bound: object) -> Iterator[str]:
    least, head = parse_quantity(str(bound)), f"minimum {name} usage per {type_} is {bound}"
    if asked.request is None:
        yield f"{head}.  No request is specified"
    elif asked.request < least:
        yield f"{head}, but request is {_show(name, asked.request)}"
    elif asked.limit is not None and asked.limit < least:
        yield f"{head}, but limit is {_show(name, asked.limit)}"


def _check_maximum(asked: _Asked, name: str, type_: str, bound: object) -> Iterator[str]:
    most, head = parse_quantity(str(bound)), f"maximum {name} usage per {type_} is {bound}"
    if asked.limit is None:
        yield f"{head}.  No limit is specified"
    elif asked.limit > most:
        yield f"{head}, but limit is {_show(name, asked.limit)}"
    elif asked.request is not None and asked.request > most:
        yield f"{head}, but request is {_show(name, asked.request)}"


def _check_ratio(asked: _Asked, name: str, type_: str, bound: object) -> Iterator[str]:
    head = f"{name} max limit to request ratio per {type_} is {bound}"
    if not asked.request:
        yield f"{head}, but no request is specified or request is 0"
    elif not asked.limit:
        yield f"{head}, but no limit is specified or limit is 0"
    elif asked.limit / asked.request > parse_quantity(str(bound)):
        yield f"{head}, but provided ratio is {asked.limit / asked.request:f}"


_BOUNDS = {"min": _check_minimum, "max": _check_maximum, "maxLimitRequestRatio": _check_ratio}
