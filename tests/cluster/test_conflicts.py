"""What others set in an object, found before it is written and gone only when asked: on a real
control plane and on the embedded cluster alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.cluster import KubernetesCluster
from bot.errors import NotFound, UserError
from bot.kinds import SERVICE, Kind, Object
from bot.knowledge.objects.conflicts import (
    ObjectConflict,
    build_plan,
    find_write_conflicts,
    judge_deletion,
    judge_labels,
    require_confirmed,
)
from bot.knowledge.objects.desired import extract_desired_state, extract_restorable_state
from bot.knowledge.objects.ownership import is_meaningful, list_foreign_owners, owns
from bot.knowledge.objects.writes import compare_write, write_object
from bot.steps import Context
from bot.text import verbatim
from tests.cluster.test_contract import definition
from tests.knowledge.observe.stage import asking

RULE = Kind("rules.example.test", "v1", "rules", "Rule")
MADE_BY = "kubectl-client-side-apply"


def rule(namespace: str, **spec: Any) -> Object:
    """A rule of that type."""
    meta = {"name": "reviews", "namespace": namespace}
    return {"apiVersion": RULE.api_version, "kind": RULE.kind, "metadata": meta, "spec": spec}


def with_notes(obj: Object, **notes: dict[str, str]) -> Object:
    """The object with labels or annotations."""
    return {**obj, "metadata": {**obj["metadata"], **notes}}


@pytest.fixture
async def context(
    cluster: KubernetesCluster, namespace: str, tmp_path: Path
) -> AsyncIterator[Context]:
    """A step's context in front of a cluster that serves rules; their type stays for other tests."""
    await cluster.apply(definition(RULE))
    async with asyncio.timeout(40):
        await wait_until_served(cluster, namespace)
    (tmp_path / "bot").mkdir()
    async with asking({}, tmp_path / "bot") as made:
        yield replace(made, cluster=cluster)


async def wait_until_served(cluster: KubernetesCluster, namespace: str) -> None:
    """Wait until rules can be written: some time after their definition."""
    while True:
        try:
            await cluster.apply(rule(namespace, hosts=["none"]), dry_run=True)
        except NotFound:
            await asyncio.sleep(0.05)
        else:
            return


async def find_conflict(context: Context, wanted: Object) -> ObjectConflict | None:
    """What writing one object takes from others."""
    return next(iter(await find_write_conflicts(context, [wanted], exact=True)), None)


async def write_exactly(context: Context, wanted: Object) -> Object:
    """Write an object exactly, and return it as it is then."""
    await write_object(context, await compare_write(context, wanted, exact=True))
    live = await context.cluster.get(RULE, "reviews", wanted["metadata"]["namespace"])
    assert live is not None
    return live


async def test_fields_that_others_set_are_lost_only_when_asked(
    context: Context, namespace: str
) -> None:
    """They are named with who set them, although applying would leave them; replaced, the object is
    what was asked, and its next change is nobody else's loss."""
    theirs = rule(namespace, hosts=["reviews"], gateways=["g"], exportTo=["."], http=[{"a": 1}])
    await context.cluster.apply(theirs, manager=MADE_BY)
    wanted = rule(namespace, hosts=["reviews"], http=[{"a": 2}])
    found = await find_conflict(context, wanted)
    assert found is not None
    assert found.managers == (MADE_BY,)
    assert sorted(map(str, found.changes)) == [
        "exportTo: [.] → nothing",
        "gateways: [g] → nothing",
        "http[0].a: 1 → 2",
    ]
    live = await write_exactly(context, wanted)
    assert live["spec"] == wanted["spec"]
    assert await find_conflict(context, rule(namespace, hosts=["x"], http=[])) is None
    assert judge_deletion(live) is None


async def test_what_is_as_asked_stays_whose_it_is(context: Context, namespace: str) -> None:
    """Nothing is written where nothing differs: the object is still not the bot's, and its deletion
    is asked about."""
    theirs = rule(namespace, hosts=["reviews"])
    await context.cluster.apply(theirs, manager=MADE_BY)
    assert await find_conflict(context, theirs) is None
    live = await write_exactly(context, theirs)
    found = judge_deletion(live)
    assert found is not None
    assert str(found.words) == f"deletes Rule reviews, set by {MADE_BY}"
    assert [str(line) for line in found.lines[1:]] == ["◦ hosts"]


