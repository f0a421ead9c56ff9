"""POST, PUT, PATCH and DELETE: from an HTTP request to the Api's verbs and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from aiohttp import web

from bot.sandbox.cluster import patches, prepare, selectors, strategic
from bot.sandbox.cluster.api import Api
from bot.sandbox.cluster.contract import ApiError, Object
from bot.sandbox.cluster.operations import DeleteOptions, Target, Write
from bot.sandbox.cluster.refusals import bad_request
from bot.sandbox.cluster.store import Record
from bot.sandbox.cluster.wire import body_of, number, write_options

APPLY = "application/apply-patch+yaml"
_JSON_PATCH = "application/json-patch+json"
_MERGE = "application/merge-patch+json"
_STRATEGIC = "application/strategic-merge-patch+json"
_CUSTOM = (_JSON_PATCH, _MERGE, APPLY)
_BUILT_IN = (_JSON_PATCH, _MERGE, _STRATEGIC, APPLY)


async def create(api: Api, target: Target, request: web.Request) -> Record:
    """POST to a collection."""
    return await api.create(target, await body_of(request, target.kind), write_options(request))


async def update(api: Api, target: Target, request: web.Request) -> Record:
    """PUT."""
    return await api.update(target, await body_of(request, target.kind), write_options(request))


async def patch(api: Api, target: Target, request: web.Request) -> tuple[Record, bool]:
    """PATCH of any kind; the flag says whether an apply created the object."""
    write = write_options(request)
    kind = request.content_type
    change = await body_of(request, target.kind)
    if kind == APPLY:
        if "fieldManager" not in request.query:
            raise _patch_options("fieldManager: Required value: is required for apply patch", "FieldValueRequired")
        return await api.apply(target, change, write)
    if write.force:
        raise _patch_options("force: Forbidden: may not be specified for non-apply patch", "FieldValueForbidden")
    return await api.patch(target, patcher(target, kind, change), write), False


def _patch_options(why: str, reason: str) -> ApiError:
    field, _, message = why.partition(": ")
    details: Object = {"group": "meta.k8s.io", "kind": "PatchOptions"}
    details["causes"] = [{"reason": reason, "message": message, "field": field}]
    return ApiError(422, "Invalid", f'PatchOptions.meta.k8s.io "" is invalid: {why}', details)


def patcher(target: Target, kind: str, change: Any) -> Callable[[Object], Any]:
    """From the live object to the patched one; raises ApiError(415) for a form that the type does not take."""
    known = _CUSTOM if target.kind.custom else _BUILT_IN
    if kind not in known:
        raise _unsupported(target, kind)
    if kind == _JSON_PATCH:
        return lambda live: patches.json_patch(live, change)
    if not isinstance(change, dict):
        raise bad_request("error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}")
    if kind == _MERGE:
        return lambda live: patches.merge_patch(live, change)
    return lambda live: strategic.strategic_merge(live, change, prepare.node_of(target))


def _unsupported(target: Target, kind: str) -> ApiError:
    """415; a media type that is a patch elsewhere gets the list of what this type takes."""
    text = "415: Unsupported Media Type"
    if target.kind.custom and kind == _STRATEGIC:
        text = "the body of the request was in an unknown format - accepted media types include: " + ", ".join(_CUSTOM)
    return ApiError(415, "UnsupportedMediaType", text)


async def delete_options(target: Target, request: web.Request) -> tuple[DeleteOptions, Write]:
    """From the body and the query of a DELETE; the body wins."""
    body = await body_of(request, target.kind) or {}
    if not isinstance(body, dict):
        raise bad_request("DeleteOptions expected")
    query = request.query
    preconditions = body.get("preconditions") or {}
    grace = body.get("gracePeriodSeconds")
    options = DeleteOptions(
        grace=number(query, "gracePeriodSeconds") if grace is None else grace,
        policy=body.get("propagationPolicy") or query.get("propagationPolicy") or _orphan(body, query),
        uid=preconditions.get("uid", ""),
        revision=preconditions.get("resourceVersion", ""),
    )
    write = write_options(request)
    return options, replace(write, dry_run=True) if body.get("dryRun") else write


def _orphan(body: Object, query: Mapping[str, str]) -> str:
    wanted = body.get("orphanDependents", query.get("orphanDependents"))
    return "" if wanted is None else "Orphan" if wanted in (True, "true") else "Background"


async def delete_collection(api: Api, target: Target, request: web.Request) -> list[Record]:
    """Deletes all that the selectors choose; gives what was deleted."""
    options, write = await delete_options(target, request)
    query = request.query
    matches = selectors.matcher(query.get("labelSelector", ""), query.get("fieldSelector", ""), target.kind.plural)
    records = [
        record
        for record in list(api.store.all(target.kind.stored, target.namespace))
        if matches is None or matches(record.obj)
    ]
    for record in records:
        namespace, name = record.key
        try:
            await api.delete(replace(target, namespace=namespace, name=name), options, write)
        except ApiError as error:
            if error.code != 404:
                raise
    return records
