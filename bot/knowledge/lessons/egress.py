"""What leaves the mesh: hosts that it does not know pass, are refused, or are admitted one by one.

The outbound policy is a Sidecar's (`outboundTrafficPolicy`) and acts in the sidecar of whoever
asks. ztunnel has none (Istio 1.23 and 1.30).
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.kinds import SERVICE_ENTRY, SIDECAR, Object
from bot.knowledge.lessons.entry import NO_STATUS, ask_status, build_request
from bot.knowledge.lessons.looks import Look, Looker, look_until_all_hold
from bot.knowledge.lessons.mutual_tls import is_strict
from bot.knowledge.lessons.prerequisites import check_members
from bot.knowledge.lessons.strangers import (
    NOBODY_KNOWS,
    PASSES,
    POLICY_NAME,
    REFUSES,
    STRANGERS,
    build_entry,
    build_outbound_policy,
    find_strangers,
    get_export,
    hide_services,
    judge_export,
)
from bot.knowledge.objects.conflicts import (
    ObjectConflict,
    build_plan,
    find_write_conflicts,
    judge_deletion,
)
from bot.knowledge.objects.diff import describe_object
from bot.knowledge.objects.mesh_pods import is_captured
from bot.knowledge.objects.ownership import is_own
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.objects.workloads import get_name
from bot.knowledge.routing.enforce import (
    apply_rules,
    build_unchanged_verdict,
    delete_found_rules,
    link_to_rules,
)
from bot.knowledge.snapshot import Snapshot, take_snapshot
from bot.steps import Context, Plan, State, Verdict
from bot.text import EMPTY, Listed, Text, join

REFUSED = 502
"""What a sidecar answers itself under REGISTRY_ONLY, before any network is used: Envoy's route
`block_all` (Istio 1.23 and 1.30)."""
OK = 200
NOTE = Text(
    "{strangers} stand for hosts out of the cluster: Kubernetes knows their names, the mesh does "
    "not. So nothing here needs the Internet.",
    strangers=Listed(STRANGERS, "and"),
)
NO_FIREWALL = Text(
    "It is no firewall: who goes around the sidecar is not held. For that are NetworkPolicies and "
    "an egress gateway."
)


@dataclass(frozen=True)
class Egress:
    """What becomes of hosts that the mesh does not know; `admitted` is the one that it learns."""

    mode: str
    admitted: str = ""

    @property
    def words(self) -> Text:
        """What holds, as a sentence."""
        if self.mode == PASSES:
            return Text(
                "hosts that the mesh does not know pass: {strangers} answer.",
                strangers=Listed(STRANGERS, "and"),
            )
        if not self.admitted:
            return Text(
                "hosts that the mesh does not know are refused: {strangers} get 502.",
                strangers=Listed(STRANGERS, "and"),
            )
        return Text(
            "of the hosts that the mesh did not know just {host} is admitted; {other} gets 502.",
            host=self.admitted,
            other=next(name for name in STRANGERS if name != self.admitted),
        )

    def expect_status(self, name: str) -> int:
        """Return the status that productpage gets of a host."""
        return OK if self.mode == PASSES or name == self.admitted else REFUSED

    def build_objects(self, namespace: str) -> list[Object]:
        """Return the objects that make it so."""
        entries = [build_entry(namespace, self.admitted)] if self.admitted else []
        return [*entries, build_outbound_policy(namespace, self.mode)]


async def plan_policy(context: Context, egress: Egress) -> Plan | None:
    """Return what others lose by the policy; None when they lose nothing."""
    if await check_prerequisites(context, await take_snapshot(context)) is not None:
        return None
    wanted = egress.build_objects(context.workshop.app_namespace)
    found = await find_write_conflicts(context, wanted, exact=True)
    found += await find_export_conflicts(context, hidden=True)
    return build_plan(context, found, egress.words)


async def plan_end(context: Context) -> Plan | None:
    """Return what others lose with the policy and the entries; None when they lose nothing."""
    lost = [found for each in await find_made(context) if (found := judge_deletion(each))]
    lost += await find_export_conflicts(context, hidden=False)
    return build_plan(context, lost, Text("the mesh's own outbound policy holds again."))


async def find_export_conflicts(context: Context, *, hidden: bool) -> list[ObjectConflict]:
    """Return what others lose when the hosts become strangers, or known again."""
    services = [
        each
        for each in await find_strangers(context)
        if (get_export(each) == NOBODY_KNOWS) is not hidden
    ]
    return [found for each in services if (found := judge_export(each, hidden=hidden))]


async def check_prerequisites(context: Context, now: Snapshot) -> Verdict | None:
    """Return a verdict when no policy could be shown, else None."""
    if (verdict := check_members(context, now)) is not None:
        return verdict
    if any(map(is_captured, now.app_pods)):
        because = Text(
            "an outbound policy acts in a sidecar. ztunnel passes on what it does not know; in "
            "ambient mode an egress gateway or NetworkPolicies hold it back."
        )
        return build_unchanged_verdict(context, because, "inject")
    if other := await find_other_policy(context):
        because = Text(
            "{object} says already what sidecars here know, and of two the older one counts.",
            object=describe_object(other),
        )
        return build_unchanged_verdict(context, because, "why")
    return await check_strangers(context)


async def find_other_policy(context: Context) -> Object | None:
    """Return a Sidecar of the namespace that is not the lesson's; None where there is none."""
    found = await context.cluster.find(SIDECAR, context.workshop.app_namespace)
    return next((each for each in found if get_name(each) != POLICY_NAME), None)


