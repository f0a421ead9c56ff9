"""Which connections the application's pods take: mutual TLS alone, or plain text as well.

That is a PeerAuthentication of the whole namespace. Sidecars and ztunnel enforce it where a
connection arrives (Istio 1.23 and 1.30).
"""

from __future__ import annotations

import contextlib

from bot.errors import Forbidden
from bot.kinds import AUTHORIZATION_POLICY, PEER_AUTHENTICATION, Object
from bot.knowledge.lessons.looks import Proof, look_at_pages, look_until_all_hold
from bot.knowledge.lessons.outside import look_from_outside
from bot.knowledge.lessons.prerequisites import check_gateway, check_members
from bot.knowledge.objects.conflicts import build_plan, find_write_conflicts, judge_deletion
from bot.knowledge.objects.diff import describe_object
from bot.knowledge.objects.mesh_pods import is_captured
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.objects.workloads import get_name
from bot.knowledge.routing.enforce import apply_rules, delete_found_rules, link_to_rules
from bot.knowledge.routing.fault_proof import has_reviews_everywhere
from bot.knowledge.routing.manifests import build_object
from bot.knowledge.routing.request_proof import NOBODY, Expectation
from bot.knowledge.snapshot import Snapshot, take_snapshot
from bot.steps import Context, Plan, State, Verdict
from bot.text import EMPTY, Listed, Text, join

NAME = "default"
"""What Istio's documentation calls the policy of a whole namespace."""
STRICT, PERMISSIVE = "strict", "permissive"
ASKED = ("productpage", "details", "reviews", "ratings")
"""The applications that may be asked from outside. The gateway asks the first as well, so that
nothing but the caller differs."""
EFFECTS = {
    STRICT: Text("pods take mutual TLS alone: a caller outside the mesh is refused."),
    PERMISSIVE: Text("pods take mutual TLS and plain text: a caller outside the mesh is answered."),
}
NODE_NOTE = Text(
    "In ambient mode a connection from a pod's own node counts as a probe of the kubelet, and "
    "ztunnel lets it in whatever the mode. The API server, through which I ask from outside, "
    "seems to run on such a node."
)
"""Istio 1.23 and 1.30: istio-cni gives what a process of the node sends to a captured pod the
source 169.254.7.127, which is not redirected to ztunnel."""


def build_policy(namespace: str, mode: str) -> Object:
    """Return the PeerAuthentication of the namespace."""
    return build_object(PEER_AUTHENTICATION, NAME, namespace, {"mtls": {"mode": mode.upper()}})


async def plan_mode(context: Context, mode: str) -> Plan | None:
    """Return what others lose by the mode, or by its end (`off`); None when they lose nothing."""
    if mode == "off":
        live = await get_policy(context)
        lost = judge_deletion(live) if live else None
        return build_plan(context, [lost] if lost else [], Text("the namespace asks for nothing."))
    now = await take_snapshot(context)
    if check_prerequisites(context, now, mode) is not None:
        return None
    wanted = build_policy(context.workshop.app_namespace, mode)
    found = await find_write_conflicts(context, [wanted], exact=True)
    return build_plan(context, found, EFFECTS[mode])


def check_prerequisites(context: Context, now: Snapshot, mode: str) -> Verdict | None:
    """Return a verdict when a mode could not be proven or would shut pods out, else None."""
    if (verdict := check_members(context, now)) is not None:
        return verdict
    return check_gateway(context, now) if mode == STRICT else None


async def get_policy(context: Context) -> Object | None:
    """Return the namespace's own PeerAuthentication, None when there is none."""
    return await context.cluster.get(PEER_AUTHENTICATION, NAME, context.workshop.app_namespace)


async def set_mode(context: Context, mode: str) -> Verdict:
    """Write the mode, then ask from inside and from outside the mesh."""
    now = await take_snapshot(context)
    if (verdict := check_prerequisites(context, now, mode)) is not None:
        return verdict
    wanted = build_policy(context.workshop.app_namespace, mode)
    changes = await apply_rules(context, [wanted])
    asked = await choose_asked(context)
    proof = await look_from_both_sides(context, asked, refused=mode == STRICT)
    evidence = (*(changes or [Text("the rule was already so")]), *proof.lines)
    links, lines = await link_to_rules(context, [wanted], asked)
    following = suggest_commands(
        context, "mtls permissive" if mode == STRICT else "mtls strict", "mtls off", "why"
    )
    if not proof.holds:
        return await explain_unseen(context, now, proof, mode, evidence)
    unchanged = not changes and not context.resumed
    already = Text("It was already so; nothing was changed.") if unchanged else EMPTY
    return Verdict(
        State.DONE,
        join("sentences", EFFECTS[mode], already),
        evidence=evidence,
        links=links,
        next=following,
        lines=lines,
        notes=(
            Text(
                "The page came through the gateway, which is in the mesh; from outside a pod was "
                "asked in plain text through the API server, which is not."
            ),
        ),
    )


