"""The API server's refusals in Kubernetes' own words, because clients and people read and match them."""

from __future__ import annotations

from typing import Protocol

from bot.sandbox.cluster.contract import ApiError, Object


class Named(Protocol):
    """What a refusal needs to know of a resource type."""

    @property
    def group(self) -> str: ...
    @property
    def plural(self) -> str: ...
    @property
    def kind(self) -> str: ...


def qualified(kind: Named) -> str:
    """`deployments.apps`, or just `pods` for the core group."""
    return f"{kind.plural}.{kind.group}" if kind.group else kind.plural


def _details(kind: Named, name: str) -> Object:
    details: Object = {"name": name} if name else {}
    if kind.group:
        details["group"] = kind.group
    return {**details, "kind": kind.plural}


def not_found(kind: Named, name: str) -> ApiError:
    """404 for an object that is not there."""
    return ApiError(404, "NotFound", f'{qualified(kind)} "{name}" not found', _details(kind, name))


def no_such_path() -> ApiError:
    """404 for a path or resource type that is not served."""
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def already_exists(kind: Named, name: str) -> ApiError:
    """409 for a create of what exists."""
    return ApiError(409, "AlreadyExists", f'{qualified(kind)} "{name}" already exists', _details(kind, name))


def conflict(kind: Named, name: str, why: str = "") -> ApiError:
    """409 for an update made from an old version, or for an unmet precondition."""
    why = why or "the object has been modified; please apply your changes to the latest version and try again"
    return ApiError(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {qualified(kind)} "{name}": {why}',
        _details(kind, name),
    )


def invalid(kind: Named, name: str, *causes: tuple[str, str, str]) -> ApiError:
    """422; each cause is (field, reason such as `FieldValueInvalid`, message such as `Invalid value: "X": why`)."""
    title = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    texts = [f"{field}: {message}" for field, _, message in causes]
    text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    details: Object = {"name": name} if name else {}
    if kind.group:
        details["group"] = kind.group
    details["kind"] = kind.kind
    details["causes"] = [{"reason": reason, "message": message, "field": field} for field, reason, message in causes]
    return ApiError(422, "Invalid", f'{title} "{name}" is invalid: {text}', details)


def needs_version(kind: Named, name: str) -> ApiError:
    """422 for an update of a custom object that does not say which version it was made from."""
    cause = ("metadata.resourceVersion", "FieldValueInvalid", "Invalid value: 0: must be specified for an update")
    error = invalid(kind, name, cause)
    error.details["kind"] = kind.plural
    error.message = f'{qualified(kind)} "{name}" is invalid: {cause[0]}: {cause[2]}'
    return error


def precondition(kind: Named, name: str, why: str) -> ApiError:
    """409 for a delete that meant another object."""
    title = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    details = {**_details(kind, name), "kind": kind.kind}
    return ApiError(409, "Conflict", f'Operation cannot be fulfilled on {title} "{name}": {why}', details)


def forbidden(kind: Named, name: str, why: str, causes: list[Object] | None = None) -> ApiError:
    """403 by an admission plugin (not by RBAC: see `unauthorized_verb`)."""
    details = _details(kind, name)
    if causes:
        details["causes"] = causes
    shown = f'{qualified(kind)} "{name}"' if name else qualified(kind)
    return ApiError(403, "Forbidden", f"{shown} is forbidden: {why}", details)


def unauthorized_verb(kind: Named, name: str, namespace: str, *, user: str, verb: str) -> ApiError:
    """403 in the words of RBAC."""
    where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    why = f'User "{user}" cannot {verb} resource "{kind.plural}" in API group "{kind.group}" {where}'
    return forbidden(kind, name, why)


def bad_request(message: str) -> ApiError:
    """400 for a request that can't be read."""
    return ApiError(400, "BadRequest", message)


def unreadable(kind: Named, why: str) -> ApiError:
    """400 for a body that is no object; `why` in the words of the parser."""
    text = f"the object provided is unrecognized (must be of type {kind.kind}): couldn't get version/kind"
    return bad_request(f"{text}; json parse error: {why}")


def internal(message: str) -> ApiError:
    """500; Kubernetes puts `Internal error occurred: ` before the message."""
    return ApiError(500, "InternalError", f"Internal error occurred: {message}", {"causes": [{"message": message}]})


def unavailable(message: str) -> ApiError:
    """503 for a backend that can't be reached."""
    return ApiError(503, "ServiceUnavailable", message)


def expired(message: str) -> ApiError:
    """410 for a resourceVersion or a continue token that is older than the kept history."""
    return ApiError(410, "Expired", message)


_ALWAYS_DETAILED = (404, 405, 415, 422)
"""Codes whose `Status` has details even when they are empty."""


def status_of(error: ApiError) -> Object:
    """The `Status` body that answers for an error."""
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
