"""`meshbot doctor`: one line for each thing that must be right before the workshop; exit code 1
when one is not."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import AsyncExitStack

from pydantic import SecretStr

from bot.cli.arguments import MANIFEST
from bot.cli.terminal import print_line
from bot.cluster import KubernetesCluster
from bot.errors import MeshbotError, SettingsError
from bot.knowledge.istio import permissions
from bot.knowledge.objects.capacity import parse_minor_version
from bot.ledger import Ledger
from bot.parts import build_access_policy, open_cluster, open_mesh
from bot.pictures import explain_failed_trial, list_missing_libraries
from bot.ports import Cluster, Identity, Mesh
from bot.settings import Settings
from bot.slack.inbound.checkup import CheckResult, check_slack, read_manifest_scopes
from bot.slack.webapi.client import build_client, build_session
from bot.steps import Role
from bot.text import show_hidden


async def run(options: argparse.Namespace, settings: Settings) -> int:
    """Check everything, also when something fails early; return the exit code."""
    findings = [
        *await check_slack_settings(settings),
        *await check_cluster_and_mesh(settings, options.mode),
    ]
    findings += [await check_ledger(settings), check_roles(settings), await check_pictures()]
    for finding in findings:
        sentence = show_hidden(finding.sentence, layout=True)
        print_line(f"{'ok  ' if finding.ok else 'FAIL'} {finding.name}: {sentence}")
    return 0 if all(finding.ok for finding in findings) else 1


def reveal_secret(value: SecretStr | None) -> str:
    """Return the value, or ""."""
    return value.get_secret_value() if value else ""


async def check_slack_settings(settings: Settings) -> list[CheckResult]:
    """Check tokens and scopes."""
    chosen = settings.slack
    if chosen.bot_token is None:
        return [CheckResult("slack bot token", False, "not set (SLACK_BOT_TOKEN)")]
    async with build_session() as session:
        client = build_client(
            token=reveal_secret(chosen.bot_token), base_url=chosen.base_url, session=session
        )
        return await check_slack(
            client,
            scopes=read_manifest_scopes(MANIFEST),
            app_token=reveal_secret(chosen.app_token) if chosen.mode == "socket" else None,
            signing_secret=reveal_secret(chosen.signing_secret) if chosen.mode == "http" else None,
        )


async def check_cluster_and_mesh(settings: Settings, mode: permissions.Mode) -> list[CheckResult]:
    """Check the cluster, what the bot may do there, and the release against it."""
    async with AsyncExitStack() as stack:
        findings, version = [], ""
        try:
            cluster = await open_cluster(settings, stack)
            version = await cluster.version()
            findings.append(CheckResult("cluster", True, f"Kubernetes {version}"))
            findings.append(await check_permissions(cluster, settings, mode))
            findings += await check_impersonation(cluster, build_access_policy(settings).acting)
        except MeshbotError as problem:
            findings.append(CheckResult("cluster", False, str(problem)))
        try:
            # On its own, so that a cluster that is away does not hide what is wrong with the
            # release.
            findings += check_release(await open_mesh(settings), version)
        except MeshbotError as problem:
            findings.append(CheckResult("istio release", False, str(problem)))
        return findings


async def check_permissions(
    cluster: Cluster, settings: Settings, mode: permissions.Mode
) -> CheckResult:
    """Check that all is allowed that the mode needs."""
    mesh, app = settings.workshop.mesh_namespace, settings.workshop.app_namespace
    # One name for all of them: the settings name patterns, and a review knows none.
    several = settings.namespaces != (app,)
    needed = permissions.list_needed_permissions(mode, mesh=mesh, app=app, own_namespaces=several)
    lacks = await permissions.find_missing_permissions(cluster, needed)
    if lacks:
        return CheckResult("permissions", False, f"the bot's account may not: {', '.join(lacks)}")
    return CheckResult(
        "permissions", True, f"{len(needed)} of {len(needed)} needed ones granted ({mode})"
    )


async def check_impersonation(
    cluster: KubernetesCluster, acting: Mapping[Role, Identity]
) -> list[CheckResult]:
    """Check that the bot's account may act as the users that the settings name for roles.

    Returns nothing when they name nobody.
    """
    if not acting:
        return []
    lacks = [
        line
        for identity in acting.values()
        for line in await cluster.access.list_missing_impersonation_rights(identity)
    ]
    if lacks:
        return [
            CheckResult(
                "impersonation",
                False,
                f"the bot's account may not: {', '.join(dict.fromkeys(lacks))}",
            )
        ]
    named = ", ".join(f"{role} as {identity.user}" for role, identity in acting.items())
    return [CheckResult("impersonation", True, f"granted: {named}")]


def check_release(mesh: Mesh, version: str) -> list[CheckResult]:
    """Check the release, its versions of Kubernetes, and the Gateway API CRDs."""
    lowest, highest = mesh.kubernetes_range
    fits = not version or parse_minor_version(version) >= lowest
    words = f"Istio {mesh.version}, tested with Kubernetes 1.{lowest} to 1.{highest}"
    findings = [CheckResult("istio release", fits, "; ".join([words, *map(str, mesh.notes)]))]
    try:
        findings.append(
            CheckResult("gateway api", True, f"{len(mesh.gateway_api())} objects at hand")
        )
    except MeshbotError as problem:
        findings.append(CheckResult("gateway api", False, str(problem)))
    return findings


async def check_ledger(settings: Settings) -> CheckResult:
    """Check that runs can be remembered: open the database, which makes it when it is missing."""
    try:
        opened = await Ledger.open(settings.ledger.address)
    except MeshbotError as problem:
        return CheckResult("ledger", False, str(problem))
    await opened.close()
    return CheckResult("ledger", True, "runs can be remembered")


async def check_pictures() -> CheckResult:
    """Check that graphs and plots can be drawn, by drawing some.

    Without the libraries the bot says the same in words, which is no failure; libraries that are
    there and do not work are one.
    """
    lacking = list_missing_libraries()
    if lacking:
        words = f"in words only: {', '.join(lacking)} not installed (pip install '.[graphs]')"
        return CheckResult("pictures", True, words)
    if why := await explain_failed_trial():
        return CheckResult("pictures", False, f"in words only: {why}")
    return CheckResult("pictures", True, "graphs and plots are drawn")


def check_roles(settings: Settings) -> CheckResult:
    """Check that somebody may run the steps that change something."""
    chosen = settings.roles
    try:
        build_access_policy(settings)
    except SettingsError as problem:
        return CheckResult("roles", False, str(problem).splitlines()[-1].strip())
    named = (
        len(chosen.hosts) + len(chosen.admins) + len(chosen.host_groups) + len(chosen.admin_groups)
    )
    if named:
        return CheckResult("roles", True, f"{named} users or groups are hosts or admins")
    return CheckResult(
        "roles", False, "nobody is a host: set MESHBOT_ROLES__HOSTS or MESHBOT_ROLES__HOST_GROUPS"
    )
