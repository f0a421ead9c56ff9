"""Rules that a VirtualService leaves to another one, read where they hold."""

from __future__ import annotations

from tests.diagnosis.cases.registry import Cases
from tests.diagnosis.cluster import Cluster

CASES = Cases()
ROOT = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
    - match: [{uri: {prefix: /reviews}}]
      delegate: {name: team, namespace: PLACE}
"""
TEAM = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: team}
spec:
  exportTo: [EXPORT]
  http: [RULE]
"""


def delegate(cluster: Cluster, rule: str, *, place: str = "bookinfo", export: str = '"*"') -> None:
    """Leaves the rules for reviews to a team, which has this one."""
    cluster.apply(ROOT.replace("PLACE", place))
    cluster.apply(TEAM.replace("RULE", rule).replace("EXPORT", export), namespace=place)


@CASES.names("virtualservice-host-unknown")
def destination_of_delegate_unknown(cluster: Cluster) -> None:
    """The delegate's destination is no Service."""
    delegate(cluster, "{route: [{destination: {host: reviewz}}]}")


@CASES.names("subset-without-destinationrule")
def subset_of_delegate_undefined(cluster: Cluster) -> None:
    """The delegate's destination is a subset that nobody defines."""
    delegate(cluster, "{route: [{destination: {host: reviews, subset: v2}}]}")


@CASES.names("virtualservice-host-unknown")
def short_host_beside_the_delegate(cluster: Cluster) -> None:
    """A short name belongs to the delegate's namespace."""
    cluster.missing_services.add(("rules", "reviews"))
    delegate(cluster, "{route: [{destination: {host: reviews}}]}", place="rules")


@CASES.names("virtualservice-delegate-missing")
def delegate_not_exported(cluster: Cluster) -> None:
    """It is there, and the root's namespace does not see it."""
    host = "reviews.bookinfo.svc.cluster.local"
    rule = f"{{route: [{{destination: {{host: {host}}}}}]}}"
    delegate(cluster, rule, place="rules", export='"."')


@CASES.spares("virtualservice-host-unknown")
@CASES.spares("subset-without-destinationrule")
@CASES.spares("virtualservice-delegate-missing")
def delegate_is_whole(cluster: Cluster) -> None:
    """It leads to the Service, by its full name from another namespace."""
    host = "reviews.bookinfo.svc.cluster.local"
    delegate(cluster, f"{{route: [{{destination: {{host: {host}}}}}]}}", place="rules")
