"""What rules match, answer by themselves, and how long they wait."""

from __future__ import annotations

from typing import Any

from bot.diagnosis.mesh_state import APPS, PageProbe
from bot.kinds import GATEWAY, HTTP_ROUTE, SERVICE, VIRTUAL_SERVICE
from bot.text import Text
from tests.diagnosis.cases.registry import Cases
from tests.diagnosis.cases.rules import ABORT, add_rules, define_subsets, lead
from tests.diagnosis.cluster import Cluster, Mode

CASES = Cases()
EDGE, ROUTE = "bookinfo-gateway", "bookinfo"
TO_RATINGS: dict[str, Any] = {"route": [{"destination": {"host": "ratings"}}]}
EXPORT_TO = "networking.istio.io/exportTo"


def answer(cluster: Cluster, status: int, words: str = "") -> None:
    """The page, as the gateway answers it; whole with 200 alone."""
    told = Text("{words}", words=words or f"the gateway answers {status}")
    cluster.page = PageProbe(
        "bookinfo-gateway-istio", status, whole=not words and status == 200, words=told
    )


def match_first(cluster: Cluster, **match: object) -> None:
    """Adds a VirtualService whose first rule asks for something, and whose last takes the rest."""
    add_rules(cluster, "ratings", {"match": [match], "fault": ABORT, **TO_RATINGS}, TO_RATINGS)


@CASES.names("rule-never-matches")
def header_mistyped(cluster: Cluster) -> None:
    """A letter too few, in a rule that only routes."""
    define_subsets(cluster, "reviews", "v1", "v2")
    match = {"match": [{"headers": {"end-usr": {"exact": "jason"}}}]}
    add_rules(cluster, "reviews", lead("reviews", "v2") | match, lead("reviews", "v1"))


@CASES.names("rule-never-matches")
def path_mistyped(cluster: Cluster) -> None:
    """ratings is asked for /ratings/0."""
    match_first(cluster, uri={"exact": "/ratings"})


@CASES.names("rule-never-matches")
def method_in_small_letters(cluster: Cluster) -> None:
    """Methods are compared with case."""
    match_first(cluster, method={"exact": "get"})


@CASES.names("rule-never-matches")
def callers_that_nobody_is(cluster: Cluster) -> None:
    """A label of no pod."""
    match_first(cluster, sourceLabels={"app": "review"})


@CASES.names("rule-never-matches")
def other_port(cluster: Cluster) -> None:
    """The Service has port 9080."""
    match_first(cluster, port=8080)


@CASES.names("rule-never-matches")
def expression_that_fits_no_path(cluster: Cluster) -> None:
    """An expression has to fit the whole path."""
    match_first(cluster, uri={"regex": "/ratings"})


@CASES.names("rule-never-matches", Mode.WAYPOINT)
def header_of_a_route_mistyped(cluster: Cluster) -> None:
    """The same in an HTTPRoute."""
    cluster.apply(
        """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: details}
spec:
  parentRefs: [{group: "", kind: Service, name: details, port: 9080}]
  rules:
  - matches: [{path: {type: PathPrefix, value: /}, headers: [{name: enduser, value: jason}]}]
    timeouts: {request: 3s}
    backendRefs: [{name: details, port: 9080}]
  - backendRefs: [{name: details, port: 9080}]
"""
    )


@CASES.names("rule-never-matches")
def page_under_another_path(cluster: Cluster) -> None:
    """The gateway takes /productpages."""
    for match in cluster.get_spec(HTTP_ROUTE, ROUTE)["rules"][0]["matches"]:
        match["path"]["value"] += "s"
    answer(cluster, 404)


@CASES.spares("rule-never-matches")
def matches_that_come_true(cluster: Cluster) -> None:
    """Case of header names, expressions and prefixes that fit, and what callers may send."""
    matches: list[dict[str, object]] = [
        {"headers": {"END-USER": {"exact": "jason"}}},
        {"uri": {"regex": "/ratings/[0-9]+"}, "port": 9080, "method": {"regex": "GET|HEAD"}},
        {"headers": {"cookie": {"regex": ".*test.*"}}},
        {"method": {"exact": "POST"}},
        {"uri": {"prefix": "/HEALTH"}, "ignoreUriCase": True},
    ]
    rules = [{"match": [match], "timeout": "3s", **TO_RATINGS} for match in matches]
    add_rules(cluster, "ratings", *rules, TO_RATINGS)


@CASES.spares("rule-never-matches", Mode.AMBIENT, instead="l7-rule-without-waypoint")
def nobody_reads_the_match(cluster: Cluster) -> None:
    """Without a waypoint the rule is not obeyed at all."""
    match_first(cluster, uri={"exact": "/ratings"})


