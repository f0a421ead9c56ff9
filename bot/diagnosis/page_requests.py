"""The requests that Bookinfo makes, and whether a rule's match takes one of them.

Facts of Bookinfo 1.20: the paths of each Service, and the headers that productpage and reviews pass
on. A match may ask for what cannot be known here, such as a header that a person's own client
sends; then the answer is None, and neither "takes it" nor "does not" is claimed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from bot.diagnosis.mesh_rules import USER_HEADER, HttpRule
from bot.diagnosis.mesh_state import CALLS, NamespaceState, list_pods_of
from bot.diagnosis.object_facts import matches_labels
from bot.diagnosis.rule_fields import ONE_PATH
from bot.kinds import HTTP_ROUTE, Object
from bot.knowledge.objects.workloads import get_labels

PATHS: dict[str, tuple[str, ...]] = {
    "details": ("/details/0", "/health"),
    "reviews": ("/reviews/0", "/health"),
    "ratings": ("/ratings/0", "/health"),
    "productpage": (
        *("/productpage", "/", "/index.html", "/login", "/logout", "/health", "/metrics"),
        *("/static/tailwind/tailwind.css", "/api/v1/products", "/api/v1/products/0"),
        *("/api/v1/products/0/reviews", "/api/v1/products/0/ratings"),
    ),
}
"""Paths that each Service answers, the page's own first."""
METHODS = frozenset(
    ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE")
)
PASSED_ON = (
    *("x-request-id", "x-ot-span-context", "x-cloud-trace-context", "grpc-trace-bin", "sw8"),
    *("traceparent", "tracestate", "b3", "baggage", "user-agent", "cookie", "authorization", "jwt"),
    *("host", "accept", "accept-encoding", "connection", "content-type", "content-length"),
)
PASSED_ON_FAMILIES = ("x-datadog-", "x-b3-", "x-envoy-", "x-forwarded-", ":", "x-istio-")
"""Headers, and beginnings of some, that a request between Bookinfo's parts may carry: those that
the applications pass on, and those that clients and proxies set by themselves."""


@dataclass(frozen=True)
class Asked:
    """One request to a Service of Bookinfo; `user` is "" for somebody who is not logged in."""

    service: str
    path: str
    user: str = ""
    method: str = "GET"
    port: int = 9080


def read_entry(rule: HttpRule) -> Object:
    """Return a rule as it stands in its object."""
    place = "rules" if rule.owner.get("kind") == HTTP_ROUTE.kind else "http"
    entry: Object = rule.owner["spec"][place][rule.index]
    return entry


def list_matches(rule: HttpRule) -> list[Object]:
    """Return the matches of a rule, of which one must fit; none fits everything."""
    entry = read_entry(rule)
    return list(
        entry.get("matches" if rule.owner.get("kind") == HTTP_ROUTE.kind else "match") or ()
    )


def list_asked(service: str, users: Iterable[str] = ()) -> Iterator[Asked]:
    """Yield what a Service may be asked for: each path, by nobody in particular and these users."""
    for user in ("", *users):
        for path in PATHS.get(service, ()):
            yield Asked(service, path, user)


def takes(state: NamespaceState, rule: HttpRule, asked: Asked) -> bool | None:
    """Tell whether a rule takes a request; None where that cannot be known."""
    matches = list_matches(rule)
    if not matches:
        return True
    route = rule.owner.get("kind") == HTTP_ROUTE.kind
    judge = judge_route_match if route else judge_virtual_match
    return any_of(judge(state, match, asked) for match in matches)


def any_of(answers: Iterable[bool | None]) -> bool | None:
    """Return True when one is, None when one is not known, else False."""
    told = list(answers)
    return True if True in told else None if None in told else False


def all_of(answers: Iterable[bool | None]) -> bool | None:
    """Return False when one is, None when one is not known, else True."""
    told = list(answers)
    return False if False in told else None if None in told else True


def judge_virtual_match(state: NamespaceState, match: Object, asked: Asked) -> bool | None:
    """Tell whether a match of a VirtualService takes a request of Bookinfo's."""
    parts: dict[str, Callable[[], bool | None]] = {
        "uri": lambda: judge_path(match["uri"], asked, ignore_case=match.get("ignoreUriCase")),
        "method": lambda: judge_method(match["method"], asked),
        "headers": lambda: all_of(
            judge_header(name, condition, asked) for name, condition in match["headers"].items()
        ),
        "withoutHeaders": lambda: all_of(
            negate(judge_header(name, condition, asked))
            for name, condition in match["withoutHeaders"].items()
        ),
        "port": lambda: match["port"] == asked.port,
        "sourceLabels": lambda: judge_source(state, match["sourceLabels"], asked),
        "gateways": lambda: "mesh" in match["gateways"],
        "queryParams": lambda: judge_query(asked),
    }
    told = {key for key, value in match.items() if value and key not in ("name", "statPrefix")}
    unknown = told - {*parts, "ignoreUriCase"}
    answers = [parts[key]() for key in parts if key in told]
    return all_of([*answers, *([None] if unknown else [])])