async def test_a_field_that_others_changed_in_a_rule_of_the_bot(
    context: Context, namespace: str
) -> None:
    """Only that field is theirs; what the bot set is changed without a question."""
    await context.cluster.apply(rule(namespace, hosts=["reviews"], http=[{"a": 1}]))
    await context.cluster.apply(rule(namespace, policy={"b": 1}), manager="kubectl-edit")
    await context.cluster.apply(rule(namespace, http=[{"a": 3}]), manager="helm", force=True)
    found = await find_conflict(context, rule(namespace, hosts=["other"], http=[{"a": 2}]))
    assert found is not None
    assert sorted(map(str, found.changes)) == ["http[0].a: 3 → 2", "policy: {b: 1} → nothing"]
    assert sorted(found.managers) == ["helm", "kubectl-edit"]


async def test_notes_stay_unless_they_mean_something(context: Context, namespace: str) -> None:
    """Labels and annotations of others are kept, but for those that Istio acts upon."""
    labels = {"team": "a", "istio.io/rev": "canary"}
    notes = {"argocd.argoproj.io/tracking-id": "x"}
    theirs = with_notes(rule(namespace, hosts=["reviews"]), labels=labels, annotations=notes)
    await context.cluster.apply(theirs, manager="argocd-controller")
    wanted = rule(namespace, hosts=["reviews"])
    found = await find_conflict(context, wanted)
    assert found is not None
    assert list(map(str, found.changes)) == ["metadata.labels.istio.io/rev: canary → nothing"]
    live = await write_exactly(context, wanted)
    assert (live["metadata"]["labels"], live["metadata"]["annotations"]) == ({"team": "a"}, notes)


async def test_what_a_controller_of_the_mesh_noted_stays(context: Context, namespace: str) -> None:
    """istiod's own annotation is nobody's rule."""
    note = {"gateway.istio.io/controller-version": "5"}
    await context.cluster.apply(rule(namespace, hosts=["reviews"]))
    await context.cluster.apply(
        with_notes(rule(namespace), annotations=note), manager="istio.io/gateway-controller"
    )
    wanted = rule(namespace, hosts=["other"])
    assert await find_conflict(context, wanted) is None
    live = await write_exactly(context, wanted)
    assert live["metadata"]["annotations"] == note
    assert judge_deletion(live) is None


async def test_an_object_that_does_not_say_whose_it_is(context: Context, namespace: str) -> None:
    """Without managedFields all of it is taken for somebody's."""
    await context.cluster.apply(rule(namespace, hosts=["reviews"]), manager=MADE_BY)
    nobody: Object = {"metadata": {"managedFields": [{}]}}
    live = await context.cluster.merge(RULE, "reviews", namespace, nobody)
    assert "managedFields" not in live["metadata"]
    found = await find_conflict(context, rule(namespace, hosts=["other"]))
    assert found is not None
    assert str(found.words) == "changes Rule reviews; it does not say who made it"
    assert judge_deletion(live) is not None


async def test_what_undo_puts_back_belongs_to_whom_it_belonged(
    context: Context, namespace: str
) -> None:
    """A deleted object and a replaced one are restored with their managers: the bot does not take
    them for its own afterwards."""
    theirs = rule(namespace, hosts=["reviews"], gateways=["g"])
    image = extract_restorable_state(await context.cluster.apply(theirs, manager=MADE_BY))
    await write_exactly(context, rule(namespace, hosts=["other"]))
    for _ in ("replaced", "deleted"):
        live = await context.cluster.put(image)
        assert extract_desired_state(live)["spec"] == theirs["spec"]
        assert [owner.manager for owner in list_foreign_owners(live)] == [MADE_BY]
        entries = [(e["manager"], e["operation"]) for e in live["metadata"]["managedFields"]]
        assert entries == [(MADE_BY, "Apply")]
        await context.cluster.delete(RULE, "reviews", namespace)


async def test_a_dry_run_of_a_replacement_changes_nothing(context: Context, namespace: str) -> None:
    """It answers what would be there, with an object and without."""
    wanted = rule(namespace, hosts=["reviews"])
    assert (await context.cluster.put(wanted, dry_run=True))["spec"] == wanted["spec"]
    assert await context.cluster.get(RULE, "reviews", namespace) is None
    before = await context.cluster.apply(wanted)
    other = rule(namespace, hosts=["other"])
    assert (await context.cluster.put(other, dry_run=True))["spec"] == other["spec"]
    assert await context.cluster.get(RULE, "reviews", namespace) == before


