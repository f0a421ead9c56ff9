"""AuthorizationPolicies: whom they let in, and whom they refuse."""

from __future__ import annotations

from bot.kinds import (
    AUTHORIZATION_POLICY,
    Object,
)
from tests.diagnosis.cases.registry import Cases
from tests.diagnosis.cluster import Cluster, Mode
from tests.diagnosis.shapes import APP, MESH

CASES = Cases()
POLICY = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: guard}
spec: {action: ALLOW}
"""


@CASES.names("authorization-denies")
@CASES.spares("strict-mtls-plain-client", instead="authorization-denies")
def nothing_allowed(cluster: Cluster) -> None:
    """An ALLOW without rules lets nobody in."""
    cluster.apply(POLICY)


def add_rule(cluster: Cluster, action: str, app: str, **rule: object) -> None:
    """Adds a policy for an application with one rule."""
    cluster.apply(POLICY)
    spec = cluster.get_spec(AUTHORIZATION_POLICY, "guard")
    spec |= {"action": action, "rules": [rule], "selector": {"matchLabels": {"app": app}}}


@CASES.names("authorization-denies")
def caller_not_among_allowed(cluster: Cluster) -> None:
    """ratings takes productpage alone, and reviews asks it as well."""
    principal = f"cluster.local/ns/{APP}/sa/bookinfo-productpage"
    sources = [{"source": {"principals": [principal]}}]
    add_rule(cluster, "ALLOW", "ratings", **{"from": sources})


@CASES.names("authorization-denies")
def token_asked_for(cluster: Cluster) -> None:
    """Nobody who asks for the page brings a token."""
    add_rule(
        cluster, "ALLOW", "productpage", **{"from": [{"source": {"requestPrincipals": ["*"]}}]}
    )


@CASES.names("authorization-denies")
def without_token_denied(cluster: Cluster) -> None:
    """The usual DENY of requests without a token."""
    sources = [{"source": {"notRequestPrincipals": ["*"]}}]
    add_rule(cluster, "DENY", "productpage", **{"from": sources})


@CASES.names("authorization-denies")
def account_of_another_namespace(cluster: Cluster) -> None:
    """An account is one of its namespace."""
    sources = [{"source": {"serviceAccounts": ["default/bookinfo-productpage"]}}]
    add_rule(cluster, "ALLOW", "details", **{"from": sources})


@CASES.spares("authorization-denies")
def account_by_its_name(cluster: Cluster) -> None:
    """Without a namespace it is one of the policy's."""
    sources = [{"source": {"serviceAccounts": ["bookinfo-productpage"]}}]
    add_rule(cluster, "ALLOW", "details", **{"from": sources})


@CASES.names("authorization-denies")
def condition_not_met(cluster: Cluster) -> None:
    """`when` names another namespace than the caller's."""
    condition = {"key": "source.namespace", "values": [MESH]}
    add_rule(cluster, "ALLOW", "reviews", when=[condition])


@CASES.spares("authorization-denies")
def condition_met(cluster: Cluster) -> None:
    """`when` names the caller's own namespace, and a header that nobody can judge."""
    conditions = [
        {"key": "source.namespace", "values": [APP], "notValues": [MESH]},
        {"key": "request.headers[user-agent]", "values": ["a"]},
    ]
    add_rule(cluster, "ALLOW", "reviews", when=conditions)


@CASES.names("authorization-denies", Mode.AMBIENT)
def method_for_ztunnel(cluster: Cluster) -> None:
    """ztunnel knows no methods, and so an ALLOW for GET lets nobody in."""
    add_rule(cluster, "ALLOW", "details", to=[{"operation": {"methods": ["GET"]}}])


@CASES.names("authorization-denies")
def get_denied(cluster: Cluster) -> None:
    """A DENY that the page's requests match."""
    add_rule(cluster, "DENY", "details", to=[{"operation": {"methods": ["GET"]}}])


