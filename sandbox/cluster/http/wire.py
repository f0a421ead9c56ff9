"""Reading requests and writing answers: forms, query parameters, bodies, errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from aiohttp import web

from sandbox.cluster.api_refusals import (
    bad_request_error,
    build_error_status,
    unreadable_body_error,
)
from sandbox.cluster.contract import ApiError, Object
from sandbox.cluster.http import protobuf
from sandbox.cluster.kinds import Kind
from sandbox.cluster.operations import Target, WriteOptions
from sandbox.cluster.registry import conversions
from sandbox.cluster.store import Record, encode_json
from sandbox.yaml_text import read_yaml

JSON = "application/json"
LIMIT = 8 * 1024 * 1024
"""Bytes that a request's body may have; Kubernetes takes about 3 MB."""

WARNINGS = web.RequestKey("warnings", list[str])
"""Key in a request of what its client is told beside the answer."""

_TRUE = ("1", "true", "True", "t", "T")


@dataclass(frozen=True)
class ResponseFormat:
    """The form in which a client wants objects: as they are, as a Table, or their metadata
    alone."""

    name: str = ""
    media_type: str = JSON


def negotiate_format(accept: str) -> ResponseFormat:
    """Return the first known format of an Accept header.

    Raises ApiError(406) when there is none.
    """
    for part in accept.split(",") if accept else ():
        media, *parameters = [piece.strip() for piece in part.split(";")]
        if media not in (JSON, "application/*", "*/*", "application/yaml"):
            continue
        given = dict(parameter.split("=", 1) for parameter in parameters if "=" in parameter)
        name = given.get("as", "")
        if (
            name in ("Table", "PartialObjectMetadata", "PartialObjectMetadataList")
            and given.get("v") != "v1beta1"
        ):
            return ResponseFormat(name.removesuffix("List"), f"{JSON};as={name};g=meta.k8s.io;v=v1")
        if not name:
            return ResponseFormat()
    if not accept:
        return ResponseFormat()
    known = "application/json, application/yaml, application/vnd.kubernetes.protobuf"
    raise ApiError(406, "NotAcceptable", f"only the following media types are accepted: {known}")


def read_flag(query: Mapping[str, str], name: str) -> bool:
    """Return a boolean query parameter."""
    return query.get(name, "") in _TRUE


def read_number(query: Mapping[str, str], name: str) -> int | None:
    """Return a whole-number query parameter, or None; raise ApiError(400) for other text."""
    text = query.get(name, "")
    if not text:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise bad_request_error(f'strconv.ParseInt: parsing "{text}": invalid syntax') from error


def read_write_options(request: web.Request) -> WriteOptions:
    """Return who writes and how.

    The manager is `fieldManager`, or the first part of the User-Agent as in Kubernetes.
    """
    query = request.query
    agent = request.headers.get("User-Agent", "unknown").split("/")[0]
    if query.getall("dryRun", []) not in ([], ["All"]):
        shown = query["dryRun"]
        text = (
            f'Invalid value: {{"dryRun":["{shown}"]}}: dryRun: Unsupported value: "{shown}": '
            f'supported values: "All"'
        )
        raise bad_request_error(text)
    if WARNINGS not in request:
        request[WARNINGS] = []
    return WriteOptions(
        query.get("fieldManager") or agent,
        dry_run="dryRun" in query,
        force=read_flag(query, "force"),
        # Kept with the request, whose answer shows them.
        warnings=request[WARNINGS],
        field_validation=query.get("fieldValidation") or "Warn",
    )


async def read_body(request: web.Request, kind: Kind) -> Any:
    """Return the body as JSON or YAML; None when there is none. `kind` is what it should be."""
    raw = await request.read()
    if not raw:
        return None
    if raw.startswith(protobuf.MAGIC):
        return protobuf.decode_envelope(raw)
    try:
        # A safe loader.
        return json.loads(raw) if raw.lstrip()[:1] in (b"{", b"[") else read_yaml(raw)
    except (ValueError, yaml.YAMLError) as error:
        shown = raw[:100].decode(errors="replace")
        raise unreadable_body_error(kind, f"{error} ({shown})") from error


def encode_as_version(target: Target, record: Record) -> bytes:
    """Return an object's JSON under the version that was asked for."""
    if record.obj.get("apiVersion") == target.api_version:
        return record.json
    return encode_json(conversions.convert_from_stored(target.kind, record.obj, target.api_version))


def build_json_response(
    value: Object | bytes, *, status: int = 200, form: ResponseFormat | None = None
) -> web.Response:
    """Return an answer with its media type."""
    body = value if isinstance(value, bytes) else encode_json(value)
    return web.Response(
        body=body, status=status, headers={"Content-Type": (form or ResponseFormat()).media_type}
    )


def build_error_response(error: ApiError) -> web.Response:
    """Return the `Status` answer that says what went wrong."""
    response = build_json_response(build_error_status(error), status=error.code)
    if "retryAfterSeconds" in error.details:
        response.headers["Retry-After"] = str(error.details["retryAfterSeconds"])
    return response
