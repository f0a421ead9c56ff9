"""Letting only some callers ask an application, proven from both sides."""

from __future__ import annotations

from collections.abc import Sequence

from bot.kinds import AUTHORIZATION_POLICY, Object
from bot.knowledge.lessons.caller_words import (
    CALLERS,
    Admission,
    build_policies,
    find_principals,
    list_policy_names,
)
from bot.knowledge.lessons.entry import NO_STATUS, ask_status, build_request
from bot.knowledge.lessons.looks import Look, Looker, Proof, look_at_pages, look_until_all_hold
from bot.knowledge.lessons.mutual_tls import NODE_NOTE, is_let_in_by_node, is_strict
from bot.knowledge.lessons.outside import ask_from_outside, look_from_outside
from bot.knowledge.lessons.prerequisites import check_gateway, check_members
from bot.knowledge.objects.conflicts import build_plan, find_write_conflicts, judge_deletion
from bot.knowledge.objects.ownership import is_own
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.objects.workloads import get_name
from bot.knowledge.routing.enforce import (
    apply_rules,
    build_unchanged_verdict,
    delete_found_rules,
    link_to_rules,
)
from bot.knowledge.routing.fault_proof import has_reviews_everywhere
from bot.knowledge.routing.manifests import DataPath, find_data_path
from bot.knowledge.routing.request_proof import NOBODY, Expectation, count_pages
from bot.knowledge.snapshot import Snapshot, take_snapshot
from bot.ports import TrafficReport
from bot.steps import Context, Plan, State, Verdict
from bot.text import EMPTY, Listed, Text, join

STRICT_NOTE = Text(
    "with strict mutual TLS a caller outside the mesh is cut off before any policy is asked, so "
    "that nothing here shows the refusal."
)


async def plan_admission(context: Context, admission: Admission) -> Plan | None:
    """Return what others lose by the policies; None when they lose nothing."""
    now = await take_snapshot(context)
    if check_prerequisites(context, now, admission) is not None:
        return None
    wanted = build_policies(now, find_data_path(now), admission)
    found = await find_write_conflicts(context, wanted, exact=True)
    return build_plan(context, found, admission.words)


async def plan_end(context: Context, services: Sequence[str]) -> Plan | None:
    """Return what others lose with the policies of these applications; None for nothing."""
    chosen = await find_policies(context, services)
    lost = [found for policy in chosen if (found := judge_deletion(policy))]
    words = Text("everybody may ask {services} again.", services=Listed(services, "and"))
    return build_plan(context, lost, words)


def check_prerequisites(context: Context, now: Snapshot, admission: Admission) -> Verdict | None:
    """Return a verdict when the policies could not be proven or would shut pods out, else None."""
    if (verdict := check_members(context, now)) is not None:
        return verdict
    if admission.service == "productpage":
        return check_gateway(context, now)
    if not find_principals(now, admission.callers):
        callers = Listed(admission.callers, "comma")
        because = Text("no pod of {callers} runs that could be let in.", callers=callers)
        return build_unchanged_verdict(context, because, "bookinfo")
    return None


async def admit_callers(context: Context, admission: Admission) -> Verdict:
    """Write the policies, then ask as those who may and as those who may not."""
    now = await take_snapshot(context)
    if (verdict := check_prerequisites(context, now, admission)) is not None:
        return verdict
    path = find_data_path(now)
    wanted = build_policies(now, path, admission)
    changes = await apply_rules(context, wanted)
    strict = await is_strict(context, admission.service)
    proof = await look_until_all_hold(
        context,
        look_at_pages(context, expect_pages(admission)),
        look_from_outside(context, admission.service, refused=True),
        *look_from_productpage(context, now, admission),
    )
    evidence = (*(changes or [Text("the rule was already so")]), *proof.lines)
    links, lines = await link_to_rules(context, wanted, admission.service)
    following = suggest_commands(context, "why", f"authorize {admission.service} off", "graph")
    if not proof.holds:
        return explain_unseen(context, now, proof, evidence)
    if strict and len(proof.looks) < 3:
        words = Text("the callers of {service} are limited.", service=admission.service)
        following = suggest_commands(context, "mtls permissive", "authorize off")
        return Verdict(State.NORMAL, words, STRICT_NOTE, evidence, links, following, lines)
    unchanged = not changes and not context.resumed
    already = Text("It was already so; nothing was changed.") if unchanged else EMPTY
    return Verdict(
        State.DONE,
        join("sentences", admission.words, already),
        evidence=evidence,
        links=links,
        next=following,
        lines=lines,
        notes=(explain_enforcement(path, admission),),
    )


def explain_unseen(
    context: Context, now: Snapshot, proof: Proof, evidence: tuple[Text, ...]
) -> Verdict:
    """Return the verdict when the policies are applied and their effect was not seen."""
    following = suggest_commands(context, "why", "authorize off", "status")
    if is_let_in_by_node(now, proof):
        words = Text("the policies are applied; that a caller outside is refused was not seen.")
        return Verdict(State.NORMAL, words, NODE_NOTE, evidence, next=following)
    words = Text("the policies are applied, their effect was not seen.")
    return Verdict(State.NOT_YET, words, proof.because, evidence, next=following)


