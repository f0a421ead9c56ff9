"""Causes in what Bookinfo's programs are told to do: to show no stars, to fail, to be slow."""

from __future__ import annotations

from collections.abc import Iterator

from bot.diagnosis.cause import Cause, Finding, Fix, Subject
from bot.diagnosis.facts import list_words, show_field
from bot.diagnosis.mesh_state import NamespaceState, list_pods_of
from bot.diagnosis.object_facts import get_template_labels
from bot.diagnosis.peers import ASK_RATINGS
from bot.diagnosis.program_settings import MADE_TO_FAIL, list_app_containers, read_environment
from bot.diagnosis.reach import is_reached
from bot.kinds import Object
from bot.knowledge.objects.workloads import get_labels, get_name
from bot.text import Text

RATINGS, MODE = "ENABLE_RATINGS", "SERVICE_VERSION"


def read_variable(workload: Object, name: str) -> str | None:
    """Return a variable of the containers of a workload; None where none sets it."""
    for container in list_app_containers(workload):
        if name in (env := read_environment(container)):
            return env[name]
    return None


def find_ratings_off(state: NamespaceState) -> Iterator[Finding]:
    """Yield versions of reviews that are told to show no stars, where requests reach them."""
    found = [
        workload
        for workload in state.bookinfo
        if get_template_labels(workload).get("app") == "reviews"
        and get_template_labels(workload).get("version") in ASK_RATINGS
        and (read_variable(workload, RATINGS) or "true").lower() != "true"
        and is_workload_reached(state, "reviews", workload)
    ]
    if found:
        yield Finding(
            Text(
                "{workloads} is told to show no stars, and never asks ratings.",
                workloads=list_words([get_name(w) for w in found]),
            ),
            tuple(
                show_field(w, "env", f"{RATINGS}={read_variable(w, RATINGS)}") for w in found[:2]
            ),
            Fix(
                line=f"kubectl set env deployment {' '.join(map(get_name, found))} "
                f"-n {state.namespace} {RATINGS}-"
            ),
            frozenset({"app/reviews", *(f"Deployment/{get_name(w)}" for w in found)}),
        )


def is_workload_reached(state: NamespaceState, app: str, workload: Object) -> bool:
    """Tell whether requests to an application reach pods of one of its workloads."""
    labels = get_template_labels(workload).items()
    own = [pod for pod in list_pods_of(state, app) if labels <= get_labels(pod).items()]
    return any(is_reached(state, app, pod) for pod in own)


def find_made_to_fail(state: NamespaceState) -> Iterator[Finding]:
    """Yield a ratings that is told to fail, or to be slow, a part of the time."""
    for workload in state.bookinfo:
        mode = read_variable(workload, MODE) or ""
        if get_template_labels(workload).get("app") != "ratings" or mode not in MADE_TO_FAIL:
            continue
        if not is_workload_reached(state, "ratings", workload):
            continue
        name = get_name(workload)
        sentences = {
            "half": Text(
                "{workload} is told to answer half of the requests with 503.", workload=name
            ),
            "slow": Text(
                "{workload} is told to answer half of the requests after 7 s.", workload=name
            ),
            "turns": Text(
                "{workload} is told to fail by turns, and answers 503 then.", workload=name
            ),
        }
        yield Finding(
            sentences[MADE_TO_FAIL[mode]],
            (show_field(workload, "env", f"{MODE}={mode}"),),
            Fix(line=f"kubectl set env deployment {name} -n {state.namespace} {MODE}-"),
            frozenset({"app/ratings", f"Deployment/{name}"}),
        )


def find_told(state: NamespaceState) -> Iterator[Finding]:
    """Yield programs of Bookinfo that do what they are told, which looks broken."""
    yield from find_ratings_off(state)
    yield from find_made_to_fail(state)


CAUSES = (
    Cause(
        "program-setting",
        Subject.APPLICATION,
        "A variable of its environment tells a part of Bookinfo to show no stars, to fail or to be "
        "slow.",
        "`ENABLE_RATINGS` other than `true` at reviews v2 or v3, or `SERVICE_VERSION` of ratings: "
        "`v-faulty`, `v-delayed`, `v-unavailable`, `v-unhealthy`.",
        "Take the variable out of the template",
        find_told,
        ("bookinfo",),
        gravity=2,
        source="Bookinfo 1.20, its images' sources",
        by_object=True,
    ),
)