def target_service(cluster: Cluster, action: str, app: str) -> None:
    """Adds a policy with a rule for everybody that a waypoint enforces for a Service."""
    cluster.apply(POLICY)
    spec = cluster.get_spec(AUTHORIZATION_POLICY, "guard")
    spec |= {"action": action, "rules": [{}], "targetRefs": [{"kind": "Service", "name": app}]}


@CASES.names("authorization-denies", Mode.WAYPOINT)
def denied_at_the_waypoint(cluster: Cluster) -> None:
    """The waypoint refuses what is for that Service."""
    target_service(cluster, "DENY", "reviews")


@CASES.spares("authorization-denies", Mode.AMBIENT, instead="l7-rule-without-waypoint")
def denied_where_no_waypoint_is(cluster: Cluster) -> None:
    """Nobody enforces what a waypoint should."""
    target_service(cluster, "DENY", "reviews")


def allow_callers(cluster: Cluster, *accounts: str) -> None:
    """Lets only these accounts of the namespace to ratings."""
    principals = [f"cluster.local/ns/{APP}/sa/{account}" for account in accounts]
    add_rule(cluster, "ALLOW", "ratings", **{"from": [{"source": {"principals": principals}}]})


@CASES.names("authorization-denies", Mode.WAYPOINT)
def waypoint_not_among_allowed(cluster: Cluster) -> None:
    """Behind a waypoint it is the waypoint that asks."""
    allow_callers(cluster, "bookinfo-productpage", "bookinfo-reviews")


@CASES.spares("authorization-denies", Mode.AMBIENT)
def callers_among_allowed(cluster: Cluster) -> None:
    """Without a waypoint the callers themselves are seen."""
    allow_callers(cluster, "bookinfo-productpage", "bookinfo-reviews")


def allow_as_bot(cluster: Cluster, *accounts: str) -> None:
    """Lets only these accounts to ratings, as `/mesh authorize` does."""
    allow_callers(cluster, *accounts)
    fields: Object = {"f:spec": {"f:rules": {}}}
    entry = {"manager": "meshbot", "operation": "Apply", "fieldsV1": fields}
    cluster.get(AUTHORIZATION_POLICY, "guard")["metadata"]["managedFields"] = [entry]


@CASES.names("authorization-asked-for")
@CASES.spares("authorization-denies")
def refused_as_asked(cluster: Cluster) -> None:
    """productpage is not let in, and nobody asked for it to be."""
    allow_as_bot(cluster, "bookinfo-reviews")


@CASES.names("authorization-denies", Mode.WAYPOINT)
@CASES.spares("authorization-asked-for", Mode.WAYPOINT, instead="authorization-denies")
def refused_although_let_in(cluster: Cluster) -> None:
    """The policy of the days before the waypoint names both callers, and shuts them out now."""
    allow_as_bot(cluster, "bookinfo-productpage", "bookinfo-reviews")


@CASES.spares("authorization-denies")
def own_namespace_allowed(cluster: Cluster) -> None:
    """Callers of the namespace are let in."""
    add_rule(cluster, "ALLOW", "ratings", **{"from": [{"source": {"namespaces": [APP]}}]})


@CASES.spares("authorization-denies")
def post_denied(cluster: Cluster) -> None:
    """The page only reads."""
    add_rule(cluster, "DENY", "ratings", to=[{"operation": {"methods": ["POST", "DELETE"]}}])


@CASES.spares("authorization-denies")
def condition_that_cannot_be_judged(cluster: Cluster) -> None:
    """What depends on a token is not blamed on a guess."""
    when = [{"key": "request.auth.claims[group]", "values": ["x"]}]
    add_rule(cluster, "DENY", "ratings", when=when)


@CASES.spares("authorization-denies")
def policy_of_the_neighbour(cluster: Cluster) -> None:
    """Another namespace's policy."""
    cluster.apply(POLICY, namespace="shop")


@CASES.spares("authorization-denies")
def only_tried_out(cluster: Cluster) -> None:
    """A dry run counts what it would refuse."""
    add_rule(cluster, "DENY", "details")
    policy = cluster.get(AUTHORIZATION_POLICY, "guard")
    policy["metadata"]["annotations"] = {"istio.io/dry-run": "true"}


