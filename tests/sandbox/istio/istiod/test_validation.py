"""Validation: objects that istiod refuses, and the words it uses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.cluster.contract import Object
from sandbox.istio.samples import build_sample_files
from sandbox.istio.validation import webhook

RATINGS = {"destination": {"host": "ratings"}}
ROUTE = {"route": [RATINGS]}


def service(*http: Object, **spec: object) -> Object:
    """A VirtualService for `ratings`."""
    return {"kind": "VirtualService", "spec": {"hosts": ["ratings"], "http": list(http), **spec}}


def rule(**spec: object) -> Object:
    """A DestinationRule for `reviews`."""
    return {"kind": "DestinationRule", "spec": {"host": "reviews", **spec}}


def subset(name: str, version: str = "v1") -> Object:
    """One subset."""
    return {"name": name, "labels": {"version": version}}


def test_two_errors_are_counted_as_recorded() -> None:
    """The denial that both releases were recorded with."""
    abort = {"percentage": {"value": 500}, "httpStatus": 5000}
    body = {"request": {"uid": "u", "object": service({"fault": {"abort": abort}, **ROUTE})}}
    response = webhook.answer_validation_review(json.dumps(body).encode())["response"]
    assert response == {
        "uid": "u",
        "allowed": False,
        "status": {
            "message": "configuration is invalid: 2 errors occurred:\n"
            "\t* percentage 500 is neither 0.0, nor in range [0.0001, 100.0]\n"
            "\t* HTTP status 5000 is not in range 200-599\n\n"
        },
    }


@pytest.mark.parametrize(
    ("obj", "words"),
    [
        (service(ROUTE, http=[]), "http, tcp or tls must be provided in virtual service"),
        (service({}), "HTTP route, redirect or direct_response is required"),
        (
            service(ROUTE, hosts=["ratings", "ratings"]),
            "duplicate hosts in virtual service: ratings & ratings",
        ),
        (
            service(ROUTE, hosts=["*"]),
            "wildcard host * is not allowed for virtual services bound to the mesh gateway",
        ),
        (
            service({"route": [{**RATINGS, "weight": -1}, {**RATINGS, "weight": 101}]}),
            "weight -1 < 0",
        ),
        (service({"route": [{**RATINGS, "weight": 0}, RATINGS]}), "total destination weight = 0"),
        (service({"route": [{"destination": {"host": ""}}]}), "empty domain name not allowed"),
        (
            service({"redirect": {"uri": "/x"}, **ROUTE}),
            "HTTP route cannot contain both route and redirect",
        ),
        (service({"redirect": {}}), "redirect must specify URI, authority, scheme, or port"),
        (
            service({"fault": {"delay": {"percentage": {"value": 101}}}, **ROUTE}),
            "percentage 101 is neither 0.0, nor in range [0.0001, 100.0]",
        ),
        (
            service({"fault": {}, **ROUTE}),
            "1 error occurred:\n\t* HTTP fault injection must have an abort and/or a delay\n\n",
        ),
        (
            service({"retries": {"attempts": -1}, **ROUTE}),
            "1 error occurred:\n\t* attempts cannot be negative\n\n",
        ),
        (
            service({"route": [{"destination": {"host": "x y"}}]}),
            'domain name "x y" invalid (label "x y" invalid)',
        ),
        (
            service({"route": [{"destination": {"host": "ratings", "port": {"number": 70000}}}]}),
            "port number 70000 must be in the range 1..65535",
        ),
        (rule(subsets=[subset("v1"), subset("v1", "v2")]), "duplicate subset names: v1"),
        (rule(subsets=[subset("v 1")]), "subset name is invalid: v 1"),
        (rule(subsets=[subset("")]), "subset name cannot be empty"),
        (rule(host=""), "empty domain name not allowed"),
        (rule(trafficPolicy={}), "traffic policy must have at least one field"),
        (
            rule(subsets=[subset("v1", "not ok!")]),
            '1 error occurred:\n\t* invalid tag value: "not ok!"\n\n',
        ),
        ({"kind": "Gateway", "spec": {}}, "gateway must have at least one server"),
        ({"kind": "Sidecar", "spec": {}}, "sidecar: empty configuration provided"),
    ],
)
def test_what_istiod_refuses(obj: Object, words: str) -> None:
    """Wordings as collected from a running istiod."""
    assert webhook.validate_object(obj).error == words


@pytest.mark.parametrize("weights", [(90, 10), (90, 20), (1, 0)])
def test_weights_need_not_add_up_to_100(weights: tuple[int, int]) -> None:
    """Weights are relative."""
    routes = [{**RATINGS, "weight": weight} for weight in weights]
    assert webhook.validate_object(service({"route": routes})).error == ""


def test_rules_that_are_never_reached_are_warned_of() -> None:
    """A rule without matches takes everything, so those behind it are odd but allowed."""
    verdict = webhook.validate_object(
        service(ROUTE, {"match": [{"uri": {"prefix": "/x"}}], **ROUTE})
    )
    assert verdict.error == ""
    assert verdict.warnings == [
        "virtualService rule #1 not used (route without matches defined before)"
    ]


A: dict[str, Any] = {"match": [{"uri": {"prefix": "/a"}}], **ROUTE}
ABOVE: dict[str, Any] = {"match": [{"uri": {"prefix": "/a/b"}}], **ROUTE}
TWICE = "is not used (duplicate/overlapping match in rule"


@pytest.mark.parametrize(
    ("rules", "version", "said"),
    [
        ((ROUTE, ROUTE), "", ["#1 not used (only the last rule can have no matches)"]),
        ((ROUTE, A), "1.23.2", []),
        ((A, A), "", [f"#1 match #0 {TWICE} #0)", "#1 not used (all matches used by prior rules)"]),
        ((A, ABOVE), "", [f"#1 match #0 of prefix /a/b {TWICE} #0 of prefix /a on #0)"]),
        ((ABOVE, A, ROUTE), "", []),
        (
            (A | {"name": "x"}, ABOVE),
            "",
            [f'#1 match #0 of prefix /a/b {TWICE} #0 of prefix /a on "x")'],
        ),
        ((A, {**ABOVE, "match": [{"uri": {"prefix": "/a/b"}, "port": 80}]}), "", []),
    ],
)
def test_rules_that_others_leave_nothing_are_warned_of(
    rules: tuple[Any, ...], version: str, said: list[str]
) -> None:
    """In the words of a real istiod; 1.23 says nothing of a match behind a rule for everything."""
    verdict = webhook.validate_object(service(*rules), version)
    assert verdict.error == ""
    assert verdict.warnings == [f"virtualService rule {words}" for words in said]


@pytest.mark.parametrize(
    ("kind", "spec", "error"),
    [
        (
            "VirtualService",
            {"hosts": ["ratings"], "exportTo": [".", "*"], "http": [ROUTE]},
            "cannot have both public (*) and non-public exportTo values for a resource",
        ),
        (
            "Sidecar",
            {"egress": [{"hosts": ["reviews"]}]},
            "host must be of form namespace/dnsName",
        ),
    ],
)
def test_what_a_real_istiod_refuses_too(kind: str, spec: dict[str, Any], error: str) -> None:
    """As istiod 1.32-alpha said it."""
    assert webhook.validate_object({"kind": kind, "spec": spec}).error == error


@pytest.mark.parametrize("version", ["1.23.2", "1.30.3"])
def test_the_samples_are_valid(version: str) -> None:
    """Nothing that the workshop applies is refused."""
    for path, objects in build_sample_files(version).items():
        errors = [
            webhook.validate_object(obj).error
            for obj in objects
            if "networking.istio.io" in obj["apiVersion"]
        ]
        assert not any(errors), path


def test_unknown_kinds_are_right() -> None:
    """Kinds without checks of their own pass."""
    assert webhook.validate_object({"kind": "Telemetry", "spec": {}}).error == ""


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("*", "missing argument to repetition operator: `*`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("(a", "missing closing ): `(a`"),
        ("a)", "unexpected ): `a)`"),
        ("[a", "missing closing ]: `[a`"),
        ("[z-a]", "invalid character class range: `z-a`"),
        ("a\\", "trailing backslash at end of expression: ``"),
        ("(?=a)b", "invalid or unsupported Perl syntax: `(?=`"),
        (r"(a)\1", r"invalid escape sequence: `\1`"),
        ("a{2000}", "invalid repeat count: `{2000}`"),
    ],
)
@pytest.mark.parametrize("field", ["headers", "withoutHeaders", "queryParams"])
def test_an_expression_is_refused_in_the_words_of_re2(field: str, pattern: str, words: str) -> None:
    """Go's words, with the field in front; what Python alone understands is refused as well."""
    obj = service({"match": [{field: {"end-user": {"regex": pattern}}}], **ROUTE})
    assert webhook.validate_object(obj).error.startswith(
        f'"{field}": error parsing regexp: {words}; Istio uses RE2'
    )


@pytest.mark.parametrize(
    "pattern", ["ja.*", r"^(.*?;)?(session=.*)(;.*)?$", r"\d+\.\w{1,3}", "(?i)a"]
)
def test_an_expression_of_re2_is_taken(pattern: str) -> None:
    """What people write."""
    obj = service({"match": [{"uri": {"regex": pattern}}], **ROUTE})
    assert webhook.validate_object(obj).error == ""


def test_nobody_exports_rules_to_nobody() -> None:
    """`~` is for Services."""
    for obj in (service(ROUTE, exportTo=["~"]), rule(exportTo=["~"])):
        assert webhook.validate_object(obj).error == (
            "exportTo ~ (none) is not allowed for Istio configuration objects"
        )
