"""GET: one object, lists with selectors and pages, in each of the forms a client may ask for."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from itertools import islice

from bot.sandbox.cluster import selectors, tables
from bot.sandbox.cluster.contract import ApiError, Object
from bot.sandbox.cluster.operations import Target
from bot.sandbox.cluster.refusals import bad_request, expired
from bot.sandbox.cluster.store import Record, Store, encode
from bot.sandbox.cluster.wire import Form, as_version, number

_CONTINUE_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You must start a new list without "
    "the continue parameter."
)


def check_revision(store: Store, query: Mapping[str, str]) -> None:
    """Raises ApiError(504) for a resourceVersion that this cluster has not reached."""
    wanted = number(query, "resourceVersion") or 0
    if wanted > store.revision:
        cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
        details = {"causes": [cause], "retryAfterSeconds": 1}
        text = f"Timeout: Too large resource version: {wanted}, current: {store.revision}"
        raise ApiError(504, "Timeout", text, details)


def one(target: Target, record: Record, form: Form, query: Mapping[str, str], now: datetime) -> bytes:
    """One object in the form asked for."""
    if form.name == "Table":
        include = query.get("includeObject", "Metadata")
        table = tables.table(target, [record.obj], now, include=include)
        table["metadata"] = {"resourceVersion": record.obj["metadata"].get("resourceVersion", "")}
        return encode(table)
    if form.name == "PartialObjectMetadata":
        return encode(tables.partial(record.obj))
    return as_version(target, record)


def listing(store: Store, target: Target, form: Form, query: Mapping[str, str], now: datetime) -> bytes:
    """A list in the form asked for."""
    check_revision(store, query)
    records, metadata = _page(store, target, query)
    if form.name == "Table":
        include = query.get("includeObject", "Metadata")
        table = tables.table(target, [record.obj for record in records], now, include=include)
        return encode({**table, "metadata": metadata})
    if form.name == "PartialObjectMetadata":
        items = [tables.partial(record.obj) for record in records]
        kind = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1"}
        return encode({**kind, "metadata": metadata, "items": items})
    if target.kind.custom:
        metadata.setdefault("continue", "")
    head = encode({"kind": f"{target.kind.kind}List", "apiVersion": target.api_version, "metadata": metadata})
    return head[:-1] + b',"items":[' + b",".join(_items(target, records)) + b"]}"


def _items(target: Target, records: list[Record]) -> list[bytes]:
    if target.kind.custom or target.kind.stored_as:
        return [as_version(target, record) for record in records]
    # Lists of built-in types do not repeat apiVersion and kind in their items, and clients must live with that.
    prefix = encode({"apiVersion": target.api_version, "kind": target.kind.kind})[:-1] + b","
    return [b"{" + record.json[len(prefix) :] if record.json.startswith(prefix) else record.json for record in records]


def _page(store: Store, target: Target, query: Mapping[str, str]) -> tuple[list[Record], Object]:
    matches = selectors.matcher(query.get("labelSelector", ""), query.get("fieldSelector", ""), target.kind.plural)
    limit = number(query, "limit") or 0
    start, revision = _start(store, target, query.get("continue", ""))
    found = (record for record in store.all(target.kind.stored, target.namespace) if not start or record.key > start)
    chosen = (record for record in found if matches is None or matches(record.obj))
    records = list(islice(chosen, limit + 1)) if limit else list(chosen)
    metadata: Object = {"resourceVersion": str(revision)}
    if limit and len(records) > limit:
        records.pop()
        metadata["continue"] = _token(revision, records[-1].key)
        if matches is None:
            metadata["remainingItemCount"] = 1 + sum(1 for _ in chosen)
    return records, metadata


def _token(revision: int, key: tuple[str, str]) -> str:
    token = {"v": "meta.k8s.io/v1", "rv": revision, "start": "/".join(key)}
    return base64.urlsafe_b64encode(encode(token)).rstrip(b"=").decode()


def _start(store: Store, target: Target, token: str) -> tuple[tuple[str, str] | None, int]:
    if not token:
        return None, store.revision
    try:
        found = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, _, name = str(found["start"]).partition("/")
        revision = int(found["rv"])
    except (ValueError, KeyError, TypeError) as error:
        raise bad_request(f"continue key is not valid: {error}") from error
    if revision < store.forgotten(target.kind.stored):
        raise expired(_CONTINUE_TOO_OLD)
    return (namespace, name), revision
