"""Copies of requests: one version of reviews answers, another one gets every request as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.errors import UserError
from bot.kinds import Object
from bot.knowledge.lessons.prerequisites import check_members
from bot.knowledge.objects.apply import build_missing_verdict
from bot.knowledge.objects.conflicts import build_plan, find_write_conflicts, judge_deletion
from bot.knowledge.objects.mesh_pods import is_captured
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.observe import metric_proof, prometheus
from bot.knowledge.observe.scrapes import wait_for_scrapes
from bot.knowledge.routing import enforce
from bot.knowledge.routing.describe import list_mirrors
from bot.knowledge.routing.fault_proof import has_reviews_everywhere
from bot.knowledge.routing.kept_rules import find_kept_rules
from bot.knowledge.routing.manifests import (
    PORT,
    VERSIONS,
    DataPath,
    build_backend_ref,
    build_destination,
    build_destination_rule,
    build_http_route,
    build_object,
    build_virtual_service,
    find_data_path,
    takes_all,
)
from bot.knowledge.routing.remove import remove_rules, select_routes
from bot.knowledge.routing.request_proof import (
    NOBODY,
    Expectation,
    expect_version,
    wait_for_expectations,
)
from bot.knowledge.routing.route_settings import PLACES, list_entries
from bot.knowledge.snapshot import Snapshot, take_snapshot
from bot.steps import Context, Plan, State, Verdict
from bot.text import EMPTY, Text, join

SERVICE = "reviews"
NOTE = Text(
    "The answer to a copy is thrown away: nobody waits for it, and nobody sees its errors. But "
    "what a copy does it really does: v2 and v3 ask ratings for each one."
)


@dataclass(frozen=True)
class Copying:
    """The version that answers, and the one that gets copies."""

    answers: str
    copied: str

    @property
    def words(self) -> Text:
        """What holds, as a sentence."""
        return Text(
            "reviews {answers} answers, and {copied} gets a copy of each request.",
            answers=self.answers,
            copied=self.copied,
        )


def read_versions(typed: object) -> object:
    """Return words such as `v1 to v3` without those that name no version."""
    if not isinstance(typed, list | tuple) or not all(isinstance(word, str) for word in typed):
        return typed
    words = " ".join(typed).lower().replace(",", " ").split()
    return [word for word in words if word not in ("to", "from", "→", "->")]


def build_copying(words: Sequence[str]) -> Copying:
    """Return what is meant: one version gets copies of v1's requests, two are `v1 to v3`.

    Raises UserError when a version would get copies of its own requests.
    """
    answers, copied = ("v1", "v3") if not words else (words[0], words[-1])
    if len(words) == 1:
        answers, copied = ("v1" if words[0] != "v1" else "v2"), words[0]
    if answers == copied:
        fix = f"mirror reviews {answers} to {'v3' if answers != 'v3' else 'v2'}"
        raise UserError(
            Text("{version} has its own requests already.", version=answers),
            Text("Type `{fix}`.", fix=fix),
            (fix,),
        )
    return Copying(answers, copied)


def build_rules(now: Snapshot, path: DataPath, copying: Copying) -> list[Object]:
    """Return the objects that copy, in order of application; rules for single users stay before."""
    namespace, kept = now.app_namespace, find_kept_rules(now, path, now.app_namespace).rules
    if path is DataPath.WAYPOINT:
        target = {"name": f"{SERVICE}-{copying.copied}", "port": PORT}
        copies = {"type": "RequestMirror", "requestMirror": {"backendRef": target}}
        backend = build_backend_ref(f"{SERVICE}-{copying.answers}")
        rule: Object = {"backendRefs": [backend], "filters": [copies]}
        return [build_http_route(SERVICE, namespace, [*kept, rule])]
    mirror = build_destination(SERVICE, namespace, copying.copied, percentage={"value": 100.0})
    route = build_destination(SERVICE, namespace, copying.answers)
    return [
        build_destination_rule(SERVICE, namespace, VERSIONS),
        build_virtual_service(SERVICE, namespace, [*kept, {"route": [route], "mirrors": [mirror]}]),
    ]


async def plan_copies(context: Context, copying: Copying) -> Plan | None:
    """Return what others lose by the rules; None when they lose nothing."""
    now = await take_snapshot(context)
    if enforce.check_prerequisites(context, now) is not None:
        return None
    objects = build_rules(now, find_data_path(now), copying)
    return await enforce.plan_rules(context, now, objects, copying.words)


async def apply_copies(context: Context, copying: Copying) -> Verdict:
    """Write the rules, see who answers, and then by metrics that the other version is asked too."""
    now = await take_snapshot(context)
    if (verdict := enforce.check_prerequisites(context, now)) is not None:
        return verdict
    if not await prometheus.is_ready(context):
        missing = Text(
            "only metrics show copies, whose answers nobody gets; Prometheus is not ready"
        )
        return build_missing_verdict(context, missing, "addons")
    path = find_data_path(now)
    kept, objects = find_kept_rules(now, path, now.app_namespace), build_rules(now, path, copying)
    done = await enforce.enforce_rules(context, now, objects)
    users = (expect_version(user, version) for user, version in kept.users)
    observed = await wait_for_expectations(context, expect_version(NOBODY, copying.answers), *users)
    links, lines = await enforce.link_to_rules(context, objects)
    evidence = (*done.list_evidence(observed), *observed.lines)
    following = suggest_commands(context, "mirror off", "graph")
    summary = Text("the rules are applied, their effect was not seen.")
    if not observed.holds:
        because = observed.because
        return Verdict(State.NOT_YET, summary, because, evidence, links, following, lines)
    growth = await measure_copies(context, now, copying)
    if growth.missing:
        because = Text("{missing}.", missing=growth.missing)
        return Verdict(State.NOT_YET, summary, because, evidence, links, following, lines)
    return Verdict(
        State.DONE,
        join("sentences", copying.words, done.already),
        EMPTY,
        (*evidence, *growth.lines),
        links,
        following,
        lines,
        (NOTE,),
    )


async def measure_copies(
    context: Context, now: Snapshot, copying: Copying
) -> metric_proof.MetricGrowth:
    """Send requests, and see in metrics that the version that answers nobody is asked more often.

    Requests of before may not be counted yet: first all proxies are scraped once more.
    """
    context.progress.say(Text("waiting for Prometheus to count what was before"))
    if not await wait_for_scrapes(context):
        return metric_proof.MetricGrowth(
            missing=Text("Prometheus did not scrape the proxies again")
        )
    return await metric_proof.send_and_measure_growth(
        context,
        build_copies_query(now, f"{SERVICE}-{copying.copied}"),
        lambda series: describe_arrivals(now, series["destination_workload"]),
    )


def describe_arrivals(now: Snapshot, workload: str) -> Text:
    """Return what is counted at the version that gets copies."""
    if all(map(is_captured, now.app_pods)):
        return Text(
            "connections that reached {workload}, whose answers nobody gets", workload=workload
        )
    return Text("requests that reached {workload}, whose answers nobody gets", workload=workload)


def build_copies_query(now: Snapshot, workload: str) -> str:
    """Build the query for what arrived at a workload: requests as its sidecars count them, or
    connections as ztunnel does.
    """
    where = (
        f'reporter="destination",destination_workload="{workload}",'
        f'destination_workload_namespace="{now.app_namespace}"'
    )
    ambient = all(map(is_captured, now.app_pods))
    metric = "istio_tcp_connections_opened_total" if ambient else "istio_requests_total"
    return f"sum by (destination_workload) ({metric}{{{where}}})"


def find_copying_rule(now: Snapshot) -> Object | None:
    """Return the rules for reviews, by their name, of which one copies requests; else None."""
    for owners in (now.virtual_services, now.routes):
        rule = owners.get(SERVICE)
        if rule is not None and any(map(list_mirrors, list_entries(rule))):
            return rule
    return None


def build_without_copies(rule: Object) -> Object:
    """Return rules without their copies."""
    entries = []
    for entry in list_entries(rule):
        bare = {key: value for key, value in entry.items() if not key.startswith("mirror")}
        if filters := bare.pop("filters", None):
            others = [each for each in filters if each.get("type") != "RequestMirror"]
            bare |= {"filters": others} if others else {}
        entries.append(bare)
    spec = rule["spec"] | {PLACES[rule["kind"]]: entries}
    kind = enforce.get_rule_kind(rule)
    return build_object(kind, SERVICE, rule["metadata"]["namespace"], spec)


def is_for_copies_alone(rule: Object) -> bool:
    """Tell whether rules are the bot's and concern everybody: they were made to copy."""
    matches = (entry.get("match") or entry.get("matches") for entry in list_entries(rule))
    return judge_deletion(rule) is None and all(map(takes_all, matches))