async def check_strangers(context: Context) -> Verdict | None:
    """Return a verdict when the hosts that are asked could not be strangers, else None."""
    services = await find_strangers(context)
    missing = sorted(set(STRANGERS) - set(map(get_name, services)))
    if missing:
        because = Text("there is no Service {names}.", names=Listed(missing, "comma"))
        return build_unchanged_verdict(context, because, "bookinfo")
    for service in services:
        name, told = get_name(service), get_export(service)
        if told not in ("", NOBODY_KNOWS):
            because = Text(
                "Service {name} says itself who knows it (exportTo: {value}).",
                name=name,
                value=told,
            )
            return build_unchanged_verdict(context, because)
        if await is_strict(context, name):
            because = Text(
                "{name} takes mutual TLS alone, and what leaves the mesh is plain text: it would "
                "be cut off whatever the policy.",
                name=name,
            )
            return build_unchanged_verdict(context, because, "mtls off")
    return None


async def set_policy(context: Context, egress: Egress) -> Verdict:
    """Make the hosts strangers, write the policy, and let productpage ask them."""
    now = await take_snapshot(context)
    if (verdict := await check_prerequisites(context, now)) is not None:
        return verdict
    wanted = egress.build_objects(context.workshop.app_namespace)
    kept = {(each["kind"], get_name(each)) for each in wanted}
    old = [each for each in await find_made(context) if (each["kind"], get_name(each)) not in kept]
    changes = [
        *await hide_services(context, await find_strangers(context), hidden=True),
        *await apply_rules(context, wanted),
        *await delete_found_rules(context, old),
    ]
    proof = await look_until_all_hold(
        context, *(look_at_host(context, now, name, egress) for name in STRANGERS)
    )
    evidence = (*(changes or [Text("the rules were already so")]), *proof.lines)
    links, lines = await link_to_rules(context, wanted, STRANGERS[-1])
    if not proof.holds:
        words = Text("the policy is applied, its effect was not seen.")
        following = suggest_commands(context, "why", "egress off", "status")
        return Verdict(State.NOT_YET, words, proof.because, evidence, links, following, lines)
    unchanged = not changes and not context.resumed
    already = Text("It was already so; nothing was changed.") if unchanged else EMPTY
    return Verdict(
        State.DONE,
        join("sentences", egress.words, already),
        evidence=evidence,
        links=links,
        next=suggest_commands(context, *suggest_following(egress)),
        lines=lines,
        notes=(NOTE,) if egress.mode == PASSES else (NOTE, NO_FIREWALL),
    )


def suggest_following(egress: Egress) -> tuple[str, ...]:
    """Return the commands that come after a policy."""
    if egress.mode == PASSES:
        return ("egress closed", "graph", "egress off")
    if not egress.admitted:
        return ("egress admit ratings", "graph", "egress off")
    return ("graph", "egress off")


def look_at_host(context: Context, now: Snapshot, name: str, egress: Egress) -> Looker:
    """Return a look at what productpage gets of a host, through its own sidecar."""
    request, wanted = build_request(context, now, name), egress.expect_status(name)

    async def look() -> Look:
        status = await ask_status(context, request)
        if status == NO_STATUS:
            silent = Text("productpage's API does not answer.")
            return Look(False, (silent,), silent)
        line = (
            Text(
                "productpage asks {host}: status {status}, of its own sidecar",
                host=name,
                status=status,
            )
            if status == REFUSED
            else Text("productpage asks {host}: status {status}", host=name, status=status)
        )
        because = Text(
            "productpage gets {status} of {host}, not {wanted}.",
            status=status,
            host=name,
            wanted=wanted,
        )
        return Look(status == wanted, (line,), because)

    return look


async def find_made(context: Context) -> list[Object]:
    """Return the namespace's Sidecar by the lesson's name, and the entries that the step made."""
    namespace = context.workshop.app_namespace
    policies = await context.cluster.find(SIDECAR, namespace)
    entries = await context.cluster.find(SERVICE_ENTRY, namespace)
    return [
        *(each for each in entries if get_name(each) in STRANGERS and is_own(each)),
        *(each for each in policies if get_name(each) == POLICY_NAME and is_own(each)),
    ]


async def end_policy(context: Context) -> Verdict:
    """Take the policy and the entries away, make the hosts known again, and ask them."""
    hidden = [s for s in await find_strangers(context) if get_export(s) == NOBODY_KNOWS]
    # Known first: under the policy that still holds, nothing is refused in between.
    changes = await hide_services(context, hidden, hidden=False)
    changes += await delete_found_rules(context, await find_made(context))
    following = suggest_commands(context, "egress closed", "status")
    if not (changes or context.resumed):
        words = Text("no outbound policy of mine is in force; nothing was changed.")
        return Verdict(State.DONE, words, next=following)
    words = Text("the mesh knows all of Bookinfo again, and its own outbound policy holds.")
    now = await take_snapshot(context)
    if check_members(context, now) is not None:
        return Verdict(State.DONE, words, evidence=tuple(changes), next=following)
    known = Egress(PASSES)
    proof = await look_until_all_hold(
        context, *(look_at_host(context, now, name, known) for name in STRANGERS)
    )
    evidence = (*changes, *proof.lines)
    if not proof.holds:
        summary = Text("the policy is removed, but that was not seen.")
        return Verdict(State.NOT_YET, summary, proof.because, evidence, next=following)
    return Verdict(State.DONE, words, evidence=evidence, next=following)


MODES = {"open": PASSES, "closed": REFUSES, "admit": REFUSES}
"""What is typed, and the mode of the Sidecar."""
