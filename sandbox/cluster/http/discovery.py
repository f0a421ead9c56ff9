"""Discovery: versions, groups and resources (also aggregated), and OpenAPI documents."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

from sandbox.cluster.api_refusals import unknown_path_error
from sandbox.cluster.contract import Object
from sandbox.cluster.crds.definitions import rank_version
from sandbox.cluster.kinds import Kind, Kinds, VersionInfo
from sandbox.cluster.registry import built_in_fields

OPENAPI_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
VERSION = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.3",
    "gitCommit": "",
    "gitTreeState": "",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "gc",
    "platform": "linux/amd64",
}
"""The answer of /version: the release whose behaviour is followed."""

_PROXY_VERBS = ("create", "delete", "get", "patch", "update")
_SUB_VERBS = {
    "proxy": _PROXY_VERBS,
    "log": ("get",),
    "binding": ("create",),
    "eviction": ("create",),
    "token": ("create",),
    "finalize": ("update",),
}
_MARK = "x-kubernetes-group-version-kind"
_META = "apimachinery.pkg.apis.meta.v1.ObjectMeta"
_SUB_KINDS = {
    "scale": ("autoscaling", "v1", "Scale"),
    "eviction": ("policy", "v1", "Eviction"),
    "token": ("authentication.k8s.io", "v1", "TokenRequest"),
    "binding": ("", "", "Binding"),
}


def _list_group_versions(kinds: Kinds) -> dict[str, list[str]]:
    """Return each group's served versions, preferred first.

    The core group is left out; the groups of CRDs come last, by name.
    """
    found: dict[str, set[str]] = {}
    for kind in sorted(kinds, key=lambda each: (each.custom, each.group if each.custom else "")):
        if kind.group:
            found.setdefault(kind.group, set()).update(info.name for info in kind.versions)
    return {group: sorted(versions, key=rank_version) for group, versions in found.items()}


def _get_subresource_kind(kind: Kind, name: str) -> tuple[str, str, str]:
    proxied = ("", "", f"{kind.kind}ProxyOptions")
    return proxied if name == "proxy" else _SUB_KINDS.get(name, ("", "", kind.kind))


def build_api_versions(address: str) -> Object:
    """Return the answer of /api."""
    here = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": here}


def build_group_list(kinds: Kinds) -> Object:
    """Return the answer of /apis."""
    groups = [
        _build_group_entry(name, versions) for name, versions in _list_group_versions(kinds).items()
    ]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def _build_group_entry(name: str, versions: list[str]) -> Object:
    entries = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": entries, "preferredVersion": entries[0]}


def build_group(kinds: Kinds, name: str) -> Object:
    """Return the answer of /apis/GROUP; raise ApiError(404) when it is not served."""
    versions = _list_group_versions(kinds).get(name)
    if not versions:
        raise unknown_path_error()
    return {"kind": "APIGroup", "apiVersion": "v1", **_build_group_entry(name, versions)}


def build_resource_list(kinds: Kinds, group_name: str, version: str) -> Object:
    """Return the answer of /api/v1 and /apis/GROUP/VERSION; raise ApiError(404)."""
    resources = [
        entry
        for kind, info in _list_served_kinds(kinds, group_name, version)
        for entry in _list_resource_entries(kind, info)
    ]
    if not resources:
        raise unknown_path_error()
    about = {"apiVersion": "v1"} if group_name else {}
    group_version = f"{group_name}/{version}" if group_name else version
    resources.sort(key=lambda each: str(each["name"]))
    return {
        "kind": "APIResourceList",
        **about,
        "groupVersion": group_version,
        "resources": resources,
    }


def _list_served_kinds(
    kinds: Kinds, group_name: str, version: str
) -> Iterator[tuple[Kind, VersionInfo]]:
    for kind in kinds:
        if kind.group == group_name:
            yield from ((kind, info) for info in kind.versions if info.name == version)


def _list_resource_entries(kind: Kind, info: VersionInfo) -> Iterator[Object]:
    entry: Object = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": list(kind.verbs),
    }
    if kind.short:
        entry["shortNames"] = list(kind.short)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    if len(kind.verbs) > 1:
        entry["storageVersionHash"] = _hash_text(f"{kind.group}/{kind.version}/{kind.kind}")[:12]
    yield entry
    for sub in sorted(kind.subresources):
        group_name, version, sub_kind = _get_subresource_kind(kind, sub)
        about = {"group": group_name, "version": version} if group_name else {}
        verbs = list(_SUB_VERBS.get(sub, ("get", "patch", "update")))
        name = f"{kind.plural}/{sub}"
        yield {"name": name, "singularName": "", "namespaced": kind.namespaced, **about, "kind": sub_kind,  # noqa: E501
               "verbs": verbs}  # fmt: skip


def build_aggregated_discovery(kinds: Kinds, *, core: bool) -> Object:
    """Return all of /api or /apis in one answer, which is what kubectl asks for first."""
    groups = {"": ["v1"]} if core else _list_group_versions(kinds)
    items = []
    for name, versions in groups.items():
        entries = [
            {
                "version": version,
                "resources": [
                    _build_discovery_resource(kind, info)
                    for kind, info in _list_served_kinds(kinds, name, version)
                ],
                "freshness": "Current",
            }
            for version in versions
        ]
        items.append({"metadata": {"name": name} if name else {}, "versions": entries})
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    }


def _build_discovery_resource(kind: Kind, info: VersionInfo) -> Object:
    built_in = {"group": "", "version": "", "kind": kind.kind}
    own = {"group": kind.group, "version": info.name, "kind": kind.kind}
    entry: Object = {
        "resource": kind.plural,
        "responseKind": own if kind.custom else built_in,
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": list(kind.verbs),
    }
    if kind.short:
        entry["shortNames"] = list(kind.short)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    if kind.subresources:
        entry["subresources"] = [
            _build_discovery_subresource(kind, name) for name in sorted(kind.subresources)
        ]
    return entry


def _build_discovery_subresource(kind: Kind, name: str) -> Object:
    group_name, version, sub_kind = _get_subresource_kind(kind, name)
    verbs = list(_SUB_VERBS.get(name, ("get", "patch", "update")))
    response = {"group": group_name, "version": version, "kind": sub_kind}
    return {"subresource": name, "responseKind": response, "verbs": verbs}


def _hash_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest().upper()


def build_openapi_index(kinds: Kinds) -> Object:
    """Return the answer of /openapi/v3: one document for each group and version."""
    names = [
        "api/v1",
        *(
            f"apis/{name}/{version}"
            for name, versions in _list_group_versions(kinds).items()
            for version in versions
        ),
    ]
    return {
        "paths": {
            name: {"serverRelativeURL": f"/openapi/v3/{name}?hash={_hash_text(name)}"}
            for name in names
        }
    }


def build_openapi_v3(kinds: Kinds, name: str) -> Object:
    """Return a document of one group and version: its paths, kinds and their fields, without
    descriptions. The paths say that PATCH takes `fieldValidation` and
    `dryRun`, which kubectl looks for before it uses them.
    """
    parts = name.split("/")
    group_name, version = (
        ("", parts[-1])
        if parts[0] == "api"
        else (parts[1], parts[-1])
        if len(parts) == 3
        else ("", "")
    )
    paths: Object = {}
    schemas: Object = {}
    for kind, info in _list_served_kinds(kinds, group_name, version):
        of_kind = [{"group": group_name, "version": info.name, "kind": kind.kind}]
        for key, schema in _build_kind_schemas(kind, info, of_kind).items():
            # A kind that another one refers to bears its mark only once.
            if key not in schemas or _MARK in schema:
                schemas[key] = schema
        paths.update(_build_openapi_paths(name, kind, of_kind[0]))
    if not paths:
        raise unknown_path_error()
    info_ = {"title": "Kubernetes", "version": VERSION["gitVersion"]}
    return {"openapi": "3.0.0", "info": info_, "paths": paths, "components": {"schemas": schemas}}


def _build_kind_schemas(kind: Kind, info: VersionInfo, of_kind: list[Object]) -> Object:
    """Return the schemas of a kind and of what it refers to, by name."""
    known = built_in_fields.find_type(kind.format_api_version(info.name), kind.kind)
    if known:
        own_name = built_in_fields.PREFIX + known
        shared = built_in_fields.build_schemas(known)
        own = {**shared[own_name], _MARK: of_kind}
        return {**shared, own_name: own}
    schemas = dict(built_in_fields.build_schemas(_META))
    about = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"allOf": [{"$ref": f"#/components/schemas/{built_in_fields.PREFIX}{_META}"}]},
    }
    openapi = info.openapi or {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    properties = {**(openapi.get("properties") or {}), **about}
    name = ".".join([*reversed(kind.group.split(".")), info.name, kind.kind])
    schemas[name] = {
        **openapi,
        "properties": properties,
        _MARK: of_kind,
    }
    return schemas


def _build_openapi_paths(name: str, kind: Kind, of_kind: Object) -> Object:
    scope = "/namespaces/{namespace}" if kind.namespaced else ""
    query = [
        {"name": parameter, "in": "query", "schema": {"type": "string"}}
        for parameter in ("dryRun", "fieldManager", "fieldValidation")
    ]
    patch = {
        "x-kubernetes-action": "patch",
        _MARK: of_kind,
        "parameters": query,
        "responses": {"200": {"description": "OK"}},
    }
    return {f"/{name}{scope}/{kind.plural}/{{name}}": {"patch": patch}}


def build_openapi_v2() -> Object:
    """Return the older document; without definitions, clients check nothing themselves."""
    about = {"title": "Kubernetes", "version": VERSION["gitVersion"]}
    return {"swagger": "2.0", "info": about, "paths": {}, "definitions": {}}


def build_openapi_v2_protobuf() -> bytes:
    """Return the older document as protobuf, which is what kubectl asks for when it meets a kind
    that is not served (gnostic's `Document`: 1 swagger, 2 info, 8 paths).
    """

    def field(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2, len(content)]) + content

    about = field(1, b"Kubernetes") + field(2, VERSION["gitVersion"].encode())
    return field(1, b"2.0") + field(2, about) + field(8, b"")


def answer_discovery(kinds: Kinds, path: str, *, host: str, accept: str) -> Object | None:
    """Return the discovery or OpenAPI document at a path; None when the path is a resource's.

    `host` is the address that the client called; `accept` its Accept header.
    """
    aggregated = "as=APIGroupDiscoveryList" in accept
    if path in ("/api", "/apis") and aggregated:
        return build_aggregated_discovery(kinds, core=path == "/api")
    fixed: dict[str, Callable[[], Object]] = {
        "/version": lambda: dict(VERSION),
        "/api": lambda: build_api_versions(host),
        "/apis": lambda: build_group_list(kinds),
        "/api/v1": lambda: build_resource_list(kinds, "", "v1"),
        "/openapi/v2": build_openapi_v2,
        "/openapi/v3": lambda: build_openapi_index(kinds),
    }
    if path in fixed:
        return fixed[path]()
    parts = path.split("/")[1:]
    if parts[:2] == ["openapi", "v3"]:
        return build_openapi_v3(kinds, "/".join(parts[2:]))
    if parts[0] == "apis" and len(parts) <= 3:
        return (
            build_group(kinds, parts[1])
            if len(parts) == 2
            else build_resource_list(kinds, *parts[1:])
        )
    return None