def ask_provider(cluster: Cluster, name: str) -> None:
    """Adds a policy that asks an authorizer, and one that the mesh has."""
    add_rule(cluster, "CUSTOM", "details")
    cluster.get_spec(AUTHORIZATION_POLICY, "guard")["provider"] = {"name": name}
    known = {"name": "opa", "envoyExtAuthzGrpc": {"service": "opa.opa.svc", "port": 9191}}
    cluster.mesh_config["extensionProviders"] = [known]


@CASES.names("authorization-denies")
def authorizer_unknown(cluster: Cluster) -> None:
    """istiod has a proxy deny what nobody can decide."""
    ask_provider(cluster, "oap")


@CASES.spares("authorization-denies")
def authorizer_known(cluster: Cluster) -> None:
    """What the authorizer says is not known here."""
    ask_provider(cluster, "opa")


@CASES.names("authorization-denies")
def address_not_among_allowed(cluster: Cluster) -> None:
    """A block in which no pod is."""
    sources = [{"source": {"ipBlocks": ["192.0.2.0/24"]}}]
    add_rule(cluster, "ALLOW", "reviews", **{"from": sources})


@CASES.spares("authorization-denies")
def address_among_allowed(cluster: Cluster) -> None:
    """The pods' own network."""
    sources = [{"source": {"ipBlocks": ["10.244.0.0/16"]}}]
    add_rule(cluster, "ALLOW", "reviews", **{"from": sources})


@CASES.names("authorization-denies")
def header_that_nobody_sends(cluster: Cluster) -> None:
    """A token in a header that Bookinfo does not hand on."""
    condition = {"key": "request.headers[x-token]", "notValues": ["admin"]}
    add_rule(cluster, "DENY", "ratings", when=[condition])


@CASES.names("authorization-denies")
def host_without_its_port(cluster: Cluster) -> None:
    """Callers write the port, and hosts are compared as they are written."""
    add_rule(cluster, "ALLOW", "reviews", to=[{"operation": {"hosts": ["reviews"]}}])


@CASES.spares("authorization-denies")
def host_with_its_port(cluster: Cluster) -> None:
    """As callers write it."""
    add_rule(cluster, "ALLOW", "reviews", to=[{"operation": {"hosts": ["Reviews:9080"]}}])


@CASES.spares("authorization-denies")
def deny_without_rules(cluster: Cluster) -> None:
    """What has no rule matches nothing."""
    add_rule(cluster, "DENY", "details")
    cluster.get_spec(AUTHORIZATION_POLICY, "guard")["rules"] = []


@CASES.names("authorization-denies")
def allow_without_rules(cluster: Cluster) -> None:
    """And so it lets nobody in."""
    add_rule(cluster, "ALLOW", "details")
    cluster.get_spec(AUTHORIZATION_POLICY, "guard")["rules"] = []


@CASES.spares("authorization-denies", Mode.SIDECARS)
def target_without_waypoint(cluster: Cluster) -> None:
    """Sidecars read no policy that is for a Service."""
    target_service(cluster, "DENY", "details")


@CASES.names("authorization-denies")
def denies_one_user(cluster: Cluster) -> None:
    """Only who is logged in as jason gets no reviews."""
    cluster.apply(
        """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-jason}
spec:
  selector: {matchLabels: {app: reviews}}
  action: DENY
  rules: [{when: [{key: "request.headers[end-user]", values: [jason]}]}]
"""
    )


@CASES.spares("authorization-denies")
def denies_a_user_where_nobody_is_one(cluster: Cluster) -> None:
    """What the gateway asks carries no such header, whoever is logged in."""
    cluster.apply(
        """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-jason}
spec:
  selector: {matchLabels: {app: productpage}}
  action: DENY
  rules: [{when: [{key: "request.headers[end-user]", values: [jason]}]}]
"""
    )
