"""`meshbot doctor` before the workshop: a line for each thing, exit code 0 only when all of them
are right."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.cli.arguments import MANIFEST
from bot.slack.inbound.checkup import read_manifest_scopes
from sandbox.clock import Clock
from sandbox.cluster.faults import ApiFault
from sandbox.workspace import InstalledApp, Workspace
from tests.scenarios.stage import Stage, furnished
from tests.scenarios.test_cli import meshbot
from tests.scenarios.wire import wired


async def doctor(stage: Stage, **more: str) -> tuple[int, list[str]]:
    """Exit code, and the lines."""
    code, said = await meshbot("doctor", **stage.environment | more)
    return code, said.splitlines()


def failures(lines: list[str]) -> list[str]:
    """The lines of what is not right."""
    return [line.removeprefix("FAIL ") for line in lines if not line.startswith("ok ")]


@pytest.mark.long
async def test_all_is_well(tmp_path: Path) -> None:
    """Exit code 0, and each line says what was found."""
    async with furnished(tmp_path) as stage:
        code, lines = await doctor(stage)
        assert (code, failures(lines)) == (0, [])
        names = [
            "slack bot token",
            "slack scopes",
            "slack app token",
            "cluster",
            "permissions",
            "istio release",
        ]
        assert all(any(name in line for line in lines) for name in names)
        assert any("Kubernetes v1.36" in line for line in lines)


@pytest.mark.long
@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        (
            "MESHBOT_SLACK__BOT_TOKEN",
            "xoxb-1234567890-wrong",
            "slack bot token: slack.bot_token: Slack refuses it",
        ),
        (
            "MESHBOT_SLACK__APP_TOKEN",
            "xapp-1234567890-wrong",
            "slack app token: slack.app_token: Slack refuses it",
        ),
        ("MESHBOT_SLACK__BASE_URL", "http://127.0.0.1:9/api", "slack bot token: "),
        (
            "MESHBOT_CLUSTER__KUBECONFIG",
            "/nonexistent/config",
            "cluster: kubeconfig: there is no file",
        ),
        ("MESHBOT_CLUSTER__CONTEXT", "nonesuch", "cluster: "),
        (
            "MESHBOT_ISTIO__HOME",
            "/nonexistent/istio",
            "istio release: there is no /nonexistent/istio",
        ),
        ("MESHBOT_ROLES__STEPS", "fualt=host", "roles: roles.steps.fualt: there is no such step"),
        ("MESHBOT_ROLES__HOSTS", "", "roles: nobody is a host: set MESHBOT_ROLES__HOSTS"),
        ("MESHBOT_LEDGER__URL", "sqlite:////proc/nonexistent/x.sqlite", "ledger: "),
    ],
)
async def test_what_is_wrong_is_named(tmp_path: Path, setting: str, value: str, says: str) -> None:
    """Exit code 1, and the line begins with the thing and says what is wrong with it."""
    async with furnished(tmp_path) as stage:
        code, lines = await doctor(stage, **{setting: value})
        assert code == 1
        assert any(line.startswith(says) for line in failures(lines)), lines


@pytest.mark.long
async def test_a_missing_scope_is_named(tmp_path: Path) -> None:
    """With what mends it: the app is installed anew."""
    async with furnished(tmp_path) as stage:
        poor = Workspace(
            Clock(1.0), InstalledApp(scopes=read_manifest_scopes(MANIFEST) - {"usergroups:read"})
        )
        await poor.start()
        tokens = {
            "MESHBOT_SLACK__BOT_TOKEN": poor.bot_token,
            "MESHBOT_SLACK__APP_TOKEN": poor.app_token,
        }
        code, lines = await doctor(
            stage, **tokens, MESHBOT_SLACK__BASE_URL=poor.api_url.rstrip("/")
        )
        await poor.stop()
        assert code == 1
        assert [
            line
            for line in failures(lines)
            if "missing usergroups:read" in line and "reinstall" in line
        ]


@pytest.mark.long
async def test_a_cluster_that_is_away_is_said(tmp_path: Path) -> None:
    """Its address, and the rest is checked all the same."""
    async with (
        furnished(tmp_path) as stage,
        wired(Path(stage.environment["MESHBOT_CLUSTER__KUBECONFIG"])) as wire,
    ):
        await wire.cut()
        code, lines = await doctor(stage, MESHBOT_CLUSTER__PATIENCE="0")
        assert code == 1
        assert [
            line
            for line in failures(lines)
            if line.startswith("cluster: cannot connect to https://127.0.0.1")
        ]
        assert any("Istio 1.30.3" in line for line in lines)


@pytest.mark.long
async def test_a_permission_that_is_missing_is_named(tmp_path: Path) -> None:
    """The verb and the kind; who is only to look on does not need it."""
    async with furnished(tmp_path) as stage:
        stage.cluster.server.faults.add(
            ApiFault("forbid", verb="create", resource="customresourcedefinitions")
        )
        code, lines = await doctor(stage)
        assert code == 1
        assert (
            "permissions: the bot's account may not: create customresourcedefinitions"
            in failures(lines)
        )
        assert (await meshbot("doctor", "--mode", "observe", **stage.environment))[0] == 0
