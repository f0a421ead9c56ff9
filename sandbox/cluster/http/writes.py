"""POST, PUT, PATCH and DELETE: from an HTTP request to the Api's verbs and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from aiohttp import web

from sandbox.cluster.api import Api
from sandbox.cluster.api_refusals import UnknownFieldError, bad_request_error, invalid_error
from sandbox.cluster.contract import ApiError, Object
from sandbox.cluster.http.wire import read_body, read_number, read_write_options
from sandbox.cluster.machinery import selectors
from sandbox.cluster.merging import patches, strategic_merge
from sandbox.cluster.operations import DeleteOptions, Target, WriteOptions
from sandbox.cluster.registry import strategy
from sandbox.cluster.store import Record

APPLY = "application/apply-patch+yaml"
_JSON_PATCH = "application/json-patch+json"
_MERGE = "application/merge-patch+json"
_STRATEGIC = "application/strategic-merge-patch+json"
_CUSTOM = (_JSON_PATCH, _MERGE, APPLY)
_BUILT_IN = (_JSON_PATCH, _MERGE, _STRATEGIC, APPLY)


async def create_from_request(api: Api, target: Target, request: web.Request) -> Record:
    """Create an object (POST to a collection)."""
    return await api.create(
        target, await read_body(request, target.kind), read_write_options(request)
    )


async def update_from_request(api: Api, target: Target, request: web.Request) -> Record:
    """Replace an object (PUT)."""
    return await api.update(
        target, await read_body(request, target.kind), read_write_options(request)
    )


async def patch_from_request(api: Api, target: Target, request: web.Request) -> tuple[Record, bool]:
    """Patch an object (PATCH of any kind).

    The flag returned says whether an apply created it.
    """
    write = read_write_options(request)
    kind = request.content_type
    change = await read_body(request, target.kind)
    if kind == APPLY:
        if "fieldManager" not in request.query:
            raise _patch_options_error(
                "fieldManager: Required value: is required for apply patch", "FieldValueRequired"
            )
        return await api.apply(target, change, write)
    if write.force:
        raise _patch_options_error(
            "force: Forbidden: may not be specified for non-apply patch", "FieldValueForbidden"
        )
    try:
        return await api.patch(target, make_patcher(target, kind, change), write), False
    except UnknownFieldError as refused:
        # A patch that brings them in is itself what is refused.
        shown = json.dumps(change, separators=(",", ":"))
        cause = ("patch", "FieldValueInvalid", f'Invalid value: "{shown}": {refused.why}')
        raise invalid_error(target.kind, "", cause) from None


def _patch_options_error(why: str, reason: str) -> ApiError:
    field, _, message = why.partition(": ")
    details: Object = {"group": "meta.k8s.io", "kind": "PatchOptions"}
    details["causes"] = [{"reason": reason, "message": message, "field": field}]
    return ApiError(422, "Invalid", f'PatchOptions.meta.k8s.io "" is invalid: {why}', details)


def make_patcher(target: Target, kind: str, change: Any) -> Callable[[Object], Any]:
    """Return a function from the live object to the patched one.

    Raises ApiError(415) for a form that the type does not take.
    """
    known = _CUSTOM if target.kind.custom else _BUILT_IN
    if kind not in known:
        raise _unsupported_patch_error(target, kind)
    if kind == _JSON_PATCH:
        return lambda live: patches.apply_json_patch(live, change)
    if not isinstance(change, dict):
        raise bad_request_error(
            "error decoding patch: json: cannot unmarshal into Go value of type "
            "map[string]interface {}"
        )
    if kind == _MERGE:
        return lambda live: patches.apply_merge_patch(live, change)
    return lambda live: strategic_merge.apply_strategic_merge(
        live, change, strategy.get_merge_schema(target)
    )


def _unsupported_patch_error(target: Target, kind: str) -> ApiError:
    """Return the 415 for a patch's media type.

    One that is a patch elsewhere gets the list of what this type takes.
    """
    text = "415: Unsupported Media Type"
    if target.kind.custom and kind == _STRATEGIC:
        text = (
            "the body of the request was in an unknown format - accepted media types include: "
            + ", ".join(_CUSTOM)
        )
    return ApiError(415, "UnsupportedMediaType", text)


async def read_delete_options(
    target: Target, request: web.Request
) -> tuple[DeleteOptions, WriteOptions]:
    """Return the options in the body and the query of a DELETE; the body wins."""
    body = await read_body(request, target.kind) or {}
    if not isinstance(body, dict):
        raise bad_request_error("DeleteOptions expected")
    query = request.query
    preconditions = body.get("preconditions") or {}
    grace = body.get("gracePeriodSeconds")
    options = DeleteOptions(
        grace=read_number(query, "gracePeriodSeconds") if grace is None else grace,
        policy=body.get("propagationPolicy")
        or query.get("propagationPolicy")
        or _read_orphan_policy(body, query),
        uid=preconditions.get("uid", ""),
        revision=preconditions.get("resourceVersion", ""),
    )
    write = read_write_options(request)
    return options, replace(write, dry_run=True) if body.get("dryRun") else write


def _read_orphan_policy(body: Object, query: Mapping[str, str]) -> str:
    wanted = body.get("orphanDependents", query.get("orphanDependents"))
    return "" if wanted is None else "Orphan" if wanted in (True, "true") else "Background"


async def delete_selected(api: Api, target: Target, request: web.Request) -> list[Record]:
    """Delete all objects that the selectors choose, and return what was deleted."""
    options, write = await read_delete_options(target, request)
    query = request.query
    matches = selectors.make_matcher(
        query.get("labelSelector", ""), query.get("fieldSelector", ""), target.kind.plural
    )
    records = [
        record
        for record in list(api.store.iterate_records(target.kind.stored, target.namespace))
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
