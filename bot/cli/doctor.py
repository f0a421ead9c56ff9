"""`meshbot doctor`: one line for each thing that must be right before the workshop; exit code 1 when one is not."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import AsyncExitStack

from pydantic import SecretStr

from bot.cli.arguments import MANIFEST
from bot.cli.terminal import say
from bot.cluster import KubernetesCluster
from bot.errors import MeshbotError, SettingsError
from bot.knowledge import permissions
from bot.knowledge.room import minor
from bot.ledger import Ledger
from bot.parts import gate, open_cluster, open_mesh
from bot.pictures import missing
from bot.ports import Cluster, Identity, Mesh
from bot.settings import Settings
from bot.slack.checkup import Finding, check_slack, manifest_scopes
from bot.slack.client import build_client, build_session
from bot.steps import Role


async def run(options: argparse.Namespace, settings: Settings) -> int:
    """Checks everything, also when something fails early."""
    findings = [*await slack(settings), *await cluster_and_mesh(settings, options.mode)]
    findings += [await ledger(settings), roles(settings), pictures()]
    for finding in findings:
        say(f"{'ok  ' if finding.ok else 'FAIL'} {finding.name}: {finding.sentence}")
    return 0 if all(finding.ok for finding in findings) else 1


def secret(value: SecretStr | None) -> str:
    """The value, or ""."""
    return value.get_secret_value() if value else ""


async def slack(settings: Settings) -> list[Finding]:
    """Tokens and scopes."""
    chosen = settings.slack
    if chosen.bot_token is None:
        return [Finding("slack bot token", False, "not set (SLACK_BOT_TOKEN)")]
    async with build_session() as session:
        client = build_client(token=secret(chosen.bot_token), base_url=chosen.base_url, session=session)
        return await check_slack(
            client,
            scopes=manifest_scopes(MANIFEST),
            app_token=secret(chosen.app_token) if chosen.mode == "socket" else None,
            signing_secret=secret(chosen.signing_secret) if chosen.mode == "http" else None,
        )


async def cluster_and_mesh(settings: Settings, mode: permissions.Mode) -> list[Finding]:
    """The cluster, what the bot may do there, and the release against it."""
    async with AsyncExitStack() as stack:
        findings, version = [], ""
        try:
            cluster = await open_cluster(settings, stack)
            version = await cluster.version()
            findings.append(Finding("cluster", True, f"Kubernetes {version}"))
            findings.append(await granted(cluster, settings, mode))
            findings += await impersonation(cluster, gate(settings).acting)
        except MeshbotError as problem:
            findings.append(Finding("cluster", False, str(problem)))
        try:
            findings += release(await open_mesh(settings), version)
        except MeshbotError as problem:
            findings.append(Finding("istio release", False, str(problem)))
        return findings


async def granted(cluster: Cluster, settings: Settings, mode: permissions.Mode) -> Finding:
    """Whether all is allowed that the mode needs."""
    mesh, app = settings.workshop.mesh_namespace, settings.workshop.app_namespace
    needed = permissions.needed(mode, mesh=mesh, app=app)
    lacks = await permissions.missing(cluster, needed)
    if lacks:
        return Finding("permissions", False, f"the bot's account may not: {', '.join(lacks)}")
    return Finding("permissions", True, f"{len(needed)} of {len(needed)} needed ones granted ({mode})")


async def impersonation(cluster: KubernetesCluster, acting: Mapping[Role, Identity]) -> list[Finding]:
    """Whether the bot's account may act as whom the settings name for a role; nothing when they name nobody."""
    if not acting:
        return []
    lacks = [line for identity in acting.values() for line in await cluster.may_impersonate(identity)]
    if lacks:
        return [Finding("impersonation", False, f"the bot's account may not: {', '.join(dict.fromkeys(lacks))}")]
    named = ", ".join(f"{role} as {identity.user}" for role, identity in acting.items())
    return [Finding("impersonation", True, f"granted: {named}")]


def release(mesh: Mesh, version: str) -> list[Finding]:
    """The release, its versions of Kubernetes, and the Gateway API CRDs."""
    lowest, highest = mesh.kubernetes_range
    fits = not version or minor(version) >= lowest
    words = f"Istio {mesh.version}, tested with Kubernetes 1.{lowest} to 1.{highest}"
    findings = [Finding("istio release", fits, "; ".join([words, *mesh.notes]))]
    try:
        findings.append(Finding("gateway api", True, f"{len(mesh.gateway_api())} objects at hand"))
    except MeshbotError as problem:
        findings.append(Finding("gateway api", False, str(problem)))
    return findings


async def ledger(settings: Settings) -> Finding:
    """Whether runs can be remembered: opens the database, and makes it when it is not there yet."""
    try:
        opened = await Ledger.open(settings.ledger.address)
    except MeshbotError as problem:
        return Finding("ledger", False, str(problem))
    await opened.close()
    return Finding("ledger", True, "runs can be remembered")


def pictures() -> Finding:
    """Whether graphs and plots can be drawn; without, the bot says the same in words, so it is never wrong."""
    lacking = missing()
    if lacking:
        words = f"in words only: {', '.join(lacking)} not installed (pip install '.[graphs]')"
        return Finding("pictures", True, words)
    return Finding("pictures", True, "graphs and plots are drawn")


def roles(settings: Settings) -> Finding:
    """Whether anybody may run the steps that change something."""
    chosen = settings.roles
    try:
        gate(settings)
    except SettingsError as problem:
        return Finding("roles", False, str(problem).splitlines()[-1].strip())
    named = len(chosen.hosts) + len(chosen.admins) + len(chosen.host_groups) + len(chosen.admin_groups)
    if named:
        return Finding("roles", True, f"{named} users or groups are hosts or admins")
    return Finding("roles", False, "nobody is a host: set MESHBOT_ROLES__HOSTS or MESHBOT_ROLES__HOST_GROUPS")
