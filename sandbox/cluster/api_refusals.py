"""The API server's errors in Kubernetes' own words.

Clients and people read and match them.
"""

from __future__ import annotations

from typing import Protocol

from sandbox.cluster.contract import ApiError, Object


class NamedKind(Protocol):
    """The part of a resource type that an error message needs."""

    @property
    def group(self) -> str: ...
    @property
    def plural(self) -> str: ...
    @property
    def kind(self) -> str: ...


def format_group_resource(kind: NamedKind) -> str:
    """Return `deployments.apps`, or just `pods` for the core group."""
    return f"{kind.plural}.{kind.group}" if kind.group else kind.plural


def _build_details(kind: NamedKind, name: str) -> Object:
    details: Object = {"name": name} if name else {}
    if kind.group:
        details["group"] = kind.group
    return {**details, "kind": kind.plural}


def not_found_error(kind: NamedKind, name: str) -> ApiError:
    """Return the 404 for an object that is not there."""
    return ApiError(
        404,
        "NotFound",
        f'{format_group_resource(kind)} "{name}" not found',
        _build_details(kind, name),
    )


def unauthorized_error() -> ApiError:
    """Return the 401 for a request without a token that is known."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def foreign_request_error(why: str) -> ApiError:
    """Return the 403 for a request that a page in a browser may have sent."""
    return ApiError(403, "Forbidden", f"forbidden: {why}")


def unknown_path_error() -> ApiError:
    """Return the 404 for a path or resource type that is not served."""
    return ApiError(404, "NotFound", "the server could not find the requested resource")


class UnknownFieldError(ApiError):
    """The 400 for an object with fields that its type does not have (strict validation)."""

    def __init__(self, kind: str, version: str, unknown: list[str]) -> None:
        self.fields = [each.split('"')[1] for each in unknown]
        self.why = f"strict decoding error: {', '.join(unknown)}"
        text = f'{kind} in version "{version}" cannot be handled as a {kind}: {self.why}'
        super().__init__(400, "BadRequest", text)


def untyped_patch_error(api_version: str, kind: str, place: str, field: str) -> ApiError:
    """Return the 500 for an apply of a field that the type does not have: the first is named.

    `place` is `namespace/name` as the configuration has them.
    """
    return ApiError(
        500,
        "",
        f"failed to create typed patch object ({place}; {api_version}, Kind={kind}): "
        f".{field}: field not declared in schema",
    )


def already_exists_error(kind: NamedKind, name: str) -> ApiError:
    """Return the 409 for a create of what exists."""
    return ApiError(
        409,
        "AlreadyExists",
        f'{format_group_resource(kind)} "{name}" already exists',
        _build_details(kind, name),
    )


def conflict_error(kind: NamedKind, name: str, why: str = "") -> ApiError:
    """Return the 409 for an update made from an old version, or for an unmet precondition."""
    why = (
        why
        or "the object has been modified; please apply your changes to the latest version and try "
        "again"
    )
    return ApiError(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {format_group_resource(kind)} "{name}": {why}',
        _build_details(kind, name),
    )


def invalid_error(kind: NamedKind, name: str, *causes: tuple[str, str, str]) -> ApiError:
    """Return the 422 with its causes.

    Each cause is (field, reason such as `FieldValueInvalid`, message such as `Invalid
    value: "X": why`).
    """
    title = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    texts = [f"{field}: {message}" for field, _, message in causes]
    text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    details: Object = {"name": name} if name else {}
    if kind.group:
        details["group"] = kind.group
    details["kind"] = kind.kind
    details["causes"] = [
        {"reason": reason, "message": message, "field": field} for field, reason, message in causes
    ]
    return ApiError(422, "Invalid", f'{title} "{name}" is invalid: {text}', details)


def missing_version_error(kind: NamedKind, name: str) -> ApiError:
    """Return the 422 for an update of a custom object without a resourceVersion."""
    cause = (
        "metadata.resourceVersion",
        "FieldValueInvalid",
        "Invalid value: 0: must be specified for an update",
    )
    error = invalid_error(kind, name, cause)
    error.details["kind"] = kind.plural
    error.message = f'{format_group_resource(kind)} "{name}" is invalid: {cause[0]}: {cause[2]}'
    return error


def failed_precondition_error(kind: NamedKind, name: str, why: str) -> ApiError:
    """Return the 409 for a delete that meant another object."""
    title = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    details = {**_build_details(kind, name), "kind": kind.kind}
    return ApiError(
        409, "Conflict", f'Operation cannot be fulfilled on {title} "{name}": {why}', details
    )


def forbidden_error(
    kind: NamedKind, name: str, why: str, causes: list[Object] | None = None
) -> ApiError:
    """Return the 403 by an admission plugin (not by RBAC: see `rbac_forbidden_error`)."""
    details = _build_details(kind, name)
    if causes:
        details["causes"] = causes
    shown = f'{format_group_resource(kind)} "{name}"' if name else format_group_resource(kind)
    return ApiError(403, "Forbidden", f"{shown} is forbidden: {why}", details)


def rbac_forbidden_error(
    kind: NamedKind, name: str, namespace: str, *, user: str, verb: str
) -> ApiError:
    """Return the 403 in the words of RBAC."""
    where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    why = (
        f'User "{user}" cannot {verb} resource "{kind.plural}" in API group "{kind.group}" {where}'
    )
    return forbidden_error(kind, name, why)


def bad_request_error(message: str) -> ApiError:
    """Return the 400 for a request that can't be read."""
    return ApiError(400, "BadRequest", message)


def unreadable_body_error(kind: NamedKind, why: str) -> ApiError:
    """Return the 400 for a body that is no object; `why` in the words of the parser."""
    text = (
        f"the object provided is unrecognized (must be of type {kind.kind}): couldn't get "
        f"version/kind"
    )
    return bad_request_error(f"{text}; json parse error: {why}")


def internal_error(message: str) -> ApiError:
    """Return the 500; Kubernetes puts `Internal error occurred: ` before the message."""
    return ApiError(
        500,
        "InternalError",
        f"Internal error occurred: {message}",
        {"causes": [{"message": message}]},
    )


def service_unavailable_error(message: str) -> ApiError:
    """Return the 503 for a backend that can't be reached."""
    return ApiError(503, "ServiceUnavailable", message)


def expired_error(message: str) -> ApiError:
    """Return the 410 for a resourceVersion or continue token older than the kept history."""
    return ApiError(410, "Expired", message)


_ALWAYS_DETAILED = (404, 405, 415, 422)
"""Codes whose `Status` has details even when they are empty."""


def build_error_status(error: ApiError) -> Object:
    """Return the `Status` body that answers for an error."""
    body: Object = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": error.message,
        "reason": error.reason,
    }
    if error.details or error.code in _ALWAYS_DETAILED:
        body["details"] = error.details
    body["code"] = error.code
    return body
