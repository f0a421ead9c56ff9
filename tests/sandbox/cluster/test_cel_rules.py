"""Rules in CEL that are written out, in the API server's words (a real Kubernetes 1.36)."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.cluster.crds.cel_rules import find_rule_causes
from sandbox.cluster.kinds import Kind

SERVICE = Kind("networking.istio.io", "virtualservices", "VirtualService", namespaced=True)
ROUTE = Kind("gateway.networking.k8s.io", "httproutes", "HTTPRoute", namespaced=True)
SHORT = "must be a valid duration greater than 1ms"


def ask(kind: Kind, rule: dict[str, Any]) -> list[tuple[str, str]]:
    """What is refused of an object with this rule: place and words."""
    place = "http" if kind is SERVICE else "rules"
    found = find_rule_causes(kind, {"spec": {place: [rule]}}, [])
    return [(field, words) for field, _, words in found]


@pytest.mark.parametrize("told", ["-1s", "0s", "5", "1us", "soon"])
def test_durations_are_a_millisecond_at_least(told: str) -> None:
    """Wherever they stand."""
    assert ask(SERVICE, {"timeout": told}) == [
        ("spec.http[0].timeout", f'Invalid value: "{told}": {SHORT}')
    ]
    assert ask(SERVICE, {"fault": {"delay": {"fixedDelay": told}}})[0][0].endswith(".fixedDelay")


def test_durations_that_are_long_enough_pass() -> None:
    """In all of Go's units."""
    assert ask(SERVICE, {"timeout": "1h2m3.5s", "retries": {"perTryTimeout": "1ms"}}) == []


def test_one_try_is_no_longer_than_the_whole() -> None:
    """Equal is allowed."""
    (found,) = ask(ROUTE, {"timeouts": {"request": "1s", "backendRequest": "2s"}})
    words = "Invalid value: backendRequest timeout cannot be longer than request timeout"
    assert found == ("spec.rules[0].timeouts", words)
    assert ask(ROUTE, {"timeouts": {"request": "1s", "backendRequest": "1000ms"}}) == []


def test_rules_are_not_looked_at_in_what_the_schema_refuses() -> None:
    """Which is said in a line of its own, as the real one does."""
    before = [("spec.hosts", "FieldValueRequired", "Required value")]
    (found,) = find_rule_causes(SERVICE, {"spec": {"http": [{"timeout": "0s"}]}}, before)
    assert found[0] == "<nil>"
    assert "some validation rules were not checked" in found[2]
