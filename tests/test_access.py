"""The access rules by themselves: by role, by channel, and by an attendee's own namespace."""

from __future__ import annotations

import pytest

from bot.catalog import Catalog
from bot.engine.access.policy import AccessDenied, AccessPolicy, OwnNamespaces
from bot.engine.access.protected import ProtectedNamespaces
from bot.steps import Caller, Role, Step
from bot.text import Text
from handlers import STEPS

CATALOG = Catalog(STEPS)
OWN = OwnNamespaces("bookinfo-{user}")
TITLE = Text("It")


def step(name: str) -> Step:
    """A step by its id."""
    found = CATALOG.get(name)
    assert found is not None
    return found


def caller(policy: AccessPolicy, role: Role = Role.ATTENDEE) -> Caller:
    """Alice, in that role."""
    return policy.complete_caller(Caller("U0ALICE", role))


def allows(policy: AccessPolicy, typed: str, who: Caller, channel: str = "C1") -> bool:
    """Whether they may type that there."""
    invocation = CATALOG.parse(typed)
    try:
        policy.admit_command(invocation, who, channel)
    except AccessDenied:
        return False
    return True


def test_a_step_is_for_who_has_its_role() -> None:
    """And for whoever stands above it."""
    policy = AccessPolicy(STEPS)
    assert not allows(policy, "install", caller(policy))
    assert allows(policy, "status", caller(policy))
    for role in (Role.HOST, Role.ADMIN):
        assert allows(policy, "install", caller(policy, role))


@pytest.mark.parametrize(
    ("typed", "channel", "may"),
    [
        ("install", "C1", True),
        ("install", "C2", False),
        ("status", "C2", False),
        ("status", "D1", True),
        ("status", "", True),
        ("install", "D1", False),
        ("traffic", "", False),
    ],
)
def test_commands_are_taken_where_the_settings_say(typed: str, channel: str, may: bool) -> None:
    """A direct message and App Home can only ask."""
    policy = AccessPolicy(STEPS, channels=("C1",))
    assert allows(policy, typed, caller(policy, Role.HOST), channel) is may


@pytest.mark.parametrize(
    ("typed", "may"),
    [
        ("bookinfo", True),
        ("bookinfo in=bookinfo-u0alice", True),
        ("bookinfo in=bookinfo-u0bob", False),
        ("bookinfo in=bookinfo", False),
        ("status in=bookinfo-u0bob", True),
        ("install", False),
        ("fault jason", False),
        ("traffic", True),
    ],
)
def test_an_attendee_has_one_namespace_and_the_steps_that_stay_in_it(typed: str, may: bool) -> None:
    """Not those that the settings keep for somebody else, and reading everywhere."""
    policy = AccessPolicy(STEPS, own=OWN, reserved=frozenset({"fault"}))
    assert allows(policy, typed, caller(policy)) is may


def test_a_confirmation_in_somebodys_namespace_is_theirs() -> None:
    """Who presses is checked like who types; a host may everywhere."""
    policy = AccessPolicy(STEPS, own=OWN)
    invocation = CATALOG.parse("bookinfo off")

    def confirms(who: Caller, namespace: str) -> bool:
        try:
            policy.check_command(invocation, who, "C1", what=TITLE, namespace=namespace)
        except AccessDenied:
            return False
        return True

    assert confirms(caller(policy), "bookinfo-u0alice")
    assert not confirms(caller(policy), "bookinfo-u0bob")
    assert confirms(caller(policy, Role.HOST), "bookinfo-u0bob")


def test_a_role_that_is_required_is_required() -> None:
    """Whatever the step needs by itself, as for schedules."""
    policy = AccessPolicy(STEPS)
    policy.require_role(Role.HOST, caller(policy, Role.ADMIN), what=TITLE)
    with pytest.raises(AccessDenied):
        policy.require_role(Role.HOST, caller(policy), what=TITLE)


@pytest.mark.parametrize(
    ("namespace", "protected", "owned"),
    [
        ("bookinfo", False, True),
        ("kubernetes-dashboard", False, True),
        ("default", False, False),
        ("kube-system", True, False),
        ("kube-anything", True, False),
        ("istio-ingress", True, False),
        ("mesh", True, False),
        ("meshbot", True, False),
    ],
)
def test_kubernetes_the_mesh_and_the_bot_keep_their_namespaces(
    namespace: str, protected: bool, owned: bool
) -> None:
    """The workshop's application has no place there, and `default` is nobody's own."""
    kept = ProtectedNamespaces(frozenset({"mesh", "meshbot"}))
    assert (namespace in kept, kept.may_be_owned(namespace)) == (protected, owned)
