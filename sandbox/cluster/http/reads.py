"""GET: one object, lists with selectors and pages, in each of the forms a client may ask for."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from itertools import islice

from sandbox.cluster.api_refusals import bad_request_error, expired_error
from sandbox.cluster.contract import ApiError, Object
from sandbox.cluster.http.wire import ResponseFormat, encode_as_version, read_number
from sandbox.cluster.machinery import selectors
from sandbox.cluster.operations import Target
from sandbox.cluster.printing import tables
from sandbox.cluster.store import Record, Store, encode_json

_CONTINUE_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You must "
    "start a new list without "
    "the continue parameter."
)


def check_resource_version(store: Store, query: Mapping[str, str]) -> None:
    """Raise ApiError(504) for a resourceVersion that this cluster has not reached."""
    wanted = read_number(query, "resourceVersion") or 0
    if wanted > store.revision:
        cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
        details = {"causes": [cause], "retryAfterSeconds": 1}
        text = f"Timeout: Too large resource version: {wanted}, current: {store.revision}"
        raise ApiError(504, "Timeout", text, details)


def render_object(
    target: Target, record: Record, form: ResponseFormat, query: Mapping[str, str], now: datetime
) -> bytes:
    """Return the JSON of one object in the form asked for."""
    if form.name == "Table":
        include = query.get("includeObject", "Metadata")
        table = tables.build_table(target, [record.obj], now, include=include)
        table["metadata"] = {"resourceVersion": record.obj["metadata"].get("resourceVersion", "")}
        return encode_json(table)
    if form.name == "PartialObjectMetadata":
        return encode_json(tables.build_partial_metadata(record.obj))
    return encode_as_version(target, record)


def render_list(
    store: Store, target: Target, form: ResponseFormat, query: Mapping[str, str], now: datetime
) -> bytes:
    """Return the JSON of a list in the form asked for."""
    check_resource_version(store, query)
    records, metadata = _select_page(store, target, query)
    if form.name == "Table":
        include = query.get("includeObject", "Metadata")
        table = tables.build_table(target, [record.obj for record in records], now, include=include)
        return encode_json({**table, "metadata": metadata})
    if form.name == "PartialObjectMetadata":
        items = [tables.build_partial_metadata(record.obj) for record in records]
        kind = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1"}
        return encode_json({**kind, "metadata": metadata, "items": items})
    if target.kind.custom:
        metadata.setdefault("continue", "")
    head = encode_json(
        {"kind": f"{target.kind.kind}List", "apiVersion": target.api_version, "metadata": metadata}
    )
    return head[:-1] + b',"items":[' + b",".join(_render_items(target, records)) + b"]}"


def _render_items(target: Target, records: list[Record]) -> list[bytes]:
    if target.kind.custom or target.kind.stored_as:
        return [encode_as_version(target, record) for record in records]
    # Lists of built-in types do not repeat apiVersion and kind in their items, and clients must
    # live with that.
    prefix = encode_json({"apiVersion": target.api_version, "kind": target.kind.kind})[:-1] + b","
    return [
        b"{" + record.json[len(prefix) :] if record.json.startswith(prefix) else record.json
        for record in records
    ]


def _select_page(
    store: Store, target: Target, query: Mapping[str, str]
) -> tuple[list[Record], Object]:
    matches = selectors.make_matcher(
        query.get("labelSelector", ""), query.get("fieldSelector", ""), target.kind.plural
    )
    limit = read_number(query, "limit") or 0
    start, revision = _parse_continue_token(store, target, query.get("continue", ""))
    found = (
        record
        for record in store.iterate_records(target.kind.stored, target.namespace)
        if not start or record.key > start
    )
    chosen = (record for record in found if matches is None or matches(record.obj))
    records = list(islice(chosen, limit + 1)) if limit else list(chosen)
    metadata: Object = {"resourceVersion": str(revision)}
    if limit and len(records) > limit:
        records.pop()
        metadata["continue"] = _build_continue_token(revision, records[-1].key)
        if matches is None:
            metadata["remainingItemCount"] = 1 + sum(1 for _ in chosen)
    return records, metadata


def _build_continue_token(revision: int, key: tuple[str, str]) -> str:
    token = {"v": "meta.k8s.io/v1", "rv": revision, "start": "/".join(key)}
    return base64.urlsafe_b64encode(encode_json(token)).rstrip(b"=").decode()


def _parse_continue_token(
    store: Store, target: Target, token: str
) -> tuple[tuple[str, str] | None, int]:
    if not token:
        return None, store.revision
    try:
        found = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, _, name = str(found["start"]).partition("/")
        revision = int(found["rv"])
    except (ValueError, KeyError, TypeError) as error:
        raise bad_request_error(f"continue key is not valid: {error}") from error
    if revision < store.get_forgotten_revision(target.kind.stored):
        raise expired_error(_CONTINUE_TOO_OLD)
    return (namespace, name), revision
