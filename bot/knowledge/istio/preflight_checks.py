"""Checks that a cluster can hold the workshop: its version, the bot's permissions, its nodes, and
istioctl's own checks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from bot.errors import Forbidden, IstioError
from bot.kinds import NODE, POD
from bot.knowledge.istio import permissions
from bot.knowledge.objects import capacity
from bot.steps import Context
from bot.text import EMPTY, Listed, Text, counted, join, verbatim

MOST_SHOWN = 5
"""Missing permissions that are named; the others are counted."""


class Finding(NamedTuple):
    """Result of a check: its subject, what was found, and the problem with it, or EMPTY."""

    subject: Text
    words: Text
    problem: Text = EMPTY


Check = Callable[[Context], Awaitable[Finding]]


async def run_checks(context: Context) -> list[Finding]:
    """Run the checks one after another."""
    return [
        await check_kubernetes_version(context),
        await check_permissions(context),
        await run_check(context, Text("Nodes"), check_nodes),
        await run_check(context, Text("istioctl x precheck"), run_precheck),
    ]


async def run_check(context: Context, subject: Text, check: Check) -> Finding:
    """Run a check; when it is forbidden or istioctl fails, return that as its finding."""
    try:
        return await check(context)
    except (Forbidden, IstioError) as problem:
        return Finding(subject, Text("could not be looked at"), problem.message)


async def check_kubernetes_version(context: Context) -> Finding:
    """Compare the server's version with those that the release supports.

    Only an older one is a problem: newer ones are mostly not tested yet, and work.
    """
    version = await context.cluster.version()
    lowest, highest = context.mesh.kubernetes_range
    words = Text(
        "{version}; Istio {istio} is tested with 1.{lowest} to 1.{highest}",
        version=version,
        istio=context.mesh.version,
        lowest=lowest,
        highest=highest,
    )
    problem = EMPTY
    if capacity.parse_minor_version(version) < lowest:
        problem = Text(
            "{version} is older than 1.{lowest}; the cluster's administrator must upgrade it",
            version=version,
            lowest=lowest,
        )
    return Finding(verbatim("Kubernetes"), words, problem)


async def check_nodes(context: Context) -> Finding:
    """Check that nodes take pods and have enough CPU and memory left."""
    found, pods = await context.cluster.find(NODE), await context.cluster.find(POD)
    usable = sum(map(capacity.is_schedulable, found))
    cpu = capacity.compute_free_capacity(found, pods, "cpu")
    memory = capacity.compute_free_capacity(found, pods, "memory")
    words = Text(
        "{usable} of {found} nodes take pods; {cpu:.1f} CPU and {memory:.1f} GiB are free",
        usable=usable,
        found=len(found),
        cpu=cpu,
        memory=memory / 2**30,
    )
    problem = EMPTY
    if not usable:
        problem = Text(
            "no node takes pods; cluster's administrator: look at `kubectl describe nodes`"
        )
    elif cpu < capacity.CPU_NEEDED or memory < capacity.MEMORY_NEEDED:
        problem = Text(
            "the workshop needs {cpu:g} CPU and {memory:g} GiB; on minikube: `minikube start "
            "--cpus=4 --memory=16384`",
            cpu=capacity.CPU_NEEDED,
            memory=capacity.MEMORY_NEEDED / 2**30,
        )
    return Finding(Text("Nodes"), words, problem)


async def check_permissions(context: Context) -> Finding:
    """Check that the bot's account has the permissions that the workshop needs."""
    mesh, app = context.workshop.mesh_namespace, context.workshop.app_namespace
    needed = permissions.list_needed_permissions("workshop", mesh=mesh, app=app)
    missing = await permissions.find_missing_permissions(context.cluster, needed)
    if not missing:
        granted = Text("all {needed} needed ones are granted", needed=len(needed))
        return Finding(Text("Permissions"), granted)
    return Finding(
        Text("Permissions"),
        describe_missing_permissions(missing),
        Text("the cluster's administrator must grant them (docs/security.md, or cluster-admin)"),
    )


def describe_missing_permissions(missing: list[str]) -> Text:
    """Return what the bot's account may not do, the first by name."""
    rights, more = Listed(missing[:MOST_SHOWN], "comma"), len(missing) - MOST_SHOWN
    if more <= 0:
        return Text("the bot's account may not {rights}", rights=rights)
    return counted(
        "the bot's account may not {rights} and {n} more",
        "the bot's account may not {rights} and {n} more",
        rights=rights,
        n=more,
    )


async def run_precheck(context: Context) -> Finding:
    """Run `istioctl x precheck` and return its findings."""
    context.progress.say(Text("running istioctl's own checks"))
    fine, lines = await context.mesh.precheck()
    subject = Text("istioctl x precheck")
    if fine:
        return Finding(subject, Text("no issues found"))
    words = counted("{n} finding", "{n} findings", n=len(lines))
    return Finding(subject, words, join("semicolon", *lines[:3]))