def judge_route_match(state: NamespaceState, match: Object, asked: Asked) -> bool | None:
    """Tell whether a match of an HTTPRoute takes a request of Bookinfo's."""
    del state
    path = match.get("path") or {}
    value, kind = str(path.get("value") or "/"), path.get("type") or "PathPrefix"
    forms = {"Exact": {"exact": value}, "RegularExpression": {"regex": value}}
    if kind == "PathPrefix":
        bare = value.rstrip("/")
        fits: bool | None = asked.path == bare or asked.path.startswith(f"{bare}/")
    else:
        fits = judge_path(forms.get(kind) or {}, asked)
    headers = (
        judge_header(
            str(header.get("name")),
            {
                "regex" if header.get("type") == "RegularExpression" else "exact": header.get(
                    "value"
                )
            },
            asked,
        )
        for header in match.get("headers") or []
    )
    rest = [judge_method({"exact": match["method"]}, asked)] if match.get("method") else []
    return all_of(
        [fits, *headers, *rest, *([judge_query(asked)] if match.get("queryParams") else [])]
    )


def negate(answer: bool | None) -> bool | None:
    """Return the contrary of an answer, where it is known."""
    return None if answer is None else not answer


def judge_path(
    uri: Mapping[str, str], asked: Asked, *, ignore_case: bool | None = False
) -> bool | None:
    """Tell whether a condition on the path fits a request; static files are too many to know."""
    if asked.service == "productpage" and str(uri.get("exact") or "").startswith("/static/"):
        return None
    if ignore_case and "regex" not in uri:
        lowered = {key: str(value).lower() for key, value in uri.items()}
        return fits_text(lowered, asked.path.lower())
    return fits_text(uri, asked.path)


def judge_method(condition: Mapping[str, str], asked: Asked) -> bool | None:
    """Tell whether a condition on the method fits; of Bookinfo's APIs others may be asked too."""
    if fits_text(condition, asked.method):
        return True
    # The page is asked for by GET alone; `get` is no method at all.
    page = asked.path == "/productpage"
    return False if page or not any(fits_text(condition, each) for each in METHODS) else None


def judge_header(name: str, condition: Mapping[str, object] | None, asked: Asked) -> bool | None:
    """Tell whether a condition on a header fits; names are compared without case, as Envoy does."""
    name = name.lower()
    if asked.service not in ONE_PATH:
        return None
    if name == USER_HEADER:
        if not asked.user:
            return False
        return fits_text({k: str(v) for k, v in (condition or {}).items()}, asked.user)
    passed = name in PASSED_ON or name.startswith(PASSED_ON_FAMILIES)
    return None if passed else False


def judge_query(asked: Asked) -> bool | None:
    """Tell whether a condition on the query fits: Bookinfo's parts ask each other without one."""
    return False if asked.service in ONE_PATH else None


def judge_source(state: NamespaceState, labels: Mapping[str, str], asked: Asked) -> bool | None:
    """Tell whether the callers of a Service have these labels; None where only some have."""
    callers = [c for c, callee in CALLS if callee == asked.service]
    pods = [pod for caller in callers for pod in list_pods_of(state, caller)]
    fits = [matches_labels(labels, get_labels(pod)) for pod in pods]
    if all(fits) and fits:
        return True
    known = any(matches_labels(labels, get_labels(pod)) for pod in state.pods)
    # Not Bookinfo's own: gateways call productpage, and other pods may call anything.
    return None if known or not callers else False


def fits_text(condition: Mapping[str, object], value: str) -> bool | None:
    """Tell whether a condition (exact, prefix or regex) fits a text; an empty one asks only that
    it is there.
    """
    if "exact" in condition:
        return value == str(condition["exact"])
    if "prefix" in condition:
        return value.startswith(str(condition["prefix"]))
    if "regex" in condition:
        try:
            return re.fullmatch(str(condition["regex"]), value) is not None
        except re.error:
            return None
    return True


def list_taken(state: NamespaceState, rule: HttpRule, asked: Iterable[Asked]) -> list[Asked]:
    """Return those of some requests that a rule surely takes."""
    return [each for each in asked if takes(state, rule, each)]


def show_condition_of(match: Object) -> str:
    """Return a match of a rule as it is written, in short: `headers end-usr exact jason`."""
    words = []
    for field, value in match.items():
        if field in ("name", "statPrefix") or not value:
            continue
        each = value if isinstance(value, list) else [value]
        words += [f"{field} {flatten(one)}" for one in each]
    return ", ".join(words)


def flatten(value: object) -> str:
    """Return the keys and values of nested fields as words."""
    if isinstance(value, Mapping):
        return " ".join(f"{key} {flatten(each)}".strip() for key, each in value.items())
    return str(value)


def find_user_rule(
    state: NamespaceState, rules: Iterable[HttpRule], service: str, user: str
) -> HttpRule | None:
    """Return the rule that a user's requests to a Service meet; "" is somebody not logged in."""
    path = PATHS[service][0]
    for rule in rules:
        if rule.catches_all or takes(state, rule, Asked(service, path, user)):
            return rule
    return None
