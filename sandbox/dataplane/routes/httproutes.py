"""Translates HTTPRoutes into the form of VirtualServices, which is how istiod takes them
in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandbox.cluster.contract import Object
from sandbox.dataplane.objects.world import DOMAIN, World
from sandbox.dataplane.routes.grpc_routes import get_route_kind

UNKNOWN = "UnknownService"
"""What istiod calls the cluster of a backend that it may not or cannot use."""
_STRINGS = {"Exact": "exact", "PathPrefix": "prefix", "RegularExpression": "regex"}


def translate_http_route(
    world: World, route: Object, *, needs_grants: bool = True
) -> Iterator[Object]:
    """Yield one entry of a VirtualService's `http` for each match of each rule, named
    `<namespace>.<name>.<rule>`.

    With `needs_grants`, backends in other namespaces want a ReferenceGrant: Gateways do, routes of
    the mesh do not (recorded of 1.23.2 and 1.30.3).
    """
    meta = route["metadata"]
    for position, rule in enumerate(route["spec"].get("rules") or []):
        entry = {
            "name": f"{meta['namespace']}.{meta['name']}.{position}",
            **_translate_filters(rule),
            **_translate_mirrors(rule, meta["namespace"]),
            **_translate_timeouts(rule),
        }
        if "redirect" not in entry:
            source = None if not needs_grants else (get_route_kind(route), meta["namespace"])
            entry |= _translate_backends(world, rule, meta["namespace"], source=source)
        for match in rule.get("matches") or [{}]:
            yield {**entry, "match": [_translate_match(match)]}


def _translate_match(match: Object) -> Object:
    path = match.get("path", {})
    found: Object = {}
    # A match of a GRPCRoute may have no path at all.
    if path is not None:
        found = {"uri": {_STRINGS[path.get("type", "PathPrefix")]: path.get("value", "/")}}
    for ours, theirs in (("headers", "headers"), ("queryParams", "queryParams")):
        named = {
            m["name"].lower() if ours == "headers" else m["name"]: _translate_text(m)
            for m in match.get(theirs) or []
        }
        found |= {ours: named} if named else {}
    return found | ({"method": {"exact": match["method"]}} if match.get("method") else {})


def _translate_text(match: Object) -> Object:
    return {_STRINGS[match.get("type", "Exact")]: match.get("value", "")}


def _translate_timeouts(rule: Object) -> Object:
    timeouts = rule.get("timeouts") or {}
    longest = timeouts.get("backendRequest") or timeouts.get("request")
    return {"timeout": longest} if longest else {}


_Source = tuple[str, str] | None
"""The kind and namespace of a route that must be granted backends elsewhere; None where nobody has
to grant anything."""


def _translate_backends(world: World, rule: Object, namespace: str, *, source: _Source) -> Object:
    refs = rule.get("backendRefs") or []
    if not refs:
        return {"directResponse": {"status": world.traits.without_backends}}
    if sum(ref.get("weight", 1) for ref in refs) == 0:
        return {"directResponse": {"status": 500}}
    return {"route": [_translate_destination(world, ref, namespace, source=source) for ref in refs]}


def _translate_destination(world: World, ref: Object, namespace: str, *, source: _Source) -> Object:
    entry: Object = {"weight": ref.get("weight", 1), **_translate_filters(ref)}
    place = (ref.get("namespace") or namespace, ref["name"])
    known = (ref.get("group") or "", ref.get("kind") or "Service") == ("", "Service")
    # It keeps its weight: the share of a backend that can't be used is answered with 500, and not
    # taken over by the others.
    usable = source is None or place[0] == namespace or _is_granted(world, source, place)
    if not known or not usable:
        return {**entry, "destination": {"host": UNKNOWN}}
    port = {"port": {"number": ref["port"]}} if ref.get("port") else {}
    return {**entry, "destination": {"host": f"{place[1]}.{place[0]}.{DOMAIN}", **port}}


def _is_granted(world: World, source: tuple[str, str], target: tuple[str, str]) -> bool:
    for (namespace, _), grant in world.grants.items():
        spec = grant["spec"]
        asked = any((f["kind"], f["namespace"]) == source for f in spec.get("from") or [])
        given = any(
            t["kind"] == "Service" and t.get("name") in (None, target[1])
            for t in spec.get("to") or []
        )
        if namespace == target[0] and asked and given:
            return True
    return False


def _translate_filters(rule: Object) -> Object:
    found: Object = {}
    headers: Object = {}
    for one in rule.get("filters") or []:
        match one["type"]:
            case "RequestHeaderModifier":
                headers["request"] = _translate_headers(one["requestHeaderModifier"])
            case "ResponseHeaderModifier":
                headers["response"] = _translate_headers(one["responseHeaderModifier"])
            case "RequestRedirect":
                found["redirect"] = _translate_redirect(one["requestRedirect"])
            case "URLRewrite":
                found["rewrite"] = _translate_rewrite(one["urlRewrite"])
            case "CORS":
                found["corsPolicy"] = one.get("cors") or {}
            case _:
                continue
    return found | ({"headers": headers} if headers else {})


def _translate_mirrors(rule: Object, namespace: str) -> Object:
    said = [
        one["requestMirror"]
        for one in rule.get("filters") or []
        if one["type"] == "RequestMirror" and one.get("requestMirror")
    ]
    mirrors = [_translate_mirror(one, namespace) for one in said]
    return {"mirrors": mirrors} if mirrors else {}


def _translate_mirror(said: Object, namespace: str) -> Object:
    ref, share = said["backendRef"], said.get("fraction") or {}
    host = f"{ref['name']}.{ref.get('namespace') or namespace}.{DOMAIN}"
    target: Object = {"host": host} | ({"port": {"number": ref["port"]}} if ref.get("port") else {})
    percent = said.get("percent", 100)
    if share:
        percent = 100 * share.get("numerator", 0) / share.get("denominator", 100)
    return {"destination": target, "percentage": {"value": percent}}


def _translate_headers(change: Object) -> Object:
    put = {h["name"]: h["value"] for h in change.get("set") or []}
    add = {h["name"]: h["value"] for h in change.get("add") or []}
    return {"set": put, "add": add, "remove": list(change.get("remove") or [])}


def _translate_path(change: Object) -> dict[str, Any]:
    path = change.get("path") or {}
    if path.get("type") == "ReplacePrefixMatch":
        return {"prefix": path.get("replacePrefixMatch", "/")}
    return {"uri": path["replaceFullPath"]} if path.get("type") == "ReplaceFullPath" else {}


def _translate_redirect(change: Object) -> Object:
    found = {"redirectCode": change.get("statusCode", 302), **_translate_path(change)}
    names = (("scheme", "scheme"), ("authority", "hostname"), ("port", "port"))
    return found | {ours: change[theirs] for ours, theirs in names if change.get(theirs)}


def _translate_rewrite(change: Object) -> Object:
    path = _translate_path(change)
    found = (
        {"full": path["uri"]}
        if "uri" in path
        else {"uri": path["prefix"]}
        if "prefix" in path
        else {}
    )
    return found | ({"authority": change["hostname"]} if change.get("hostname") else {})