async def choose_asked(context: Context) -> str:
    """Return the application to ask from outside: one that no AuthorizationPolicy protects, so that
    a refusal is of mutual TLS alone; the first where there is none.
    """
    found = await context.cluster.find(AUTHORIZATION_POLICY, context.workshop.app_namespace)
    chosen = [(p["spec"].get("selector") or {}).get("matchLabels") or {} for p in found]
    limited = {labels.get("app", "") for labels in chosen}
    return next((app for app in ASKED if app not in limited), ASKED[0])


async def look_from_both_sides(context: Context, asked: str, *, refused: bool) -> Proof:
    """Look at pages, and ask from outside the mesh, until both are as expected."""
    whole = Expectation(NOBODY, Text("whole pages"), has_reviews_everywhere)
    return await look_until_all_hold(
        context,
        look_at_pages(context, whole),
        look_from_outside(context, asked, refused=refused),
    )


async def explain_unseen(
    context: Context, now: Snapshot, proof: Proof, mode: str, evidence: tuple[Text, ...]
) -> Verdict:
    """Return the verdict when the mode is applied and its effect was not seen."""
    following = suggest_commands(context, "why", "mtls off", "status")
    if mode == STRICT and is_let_in_by_node(now, proof):
        words = Text("strict mutual TLS is asked for; from here that cannot be shown.")
        return Verdict(State.NORMAL, words, NODE_NOTE, evidence, next=following)
    others = await list_other_policies(context)
    because = proof.because
    if others and proof.looks[0].holds:
        named = Listed(map(describe_policy, others))
        because = Text("other policies decide as well: {policies}.", policies=named)
    words = Text("the mode is applied, its effect was not seen.")
    return Verdict(State.NOT_YET, words, because, evidence, next=following)


def is_let_in_by_node(now: Snapshot, proof: Proof) -> bool:
    """Tell whether all is well inside the ambient mesh, and only the caller outside was let in, for
    whom the second look is.
    """
    pages, outside, *inside = proof.looks
    well = pages.holds and all(look.holds for look in inside)
    return well and not outside.holds and all(map(is_captured, now.app_pods))


async def list_policies(context: Context) -> list[Object]:
    """Return the PeerAuthentications of the application's namespace, then those of the mesh's,
    without the latter where they may not be read.
    """
    own, shared = context.workshop.app_namespace, context.workshop.mesh_namespace
    found = await context.cluster.find(PEER_AUTHENTICATION, own)
    with contextlib.suppress(Forbidden):
        found = [*found, *await context.cluster.find(PEER_AUTHENTICATION, shared)]
    return found


async def list_other_policies(context: Context) -> list[Object]:
    """Return the PeerAuthentications that may decide beside the one that this step writes."""
    own = context.workshop.app_namespace
    found = await list_policies(context)
    return [p for p in found if (get_name(p), p["metadata"]["namespace"]) != (NAME, own)]


async def is_strict(context: Context, app: str) -> bool:
    """Tell whether an application's pods take mutual TLS alone: by a policy of theirs, or else of
    the namespace, or else of the mesh; UNSET inherits (Istio 1.23 and 1.30).
    """
    ranked = dict[int, str]()
    for policy in await list_policies(context):
        spec, home = policy.get("spec") or {}, policy["metadata"]["namespace"]
        labels = (spec.get("selector") or {}).get("matchLabels") or {}
        mode = str((spec.get("mtls") or {}).get("mode") or "UNSET")
        if mode == "UNSET" or (labels and labels.get("app") != app):
            continue
        own = home == context.workshop.app_namespace
        if own or not labels:
            ranked.setdefault((2 if labels else 1) if own else 0, mode)
    return bool(ranked) and ranked[max(ranked)] == "STRICT"


def describe_policy(policy: Object) -> Text:
    """Return a policy with its namespace and mode."""
    return Text(
        "{object} in {namespace} ({mode})",
        object=describe_object(policy),
        namespace=policy["metadata"]["namespace"],
        mode=str((policy["spec"].get("mtls") or {}).get("mode", "UNSET")),
    )


async def remove_mode(context: Context) -> Verdict:
    """Delete the namespace's policy, and ask from both sides again."""
    live = await get_policy(context)
    gone = await delete_found_rules(context, [live] if live else [])
    following = suggest_commands(context, "mtls strict", "status")
    if not (gone or context.resumed):
        words = Text("the namespace had no mode of its own; nothing was changed.")
        return Verdict(State.DONE, words, next=following)
    others = await list_other_policies(context)
    words = Text("the namespace has no mode of its own: pods take what the mesh says.")
    now = await take_snapshot(context)
    if others or check_members(context, now) is not None:
        told = [Text("in force: {policy}", policy=describe_policy(each)) for each in others]
        return Verdict(State.DONE, words, evidence=(*gone, *told), next=following)
    proof = await look_from_both_sides(context, await choose_asked(context), refused=False)
    evidence = (*gone, *proof.lines)
    if not proof.holds:
        summary = Text("the mode is removed, but that was not seen.")
        return Verdict(State.NOT_YET, summary, proof.because, evidence, next=following)
    return Verdict(State.DONE, words, evidence=evidence, next=following)