def explain_enforcement(path: DataPath, admission: Admission) -> Text:
    """Return a note on who refuses, and by what the caller is known."""
    if path is DataPath.SIDECAR:
        return Text(
            "The sidecar of the one who is asked refuses, with 403: it knows callers by the "
            "ServiceAccount in their certificate, never by their address."
        )
    if path is DataPath.WAYPOINT and admission.service != "productpage":
        return Text(
            "The waypoint refuses with 403; who goes around it meets ztunnel, which cuts all "
            "connections but the waypoint's."
        )
    return Text("ztunnel reads no HTTP: it refuses by cutting the connection, without a 403.")


def expect_pages(admission: Admission) -> Expectation:
    """Return what pages show when just these callers may ask."""
    if admission.service == "details":
        return Expectation(NOBODY, Text("details on every page"), has_details_everywhere)
    if admission.service != "ratings":
        return Expectation(NOBODY, Text("reviews on every page"), has_reviews_everywhere)
    if "reviews" in admission.callers:
        return Expectation(NOBODY, Text("ratings never lost"), has_ratings)
    return Expectation(NOBODY, Text("ratings always lost"), has_lost_all_ratings)


def has_details_everywhere(seen: TrafficReport) -> bool:
    """Tell whether pages came and all of them showed details."""
    return count_pages(seen) > 0 and not seen.without_details


def has_ratings(seen: TrafficReport) -> bool:
    """Tell whether pages came and none of them lost its ratings; reviews v1 asks for none."""
    return count_pages(seen) > 0 and not seen.ratings.get("unavailable")


def has_lost_all_ratings(seen: TrafficReport) -> bool:
    """Tell whether pages came and none of them has ratings."""
    return count_pages(seen) > 0 and not seen.ratings.get("seen")


def look_from_productpage(
    context: Context, now: Snapshot, admission: Admission
) -> tuple[Looker, ...]:
    """Return a look at what productpage itself gets of ratings: it asks them for its API alone, so
    that it is a caller inside the mesh that may be refused; () for other applications.
    """
    if admission.service != "ratings":
        return ()
    request = build_request(context, now, "ratings")
    admitted = "productpage" in admission.callers

    async def look() -> Look:
        status = await ask_status(context, request)
        if status == NO_STATUS:
            silent = Text("productpage's API does not answer.")
            return Look(False, (silent,), silent)
        line = Text("from inside, productpage asks ratings itself: status {status}", status=status)
        because = (
            Text("productpage is refused by ratings.")
            if admitted
            else Text("productpage is not refused by ratings.")
        )
        return Look((status == 200) is admitted, (line,), because)

    return (look,)


async def find_policies(context: Context, services: Sequence[str]) -> list[Object]:
    """Return the policies that the step made for these applications."""
    names = {name for service in services for name in list_policy_names(service)}
    found = await context.cluster.find(AUTHORIZATION_POLICY, context.workshop.app_namespace)
    return [policy for policy in found if get_name(policy) in names and is_own(policy)]


async def end_admission(context: Context, services: Sequence[str]) -> Verdict:
    """Delete the policies of these applications, and look at pages and from outside again."""
    chosen = await find_policies(context, services)
    gone = await delete_found_rules(context, chosen)
    following = suggest_commands(context, "authorize reviews from productpage", "status")
    if not (gone or context.resumed):
        words = Text("no callers were limited; nothing was changed.")
        return Verdict(State.DONE, words, next=following)
    freed = sorted({get_name(policy).removesuffix("-waypoint") for policy in chosen})
    words = Text("everybody may ask {services} again.", services=Listed(freed, "and"))
    if check_members(context, await take_snapshot(context)) is not None:
        return Verdict(State.DONE, words, evidence=tuple(gone), next=following)
    pages = (expect_pages(Admission(service, CALLERS[service])) for service in freed)
    proof = await look_until_all_hold(
        context,
        look_at_pages(context, *pages),
        *(look_for_admission(context, service) for service in freed),
    )
    evidence = (*gone, *proof.lines)
    if not proof.holds:
        summary = Text("the policies are removed, but that was not seen.")
        return Verdict(State.NOT_YET, summary, proof.because, evidence, next=following)
    return Verdict(State.DONE, words, evidence=evidence, next=following)


def look_for_admission(context: Context, service: str) -> Looker:
    """Return a look from outside at an application that no policy of the step limits any more;
    under strict mutual TLS the connection is cut all the same.
    """

    async def look() -> Look:
        met = await ask_from_outside(context, service)
        holds = met.status == 200 or (met.cut and await is_strict(context, service))
        because = Text("{service} still refuses a caller outside the mesh.", service=service)
        return Look(holds, (met.words,), because)

    return look