async def test_a_service_is_replaced_without_its_address(context: Context, namespace: str) -> None:
    """Kubernetes keeps the address of a Service that is replaced; a port of others goes."""
    ports = [{"name": "http", "port": 9080, "protocol": "TCP", "targetPort": 9080}]
    meta = {"name": "reviews-v1", "namespace": namespace}
    spec = {"selector": {"app": "reviews"}, "ports": ports}
    wanted: Object = {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}
    more = {"name": "admin", "port": 1, "protocol": "TCP", "targetPort": 1}
    theirs = {**wanted, "spec": {**spec, "ports": [*ports, more]}}
    made = await context.cluster.apply(theirs, manager=MADE_BY)
    await write_object(context, await compare_write(context, wanted, exact=True))
    live = await context.cluster.get(SERVICE, "reviews-v1", namespace)
    assert live is not None
    assert live["spec"]["clusterIP"] == made["spec"]["clusterIP"]
    assert [port["name"] for port in live["spec"]["ports"]] == ["http"]


def test_items_of_lists_are_found_by_their_keys() -> None:
    """As managedFields names them: by keys, by value and by number."""
    obj = {"spec": {"ports": [{"port": 1, "a": 0}, {"port": 2, "a": 0}], "set": ["x", "y"]}}
    fields = {"f:spec": {"f:ports": {'k:{"port":2}': {"f:a": {}}}, "f:set": {'v:"y"': {}}}}
    assert owns(fields, obj, ("spec", "ports", 1, "a"))
    assert not owns(fields, obj, ("spec", "ports", 0, "a"))
    assert owns(fields, obj, ("spec", "set", 1))
    assert not owns(fields, obj, ("spec", "set", 0))
    assert owns({"f:spec": {"f:http": {}}}, {"spec": {"http": [{}]}}, ("spec", "http", 0, "route"))


@pytest.mark.parametrize(
    ("key", "meaningful"),
    [
        ("istio.io/rev", True),
        ("networking.istio.io/service-type", True),
        ("gateway.networking.k8s.io/gateway-name", True),
        ("kubernetes.io/service-account.name", True),
        ("kubectl.kubernetes.io/last-applied-configuration", False),
        ("app.kubernetes.io/managed-by", False),
        ("kiali_wizard", False),
        ("meta.helm.sh/release-name", False),
        ("notistio.io/rev", False),
    ],
)
def test_which_notes_mean_something(key: str, *, meaningful: bool) -> None:
    """Only what Kubernetes or Istio act upon."""
    assert is_meaningful(key) is meaningful


def test_labels_of_others_are_named() -> None:
    """A label that others set to something else is theirs; one of the bot, one that is as wanted
    and one that is not there are not."""
    labels = {"istio-injection": "disabled", "istio.io/rev": "canary", "a": "b"}
    theirs: Object = {"f:metadata": {"f:labels": {"f:istio-injection": {}, "f:a": {}}}}
    own: Object = {"f:metadata": {"f:labels": {"f:istio.io/rev": {}}}}
    entries = [
        {"manager": "kubectl-label", "fieldsV1": theirs},
        {"manager": "meshbot", "fieldsV1": own},
    ]
    meta = {"name": "bookinfo", "labels": labels, "managedFields": entries}
    wanted = {"istio-injection": "enabled", "istio.io/rev": None, "a": "b", "new": "1"}
    found = judge_labels({"kind": "Namespace", "metadata": meta}, wanted)
    assert found is not None
    assert found.managers == ("kubectl-label",)
    assert list(map(str, found.changes)) == ["label.istio-injection: disabled → enabled"]


async def test_the_question_lists_every_loss(context: Context, namespace: str) -> None:
    """Its digest is that of the losses; without any there is no question."""
    await context.cluster.apply(rule(namespace, hosts=["a"], gateways=["g"]), manager=MADE_BY)
    found = await find_write_conflicts(context, [rule(namespace, hosts=["b"])], exact=True)
    plan = build_plan(context, found)
    assert plan is not None
    assert str(plan.items[0]) == f"changes Rule reviews, set by {MADE_BY}"
    assert sorted(map(str, plan.items[1:])) == [
        "◦ gateways: [g] → nothing",
        "◦ hosts[0]: a → b",
    ]
    assert build_plan(context, []) is None
    assert build_plan(context, found) == plan


async def test_one_confirmation_is_no_leave_for_another_loss(tmp_path: Path) -> None:
    """What was shown and confirmed is taken; what somebody set since, and the same object with
    another loss, is not."""
    shown = ObjectConflict("VirtualService reviews", ("kubectl",), (verbatim("hosts: a → b"),))
    other = replace(shown, changes=(verbatim("hosts: c → b"),))
    async with asking({}, tmp_path) as made:
        confirmed = replace(made, confirmed=(shown.id,))
        require_confirmed(confirmed, shown)
        require_confirmed(made, None)
        for context, loss in ((confirmed, other), (made, shown)):
            with pytest.raises(UserError, match="nobody was asked about it"):
                require_confirmed(context, loss)
