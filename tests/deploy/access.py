"""Kubernetes' permissions as computation: what a request asks for, and whether the rules of a role
allow it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "HEAD": "get"}
UNDER_NAMESPACE = ("status", "finalize")


class Ask(NamedTuple):
    """What one request needs: `patch apps deployments/scale NAME`; for other paths than objects,
    the path as `name`."""

    verb: str
    group: str
    resource: str
    name: str = ""

    def __str__(self) -> str:
        """As a person would say it."""
        group = f".{self.group}" if self.group else ""
        return f"{self.verb} {self.resource}{group} {self.name}".strip()


def asked(method: str, url: str) -> Ask:
    """What the API server asks its authorizer for this request (Kubernetes: "Request attributes")."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    segments = [unquote(each) for each in parts.path.split("/") if each]
    if segments[:1] == ["api"] and len(segments) > 2:
        group, rest = "", segments[2:]
    elif segments[:1] == ["apis"] and len(segments) > 3:
        group, rest = segments[1], segments[3:]
    else:
        return Ask(method.lower(), "", "", parts.path)
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in UNDER_NAMESPACE:
        rest = rest[2:]
    resource = "/".join([rest[0], *rest[2:3]])
    name = rest[1] if len(rest) > 1 else ""
    fields = query.get("fieldSelector", [""])[0]
    if not name and fields.startswith("metadata.name="):
        return Ask(_verb(method, "", query), group, resource, fields.removeprefix("metadata.name="))
    return Ask(_verb(method, name, query), group, resource, name)


def _verb(method: str, name: str, query: Mapping[str, list[str]]) -> str:
    if method == "GET":
        watching = query.get("watch", [""])[0] in ("true", "1")
        return "watch" if watching else "get" if name else "list"
    if method == "DELETE":
        return "delete" if name else "deletecollection"
    return VERBS[method]


class Grant(NamedTuple):
    """One verb on one resource, perhaps of one name ("" is any): the smallest piece of a role."""

    verb: str
    group: str
    resource: str
    name: str = ""

    def __str__(self) -> str:
        """As a person would say it."""
        return str(Ask(*self))


def grants(rules: Iterable[Mapping[str, Any]]) -> list[Grant]:
    """The pieces of a role's rules; paths that are no objects stay apart, as grants on resource ""
    and that path."""
    found = []
    for rule in rules:
        for url, verb in product(rule.get("nonResourceURLs", ()), rule["verbs"]):
            found.append(Grant(verb, "", "", url))
        pieces = product(rule["verbs"], rule.get("apiGroups", ()), rule.get("resources", ()))
        found += [
            Grant(*piece, name) for piece in pieces for name in rule.get("resourceNames") or [""]
        ]
    return found


def allows(grant: Grant, ask: Ask) -> bool:
    """Whether this piece is enough for that request."""
    if not ask.resource or not grant.resource:
        return (
            not ask.resource
            and not grant.resource
            and grant[0] in (ask.verb, "*")
            and grant.name == ask.name
        )
    pairs = ((grant.verb, ask.verb), (grant.group, ask.group), (grant.resource, ask.resource))
    return all(has in (wanted, "*") for has, wanted in pairs) and grant.name in ("", ask.name)


def refused(rules: Iterable[Mapping[str, Any]], asks: Iterable[Ask]) -> list[Ask]:
    """The requests that no rule allows."""
    pieces = grants(rules)
    return [ask for ask in asks if not any(allows(piece, ask) for piece in pieces)]


def unused(rules: Iterable[Mapping[str, Any]], asks: Iterable[Ask]) -> list[Grant]:
    """The pieces of the rules that no request needed."""
    made = list(asks)
    return [piece for piece in grants(rules) if not any(allows(piece, ask) for ask in made)]
