"""Hosts that do not exist, rules that collide, rules that are not obeyed."""

from __future__ import annotations

from bot.kinds import DESTINATION_RULE, SERVICE
from tests.diagnosis.cases.registry import Cases
from tests.diagnosis.cases.rules import add_rules, define_subsets, lead, route
from tests.diagnosis.cluster import Cluster, Mode
from tests.diagnosis.shapes import MESH

CASES = Cases()
FULL = "reviews.bookinfo.svc.cluster.local"
ROUTE_BETWEEN = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: reviews}
spec:
  parentRefs: [{group: "", kind: Service, name: reviews, port: 9080}]
  rules: [{backendRefs: [{name: reviews, port: 9080}]}]
"""
HIDING = """
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default}
spec: {egress: [{hosts: [./details.bookinfo.svc.cluster.local, istio-system/*]}]}
"""
STRICT = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default}
spec: {mtls: {mode: STRICT}}
"""


@CASES.names("virtualservice-host-unknown")
def host_misspelt(cluster: Cluster) -> None:
    """`review` is no Service."""
    add_rules(cluster, "review", lead("reviews"))


@CASES.names("virtualservice-host-unknown")
def destination_misspelt(cluster: Cluster) -> None:
    """The host is right, and the rule sends to nobody."""
    add_rules(cluster, "reviews", lead("review"))


@CASES.names("virtualservice-host-unknown")
def host_with_half_a_domain(cluster: Cluster) -> None:
    """A name with a dot is taken as it is."""
    add_rules(cluster, "reviews.bookinfo", lead("reviews"))


@CASES.spares("virtualservice-host-unknown")
def host_of_the_world(cluster: Cluster) -> None:
    """A rule for a host outside that a ServiceEntry registers."""
    cluster.apply("""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: books}
spec: {hosts: [www.googleapis.com]}
""")
    add_rules(cluster, "www.googleapis.com", lead("www.googleapis.com"))


@CASES.spares("virtualservice-host-unknown")
def host_of_nobody_here(cluster: Cluster) -> None:
    """A rule for nobody in the namespace is unused, not broken."""
    add_rules(cluster, "inventory.example.com", lead("inventory.example.com"))


@CASES.spares("virtualservice-host-unknown")
def misspelt_by_the_neighbour(cluster: Cluster) -> None:
    """Another namespace's nonsense."""
    add_rules(cluster, "review", lead("reviews"), namespace="shop")


@CASES.names("virtualservices-collide")
@CASES.spares("rule-shadowed", instead="virtualservices-collide")
def short_and_full_name(cluster: Cluster) -> None:
    """Both names are one host."""
    add_rules(cluster, "reviews", lead("reviews"), age=900)
    add_rules(cluster, FULL, lead("reviews"), name="mine")


@CASES.names("virtualservices-collide")
def collides_from_elsewhere(cluster: Cluster) -> None:
    """A rule of another namespace that reaches this one."""
    add_rules(cluster, "reviews", lead("reviews"))
    add_rules(cluster, FULL, lead(FULL), name="mine", namespace="shop")


@CASES.spares("virtualservices-collide")
def one_name_in_two_namespaces(cluster: Cluster) -> None:
    """Short names of two namespaces are two hosts."""
    add_rules(cluster, "reviews", lead("reviews"))
    add_rules(cluster, "reviews", lead("reviews"), namespace="shop")


@CASES.spares("virtualservices-collide")
def one_for_mesh_one_for_gateway(cluster: Cluster) -> None:
    """A rule at a gateway for the page's host, beside one for callers inside."""
    add_rules(cluster, "reviews", lead("reviews"))
    add_rules(cluster, "*", lead("productpage"), name="page", gateways=["bookinfo-gateway"])


@CASES.spares("virtualservices-collide")
def kept_in_its_namespace(cluster: Cluster) -> None:
    """A rule of another namespace that is not exported."""
    add_rules(cluster, "reviews", lead("reviews"))
    add_rules(cluster, FULL, lead(FULL), name="mine", namespace="shop", exportTo=["."])


@CASES.names("rule-shadowed")
@CASES.spares("virtualservices-collide", instead="rule-shadowed")
def catch_all_first(cluster: Cluster) -> None:
    """The rule for jason stands behind that for everybody."""
    define_subsets(cluster, "reviews", "v1", "v2")
    add_rules(cluster, "reviews", lead("reviews", "v1"), lead("reviews", "v2", user="jason"))


@CASES.names("rule-shadowed")
def prefix_first(cluster: Cluster) -> None:
    """The path's prefix `/` takes every request too."""
    open_rule = lead("reviews", match=[{"uri": {"prefix": "/"}}])
    add_rules(cluster, "reviews", open_rule, lead("reviews", user="jason"))


@CASES.spares("rule-shadowed")
def catch_all_last(cluster: Cluster) -> None:
    """In this order both act."""
    define_subsets(cluster, "reviews", "v1", "v2")
    add_rules(cluster, "reviews", lead("reviews", "v2", user="jason"), lead("reviews", "v1"))


@CASES.spares("rule-shadowed")
def narrow_prefix_first(cluster: Cluster) -> None:
    """A prefix that leaves requests over."""
    narrow = lead("reviews", match=[{"uri": {"prefix": "/reviews"}}])
    add_rules(cluster, "reviews", narrow, lead("reviews"))


@CASES.names("rule-shadowed")
def whole_path_first(cluster: Cluster) -> None:
    """ratings is asked for /ratings alone: nothing is left for the user's rule."""
    first = lead("ratings", match=[{"uri": {"prefix": "/ratings"}}])
    add_rules(cluster, "ratings", first, lead("ratings", user="jason"), lead("ratings"))


@CASES.names("virtualservice-host-unknown")
def foreign_rule_without_domain(cluster: Cluster) -> None:
    """A short destination belongs to the rule's own namespace, where no such Service is."""
    add_rules(cluster, FULL, lead("reviews"), name="timeouts", namespace=MESH)


@CASES.names("subset-without-destinationrule")
def wildcard_with_a_subset(cluster: Cluster) -> None:
    """A wildcard decides over the Services for which nobody else has a rule."""
    add_rules(cluster, "*.bookinfo.svc.cluster.local", lead("details", "v9"), name="all")


@CASES.spares("virtualservices-collide")
def wildcard_beside_a_name(cluster: Cluster) -> None:
    """A name goes before a wildcard: there is no conflict."""
    add_rules(cluster, "*.bookinfo.svc.cluster.local", lead("details"), name="all")
    for service in ("productpage", "reviews", "ratings"):
        route(cluster, service)


def route_by_subsets_for(cluster: Cluster, caller: str) -> None:
    """Route reviews to a subset that is defined for one caller alone."""
    define_subsets(cluster, "reviews", "v1")
    spec = cluster.get_spec(DESTINATION_RULE, "reviews")
    spec["workloadSelector"] = {"matchLabels": {"app": caller}}
    route(cluster, "reviews", "v1")


@CASES.names("subset-without-destinationrule")
def subsets_for_other_workloads(cluster: Cluster) -> None:
    """A DestinationRule with a workloadSelector is for those callers alone."""
    route_by_subsets_for(cluster, "reviews")


@CASES.spares("subset-without-destinationrule")
def subsets_for_the_caller(cluster: Cluster) -> None:
    """productpage calls reviews, and the rule is for it."""
    route_by_subsets_for(cluster, "productpage")


@CASES.names("rule-without-default")
def nobody_else_is_served(cluster: Cluster) -> None:
    """Only jason has a rule."""
    add_rules(cluster, "reviews", lead("reviews", user="jason"))


@CASES.spares("rule-without-default")
def path_for_everybody(cluster: Cluster) -> None:
    """A match by path takes the rest."""
    rest = lead("reviews", match=[{"uri": {"regex": "/reviews/.*"}}])
    add_rules(cluster, "reviews", lead("reviews", user="jason"), rest)


@CASES.names("rule-not-for-mesh")
def exported_elsewhere(cluster: Cluster) -> None:
    """`exportTo` leaves the callers' namespace out."""
    add_rules(cluster, "reviews", lead("reviews"), exportTo=[MESH])


@CASES.spares("rule-not-for-mesh")
def exported_here(cluster: Cluster) -> None:
    """`.` is the rule's own namespace."""
    add_rules(cluster, "reviews", lead("reviews"), exportTo=["."])


@CASES.names("route-parent-missing", Mode.WAYPOINT)
def attached_to_no_port(cluster: Cluster) -> None:
    """The Service is there, and has no such port."""
    cluster.apply(
        ROUTE_BETWEEN.replace(
            "name: reviews, port: 9080}]\n  rules", "name: reviews, port: 80}]\n  rules"
        )
    )


@CASES.names("route-parent-missing", Mode.WAYPOINT)
def attached_to_nobody(cluster: Cluster) -> None:
    """There is no Service `review`."""
    cluster.apply(
        ROUTE_BETWEEN.replace("kind: Service, name: reviews", "kind: Service, name: review")
    )


@CASES.names("route-backend-missing")
def destination_port_missing(cluster: Cluster) -> None:
    """The Service is there, and has no such port."""
    rule = {"route": [{"destination": {"host": "details", "port": {"number": 9081}}}]}
    add_rules(cluster, "details", rule)


@CASES.names("rule-not-for-mesh")
@CASES.spares("caller-outside-mesh", instead="rule-not-for-mesh")
def bound_to_a_gateway(cluster: Cluster) -> None:
    """`gateways` leaves the mesh out."""
    define_subsets(cluster, "reviews", "v1")
    route(cluster, "reviews", "v1", gateways=["bookinfo-gateway"])


@CASES.spares("rule-not-for-mesh")
def bound_to_gateway_and_mesh(cluster: Cluster) -> None:
    """Both are listed."""
    define_subsets(cluster, "reviews", "v1")
    route(cluster, "reviews", "v1", gateways=["bookinfo-gateway", "mesh"])


@CASES.spares("rule-not-for-mesh")
def page_at_a_gateway(cluster: Cluster) -> None:
    """The sample's rule for the page is meant for the gateway alone."""
    add_rules(cluster, "*", lead("productpage"), name="page", gateways=["bookinfo-gateway"])


@CASES.names("rule-not-for-mesh")
def gateway_misspelt(cluster: Cluster) -> None:
    """No Gateway has that name, in neither API."""
    add_rules(cluster, "*", lead("productpage"), name="page", gateways=["bookinfo-gatway"])


@CASES.names("virtualservice-host-unknown")
def copies_to_nobody(cluster: Cluster) -> None:
    """The mirror's host is no Service."""
    add_rules(cluster, "reviews", lead("reviews", mirror={"host": "reviews-shadow"}))


@CASES.names("subset-without-destinationrule")
def copies_to_a_subset_of_nobody(cluster: Cluster) -> None:
    """The mirror's subset is not defined."""
    define_subsets(cluster, "reviews", "v1")
    told = {"destination": {"host": "reviews", "subset": "v9"}, "percentage": {"value": 10}}
    add_rules(cluster, "reviews", lead("reviews", "v1", mirrors=[told]))


@CASES.names("rules-mixed", Mode.WAYPOINT)
@CASES.spares("virtualservices-collide", Mode.WAYPOINT, instead="rules-mixed")
def both_kinds_for_one_service(cluster: Cluster) -> None:
    """Neither that the VirtualService is old, nor that they collide, is a further cause."""
    cluster.apply(ROUTE_BETWEEN, age=10)
    add_rules(cluster, "reviews", lead("reviews"), age=7200)


@CASES.spares("rules-mixed", Mode.WAYPOINT)
def both_kinds_for_two_services(cluster: Cluster) -> None:
    """Each Service has one kind."""
    cluster.apply(ROUTE_BETWEEN, age=10)
    add_rules(cluster, "ratings", lead("ratings"), age=10)


@CASES.names("sidecar-hides-services")
def service_not_listed(cluster: Cluster) -> None:
    """The Sidecar lists details alone, and a rule is for reviews."""
    cluster.apply(HIDING)
    add_rules(cluster, "reviews", lead("reviews"))


@CASES.names("sidecar-hides-services")
def hidden_and_refused(cluster: Cluster) -> None:
    """Under REGISTRY_ONLY nothing passes through."""
    cluster.apply(
        HIDING.replace("{egress", "{outboundTrafficPolicy: {mode: REGISTRY_ONLY}, egress")
    )


@CASES.names("sidecar-hides-services")
def hidden_and_strict(cluster: Cluster) -> None:
    """What passes through is plain text."""
    cluster.apply(HIDING)
    cluster.apply(STRICT)


@CASES.names("sidecar-hides-services")
def short_name_listed(cluster: Cluster) -> None:
    """Istio compares full names."""
    cluster.apply(HIDING.replace("./details.bookinfo.svc.cluster.local", "./reviews"))
    add_rules(cluster, "reviews", lead("reviews"))


@CASES.spares("sidecar-hides-services")
def hidden_from_others(cluster: Cluster) -> None:
    """A Sidecar for pods that call nobody."""
    cluster.apply(HIDING.replace("{egress", "{workloadSelector: {labels: {app: ratings}}, egress"))
    add_rules(cluster, "reviews", lead("reviews"))


@CASES.spares("sidecar-hides-services")
def hidden_without_rule(cluster: Cluster) -> None:
    """Without a rule nothing is lost: requests go on as they are."""
    cluster.apply(HIDING)


@CASES.spares("sidecar-hides-services")
def own_namespace_listed(cluster: Cluster) -> None:
    """`./*` lists the whole namespace."""
    cluster.apply(HIDING.replace("./details.bookinfo.svc.cluster.local", '"./*"'))
    add_rules(cluster, "reviews", lead("reviews"))


UNEXPORTED = {"networking.istio.io/exportTo": "~"}
REFUSING = """
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default}
spec: {outboundTrafficPolicy: {mode: REGISTRY_ONLY}}
"""
ADMITTING = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ratings}
spec: {hosts: [ratings.bookinfo.svc.cluster.local], resolution: NONE}
"""


@CASES.names("service-unexported")
def stranger_refused(cluster: Cluster) -> None:
    """Under REGISTRY_ONLY nobody gets ratings."""
    cluster.get(SERVICE, "ratings")["metadata"]["annotations"] = UNEXPORTED
    cluster.apply(REFUSING)


@CASES.names("service-unexported")
def stranger_with_a_rule(cluster: Cluster) -> None:
    """Passed on as it is, and no rule for it is obeyed."""
    cluster.get(SERVICE, "ratings")["metadata"]["annotations"] = UNEXPORTED
    add_rules(cluster, "ratings", lead("ratings"))


@CASES.spares("service-unexported")
def stranger_that_passes(cluster: Cluster) -> None:
    """Without a rule for it nothing is lost."""
    cluster.get(SERVICE, "ratings")["metadata"]["annotations"] = UNEXPORTED


@CASES.spares("service-unexported")
def stranger_admitted(cluster: Cluster) -> None:
    """A ServiceEntry has its name."""
    cluster.get(SERVICE, "ratings")["metadata"]["annotations"] = UNEXPORTED
    cluster.apply(REFUSING)
    cluster.apply(ADMITTING)
