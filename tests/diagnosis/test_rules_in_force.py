"""Which rules decide over requests to a Service, as the API server holds them."""

from __future__ import annotations

import pytest

from bot.diagnosis.mesh_rules import list_rules_in_force
from bot.diagnosis.page_requests import find_user_rule
from tests.diagnosis.cluster import Cluster, Mode

ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}}}
spec:
  parentRefs: [{{group: "", kind: Service, name: reviews, port: 9080}}]
  rules:
  - matches: [{{path: {{type: PathPrefix, value: /}}}}]
    backendRefs: [{{name: reviews-v1, port: 9080}}]
  - matches:
    - path: {{type: PathPrefix, value: /}}
      headers: [{{name: end-user, value: jason}}]
    backendRefs: [{{name: reviews-{version}, port: 9080}}]
"""
"""Rules with the match for every path that the API server gives to each."""


@pytest.mark.parametrize(("user", "leads_to"), [("jason", "reviews-v2"), ("", "reviews-v1")])
def test_a_rule_for_every_path_takes_the_rest(user: str, leads_to: str) -> None:
    """It comes after a user's, wherever it stands; of two routes the older one counts."""
    cluster = Cluster(Mode.WAYPOINT)
    cluster.apply(ROUTE.format(name="a", version="v3"), age=10)
    cluster.apply(ROUTE.format(name="b", version="v2"), age=7200)
    state = cluster.state()
    found = find_user_rule(state, list_rules_in_force(state, "reviews"), "reviews", user)
    assert found is not None
    assert [to.service for to in found.destinations] == [leads_to]
