"""Reading request paths: which resource, which object, which verb."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.cluster.api_refusals import unknown_path_error
from sandbox.cluster.contract import ApiError
from sandbox.cluster.kinds import Kinds
from sandbox.cluster.operations import Target

_OBJECT = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "POST": "create"}
_COLLECTION = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}


class NoSuchGroup(Exception):
    """A path that belongs to no group and version that is served."""


@dataclass(frozen=True)
class Route:
    """A request for a resource. `rest` is what follows `proxy` in the path (with its slash)."""

    target: Target
    verb: str
    rest: str = ""

    @property
    def resource(self) -> str:
        """The resource as RBAC names it: `pods` or `pods/log`."""
        plural, subresource = self.target.kind.plural, self.target.subresource
        return f"{plural}/{subresource}" if subresource else plural


def parse_route(kinds: Kinds, method: str, path: str, query: Mapping[str, str]) -> Route:
    """Return what a path under /api or /apis is about; raise ApiError(404 or 405)."""
    group, version, parts = _split_group(path)
    namespace, parts = _split_namespace(group, parts)
    if not parts:
        raise unknown_path_error()
    kind = kinds.find_served(group, version, parts[0])
    name = parts[1] if len(parts) > 1 else ""
    subresource = parts[2] if len(parts) > 2 else ""
    if kind is None and not any(
        each.group == group and each.get_version_info(version).name == version for each in kinds
    ):
        raise NoSuchGroup(path)
    if (
        kind is None
        or (subresource and subresource not in kind.subresources)
        or (name and not name.strip())
    ):
        raise unknown_path_error()
    if len(parts) > 3 and subresource != "proxy":
        raise unknown_path_error()
    if kind.namespaced and not namespace and name:
        raise unknown_path_error()
    if kind.namespaced and not namespace and method != "GET":
        raise _method_not_allowed_error()
    target = Target(kind, namespace if kind.namespaced else "", name, subresource, version)
    rest = "/" + "/".join(parts[3:]) if subresource == "proxy" else ""
    return Route(target, _resolve_verb(target, method, query), rest)


def _split_group(path: str) -> tuple[str, str, list[str]]:
    parts = path.lstrip("/").split("/")
    if parts[-1] == "" and "proxy" not in parts:
        parts.pop()
    if parts[0] == "api" and len(parts) > 2:
        return "", parts[1], parts[2:]
    if parts[0] == "apis" and len(parts) > 3:
        return parts[1], parts[2], parts[3:]
    raise unknown_path_error()


def _split_namespace(group: str, parts: list[str]) -> tuple[str, list[str]]:
    """Split `namespaces/NS` off the front, unless the namespace itself is meant."""
    if parts[0] != "namespaces" or len(parts) < 3:
        return "", parts
    if group == "" and parts[2] in ("status", "finalize"):
        return "", parts
    return parts[1], parts[2:]


def _resolve_verb(target: Target, method: str, query: Mapping[str, str]) -> str:
    table = _OBJECT if target.name else _COLLECTION
    verb = table.get(method, "")
    if target.subresource == "proxy":
        return _OBJECT.get(method, "get")
    if verb == "list" and query.get("watch") in ("1", "true", "True"):
        verb = "watch"
    if not verb or (
        not target.subresource
        and (verb not in target.kind.verbs or (verb == "create" and target.name))
    ):
        raise _method_not_allowed_error()
    return verb


def _method_not_allowed_error() -> ApiError:
    return ApiError(
        405, "MethodNotAllowed", "the server does not allow this method on the requested resource"
    )
