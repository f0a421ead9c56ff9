"""How requests are read and answers are written: forms, query parameters, bodies, errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from aiohttp import web

from bot.sandbox.cluster import event_versions, protobuf
from bot.sandbox.cluster.contract import ApiError, Object
from bot.sandbox.cluster.kinds import Kind
from bot.sandbox.cluster.operations import Target, Write
from bot.sandbox.cluster.refusals import bad_request, status_of, unreadable
from bot.sandbox.cluster.store import Record, encode

JSON = "application/json"
LIMIT = 8 * 1024 * 1024
"""Bytes that a request's body may have; Kubernetes takes about 3 MB."""

_TRUE = ("1", "true", "True", "t", "T")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Form:
    """The form in which a client wants objects: as they are, as a Table, or their metadata alone."""

    name: str = ""
    media_type: str = JSON


def form_of(accept: str) -> Form:
    """Reads an Accept header; the first form that is known wins. Raises ApiError(406) when there is none."""
    for part in accept.split(",") if accept else ():
        media, *parameters = [piece.strip() for piece in part.split(";")]
        if media not in (JSON, "application/*", "*/*", "application/yaml"):
            continue
        given = dict(parameter.split("=", 1) for parameter in parameters if "=" in parameter)
        name = given.get("as", "")
        if name in ("Table", "PartialObjectMetadata", "PartialObjectMetadataList") and given.get("v") != "v1beta1":
            return Form(name.removesuffix("List"), f"{JSON};as={name};g=meta.k8s.io;v=v1")
        if not name:
            return Form()
    if not accept:
        return Form()
    known = "application/json, application/yaml, application/vnd.kubernetes.protobuf"
    raise ApiError(406, "NotAcceptable", f"only the following media types are accepted: {known}")


def flag(query: Mapping[str, str], name: str) -> bool:
    """A boolean parameter."""
    return query.get(name, "") in _TRUE


def number(query: Mapping[str, str], name: str) -> int | None:
    """A whole-number parameter; raises ApiError(400)."""
    text = query.get(name, "")
    if not text:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from error


def write_options(request: web.Request) -> Write:
    """Who writes and how. The manager is `fieldManager`, or the first part of the User-Agent as in Kubernetes."""
    query = request.query
    agent = request.headers.get("User-Agent", "unknown").split("/")[0]
    if query.getall("dryRun", []) not in ([], ["All"]):
        shown = query["dryRun"]
        text = f'Invalid value: {{"dryRun":["{shown}"]}}: dryRun: Unsupported value: "{shown}": supported values: "All"'
        raise bad_request(text)
    return Write(query.get("fieldManager") or agent, dry_run="dryRun" in query, force=flag(query, "force"))


async def body_of(request: web.Request, kind: Kind) -> Any:
    """The body as JSON or YAML; None when there is none. `kind` is what it should be."""
    raw = await request.read()
    if not raw:
        return None
    if raw.startswith(protobuf.MAGIC):
        return protobuf.decode(raw)
    try:
        return json.loads(raw) if raw.lstrip()[:1] in (b"{", b"[") else yaml.load(raw, _LOADER)  # noqa: S506 (a safe loader)
    except (ValueError, yaml.YAMLError) as error:
        shown = raw[:100].decode(errors="replace")
        raise unreadable(kind, f"{error} ({shown})") from error


def as_version(target: Target, record: Record) -> bytes:
    """An object's JSON under the version that was asked for."""
    if record.obj.get("apiVersion") == target.api_version:
        return record.json
    if target.kind.stored_as:
        return encode(event_versions.to_new(record.obj))
    return encode({**record.obj, "apiVersion": target.api_version})


def json_response(value: Object | bytes, *, status: int = 200, form: Form | None = None) -> web.Response:
    """An answer with its media type."""
    body = value if isinstance(value, bytes) else encode(value)
    return web.Response(body=body, status=status, headers={"Content-Type": (form or Form()).media_type})


def error_response(error: ApiError) -> web.Response:
    """A `Status` that says what went wrong."""
    response = json_response(status_of(error), status=error.code)
    if "retryAfterSeconds" in error.details:
        response.headers["Retry-After"] = str(error.details["retryAfterSeconds"])
    return response
