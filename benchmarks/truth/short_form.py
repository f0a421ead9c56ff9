"""A proxy's virtual hosts in the short form in which routes were recorded: one mapping for each
route, which holds only what is not the default."""

from __future__ import annotations

import json
from operator import itemgetter
from typing import Any

from sandbox.dataplane.routes.route_model import (
    Fault,
    HeaderChanges,
    Match,
    Mirror,
    Redirect,
    Retries,
    Rewrite,
    Route,
    TextMatch,
)
from sandbox.dataplane.routes.translate import RETRY_ON

Short = dict[str, Any]
_PATHS = {"path": "path", "prefix": "prefix", "separated": "path_separated_prefix"}
_CODES = {302: "FOUND", 303: "SEE_OTHER", 307: "TEMPORARY_REDIRECT", 308: "PERMANENT_REDIRECT"}
"""Envoy's names; 301 is its default and left out."""
_OVERWRITE = {"append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def shorten_route(route: Route) -> Short:
    """Return a route in that form."""
    request, response = route.request, route.response
    # Envoy keeps the headers of a single destination at the route.
    if len(route.targets) == 1:
        request = request.and_then(route.targets[0].request)
        response = response.and_then(route.targets[0].response)
    unnamed = route.match.anything and route.name in ("default", "block_all")
    short: Short = {
        "match": _shorten_match(route.match),
        "to": _shorten_action(route),
        "name": "" if unnamed else route.name,
        "timeout": _format_duration(route.timeout_seconds),
        "retries": _shorten_retries(route.retries),
        "fault": _shorten_fault(route.fault or Fault()),
        "rewrite": _shorten_rewrite(route.rewrite or Rewrite()),
        "mirror": [_shorten_mirror(mirror) for mirror in route.mirrors],
        "cors": route.cors,
        **_shorten_headers("request", request),
        **_shorten_headers("response", response),
    }
    return {field: value for field, value in short.items() if value}


def sort_queries(routes: list[Short] | None) -> list[Short] | None:
    """Return recorded routes with the query parameters of each match by name."""
    for route in routes or []:
        if found := route["match"].get("query_parameters"):
            found.sort(key=itemgetter("name"))
    return routes


def _shorten_match(match: Match) -> Short:
    if match.path.kind == "regex":
        short: Short = {"safe_regex": match.path.value}
    else:
        short = {_PATHS[match.path.kind]: match.path.value}
    if match.headers:
        short["headers"] = [_shorten_header(name, text) for name, text in match.headers]
    if match.query:
        # Sorted: istiod takes them from a map, in an order that changes.
        short["query_parameters"] = [
            _shorten_text(name, text) for name, text in sorted(match.query, key=itemgetter(0))
        ]
    return short


def _shorten_header(name: str, text: TextMatch) -> Short:
    short = _shorten_text(name, text)
    if text.inverted:
        short["invert_match"] = True
        if text.kind != "present":
            short["treat_missing_header_as_empty"] = True
    return short


def _shorten_text(name: str, text: TextMatch) -> Short:
    if text.kind == "present":
        return {"name": name, "present_match": True}
    return {"name": name, "string_match": {text.kind: text.value}}


def _shorten_action(route: Route) -> Any:
    if route.redirect:
        return f"redirect {json.dumps(_shorten_redirect(route.redirect), sort_keys=True)}"
    if not route.targets:
        return f"direct {route.direct}"
    if route.weighted:
        return {target.cluster: target.weight for target in route.targets}
    return route.targets[0].cluster


def _shorten_redirect(redirect: Redirect) -> Short:
    short: Short = {
        "host_redirect": redirect.host,
        "path_redirect": redirect.path,
        "port_redirect": redirect.port,
        "prefix_rewrite": redirect.prefix,
        "scheme_redirect": redirect.scheme,
        "response_code": _CODES.get(redirect.status),
    }
    return {name: value for name, value in short.items() if value}


def _shorten_retries(retries: Retries | None) -> list[Any]:
    if retries is None:
        return []
    default = retries.on == RETRY_ON
    return [retries.attempts, "DEFAULT" if default else retries.on]


def _shorten_fault(fault: Fault) -> Short:
    short: Short = {}
    if status := fault.abort_grpc or fault.abort_status:
        short["abort"] = [status, fault.abort_percent]
    if fault.delay_seconds:
        short["delay"] = [_format_duration(fault.delay_seconds), fault.delay_percent]
    return short


def _shorten_rewrite(rewrite: Rewrite) -> Short:
    short: Short = {
        "prefix_rewrite": rewrite.prefix,
        "path_rewrite": rewrite.path,
        "host_rewrite_literal": rewrite.host,
    }
    if rewrite.pattern:
        short["regex_rewrite"] = {
            "pattern": {"regex": rewrite.pattern},
            "substitution": rewrite.substitution,
        }
    return {name: value for name, value in short.items() if value}


def _shorten_mirror(mirror: Mirror) -> list[Any]:
    if mirror.percent == 100:
        return [mirror.cluster, {"numerator": 100}]
    share = {"denominator": "MILLION", "numerator": round(mirror.percent * 10_000)}
    return [mirror.cluster, share]


def _shorten_headers(way: str, changes: HeaderChanges) -> Short:
    added = [{**_OVERWRITE, "header": {"key": k, "value": v}} for k, v in changes.put]
    added += [{"header": {"key": k, "value": v}} for k, v in changes.add]
    short: Short = {f"{way}_headers_to_add": added} if added else {}
    if changes.remove:
        short[f"{way}_headers_to_remove"] = list(changes.remove)
    return short


def _format_duration(seconds: float) -> str:
    if not seconds:
        return ""
    return f"{seconds:g}s" if seconds == int(seconds) else f"{seconds:.3f}s"