@CASES.spares("rule-never-matches")
def rules_for_several_services(cluster: Cluster) -> None:
    """One VirtualService for all: each rule is for one of them."""
    rules = [lead(app) | {"match": [{"uri": {"prefix": f"/{app}"}}]} for app in APPS[1:]]
    add_rules(cluster, "*.bookinfo.svc.cluster.local", *rules, name="all")


@CASES.names("rule-without-default")
def page_for_one_user(cluster: Cluster) -> None:
    """The gateway's rule asks for a header that no browser sends."""
    for match in cluster.get_spec(HTTP_ROUTE, ROUTE)["rules"][0]["matches"]:
        match["headers"] = [{"name": "end-user", "value": "jason"}]
    answer(cluster, 404)


@CASES.names("rule-without-default")
def prefix_that_no_request_has(cluster: Cluster) -> None:
    """One rule for another path, and none for the rest."""
    add_rules(cluster, "details", lead("details") | {"match": [{"uri": {"prefix": "/detail/"}}]})


@CASES.spares("rule-without-default")
def rule_for_some_callers(cluster: Cluster) -> None:
    """For the other callers' proxies there is no rule, so that they ask as without one."""
    callers = {"match": [{"sourceLabels": {"app": "reviews", "version": "v3"}}]}
    add_rules(cluster, "ratings", {**callers, **TO_RATINGS})


@CASES.names("rule-shadowed")
def expression_before_a_user(cluster: Cluster) -> None:
    """Whoever is logged in fits the first rule."""
    anybody = {"match": [{"headers": {"end-user": {"regex": ".*"}}}]}
    rules = [{**anybody, **TO_RATINGS}, lead("ratings", user="jason", fault=ABORT), lead("ratings")]
    add_rules(cluster, "ratings", *rules)


@CASES.names("rule-shadowed")
def same_user_twice(cluster: Cluster) -> None:
    """The second rule for a user never acts."""
    rules = [lead("ratings", user="jason"), lead("ratings", user="jason", fault=ABORT)]
    add_rules(cluster, "ratings", *rules, lead("ratings"))


@CASES.spares("rule-shadowed")
def user_before_a_beginning(cluster: Cluster) -> None:
    """Of those whose name begins so, one has a rule of their own."""
    others = {"match": [{"headers": {"end-user": {"prefix": "ja"}}}], "timeout": "3s"}
    rules = [lead("ratings", user="jason"), {**others, **TO_RATINGS}, lead("ratings")]
    add_rules(cluster, "ratings", *rules)


@CASES.spares("rule-shadowed")
def two_users(cluster: Cluster) -> None:
    """Each has a rule of their own."""
    rules = [
        lead("ratings", user="jason", timeout="3s"),
        lead("ratings", user="kate", timeout="4s"),
    ]
    add_rules(cluster, "ratings", *rules, lead("ratings"))


@CASES.names("rule-replaces-answer")
def path_rewritten(cluster: Cluster) -> None:
    """details has no /v2."""
    add_rules(cluster, "details", lead("details", rewrite={"uri": "/v2/details"}))


@CASES.names("rule-replaces-answer")
def answered_by_the_proxy(cluster: Cluster) -> None:
    """Nobody asks ratings."""
    add_rules(cluster, "ratings", {"directResponse": {"status": 503}})


@CASES.names("rule-replaces-answer")
def sent_elsewhere(cluster: Cluster) -> None:
    """reviews has no such page."""
    add_rules(cluster, "reviews", {"redirect": {"uri": "/maintenance"}})
    answer(cluster, 200, "the page comes without reviews")


@CASES.names("rule-replaces-answer")
def one_user_sent_elsewhere(cluster: Cluster) -> None:
    """The page is whole for those who are not logged in."""
    match = {"match": [{"headers": {"end-user": {"exact": "jason"}}}]}
    rule = {**match, "redirect": {"authority": "maintenance.example.com"}}
    add_rules(cluster, "reviews", rule, lead("reviews"))
    answer(cluster, 200)


@CASES.names("rule-replaces-answer")
def page_rewritten_at_the_gateway(cluster: Cluster) -> None:
    """A filter of the HTTPRoute."""
    path = {"type": "ReplaceFullPath", "replaceFullPath": "/product"}
    told = [{"type": "URLRewrite", "urlRewrite": {"path": path}}]
    cluster.get_spec(HTTP_ROUTE, ROUTE)["rules"][0]["filters"] = told
    answer(cluster, 404)


@CASES.spares("rule-replaces-answer")
def rewritten_to_what_is_there(cluster: Cluster) -> None:
    """Another name for the same path, and another host for it."""
    match = [{"uri": {"prefix": "/details/"}}]
    told = {"uri": "/details/", "authority": "details.internal"}
    add_rules(cluster, "details", lead("details", rewrite=told) | {"match": match}, lead("details"))