async def plan_end(context: Context) -> Plan | None:
    """Return what others lose with the copies; None when they lose nothing."""
    rule = find_copying_rule(await take_snapshot(context))
    if rule is None or is_for_copies_alone(rule):
        return None
    found = await find_write_conflicts(context, [build_without_copies(rule)], exact=True)
    return build_plan(context, found, Text("requests to reviews are no longer copied."))


async def end_copies(context: Context) -> Verdict:
    """Take the copies away: the rules as a whole where they were made for them, else just those."""
    now = await take_snapshot(context)
    rule = find_copying_rule(now)
    following = suggest_commands(context, "mirror reviews v1 to v3", "status")
    if rule is None and not context.resumed:
        words = Text("no requests were copied; nothing was changed.")
        return Verdict(State.DONE, words, next=following)
    done: Sequence[Text] = ()
    if rule is not None and is_for_copies_alone(rule):
        done = await remove_rules(context, now, select_routes(now))
    elif rule is not None:
        done = await enforce.apply_rules(context, [build_without_copies(rule)])
    words = Text("requests to reviews are no longer copied.")
    if check_members(context, now) is not None:
        return Verdict(State.DONE, words, evidence=tuple(done), next=following)
    whole = Expectation(NOBODY, Text("reviews on every page"), has_reviews_everywhere)
    observed = await wait_for_expectations(context, whole)
    evidence = (*done, *observed.lines)
    if not observed.holds:
        summary = Text("the copies are removed, but pages are not whole.")
        return Verdict(State.NOT_YET, summary, observed.because, evidence, next=following)
    return Verdict(State.DONE, words, evidence=evidence, next=following)