@CASES.spares("rule-replaces-answer")
def stand_in_while_the_page_is_whole(cluster: Cluster) -> None:
    """An answer in the place of details' own, which the page shows."""
    add_rules(cluster, "details", {"directResponse": {"status": 200, "body": {"string": "{}"}}})
    answer(cluster, 200)


@CASES.names("time-limit-too-short")
def one_millisecond(cluster: Cluster) -> None:
    """No answer takes so little."""
    add_rules(cluster, "reviews", lead("reviews", timeout="1ms"))


@CASES.names("time-limit-too-short")
def short_tries(cluster: Cluster) -> None:
    """Tries of 20 ms, and a page without details."""
    add_rules(cluster, "details", lead("details", retries={"attempts": 3, "perTryTimeout": "20ms"}))
    answer(cluster, 200, "the page comes without details")


@CASES.spares("time-limit-too-short")
def limits_that_are_kept(cluster: Cluster) -> None:
    """Switched off, and short with a whole page."""
    add_rules(cluster, "reviews", lead("reviews", timeout="0s"))
    add_rules(cluster, "details", lead("details", timeout="0.03s"))
    answer(cluster, 200)


@CASES.names("fault-without-percentage")
def fault_for_nobody(cluster: Cluster) -> None:
    """Without a percentage it is 0."""
    add_rules(cluster, "ratings", lead("ratings", fault={"abort": {"httpStatus": 500}}))


@CASES.spares("fault-without-percentage")
@CASES.spares("fault-in-force")
def fault_of_no_request(cluster: Cluster) -> None:
    """Somebody wrote 0, and means it."""
    told = {"delay": {"fixedDelay": "5s", "percentage": {"value": 0}}}
    add_rules(cluster, "ratings", lead("ratings", fault=told))


@CASES.names("virtualservice-delegate-missing")
def delegate_mistyped(cluster: Cluster) -> None:
    """The other VirtualService has another name."""
    add_rules(cluster, "reviews", {"delegate": {"name": "reviews-team"}})
    add_rules(cluster, "", lead("reviews"), name="reviews-teams")
    del cluster.get_spec(VIRTUAL_SERVICE, "reviews-teams")["hosts"]


@CASES.spares("virtualservice-delegate-missing")
def delegate_that_is_there(cluster: Cluster) -> None:
    """Rules in another object without hosts."""
    add_rules(cluster, "reviews", {"delegate": {"name": "reviews-team", "namespace": "bookinfo"}})
    add_rules(cluster, "", lead("reviews"), name="reviews-team")
    del cluster.get_spec(VIRTUAL_SERVICE, "reviews-team")["hosts"]


@CASES.names("hostname-mismatch")
def route_for_another_name(cluster: Cluster) -> None:
    """Who asks localhost gets 404."""
    cluster.get_spec(HTTP_ROUTE, ROUTE)["hostnames"] = ["bookinfo.example.com"]
    answer(cluster, 404)


@CASES.names("hostname-mismatch")
def listener_for_another_name(cluster: Cluster) -> None:
    """The same by the Gateway's listener."""
    cluster.get_spec(GATEWAY, EDGE)["listeners"][0]["hostname"] = "*.example.com"
    answer(cluster, 404)


@CASES.names("page-by-name")
@CASES.spares("hostname-mismatch")
def route_for_localhost(cluster: Cluster) -> None:
    """People ask by that name, and the bot does not."""
    cluster.get_spec(HTTP_ROUTE, ROUTE)["hostnames"] = ["localhost", "bookinfo.example.com"]
    answer(cluster, 404)


@CASES.spares("page-by-name")
@CASES.spares("hostname-mismatch")
def page_that_answers(cluster: Cluster) -> None:
    """A name is set, and the page comes."""
    cluster.get_spec(HTTP_ROUTE, ROUTE)["hostnames"] = ["bookinfo.example.com"]
    answer(cluster, 200)


def export(cluster: Cluster, place: str) -> None:
    """Annotates reviews, for which there is a rule."""
    define_subsets(cluster, "reviews", "v1")
    add_rules(cluster, "reviews", lead("reviews", "v1"))
    cluster.get(SERVICE, "reviews")["metadata"]["annotations"] = {EXPORT_TO: place}


@CASES.names("service-unexported")
def service_for_other_namespaces(cluster: Cluster) -> None:
    """Callers here know no rule for it."""
    export(cluster, "istio-system")


@CASES.spares("service-unexported")
def service_for_its_own_namespace(cluster: Cluster) -> None:
    """The callers are there."""
    export(cluster, "istio-system,.")
