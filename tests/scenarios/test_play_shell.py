"""`meshbot sandbox --play`: on which cluster shell commands may run, and with what."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pytest

from bot.cli.arguments import build_parser
from bot.cli.sandbox_play import build_play_shell, read_script
from bot.errors import SettingsError


def parse_play(script: Path, *more: str) -> argparse.Namespace:
    """The options of a play of this file, whose second line is a shell command."""
    script.write_text("/mesh status\n$ kubectl get ns\n", encoding="utf-8")
    return build_parser().parse_args(["sandbox", "--play", str(script), *more])


def test_shell_commands_run_on_the_embedded_cluster(tmp_path: Path) -> None:
    """Nothing has to be allowed where nothing can be harmed."""
    assert len(read_script(parse_play(tmp_path / "a.mesh"))) == 2


def test_on_a_real_cluster_shell_commands_are_refused_before_the_play(tmp_path: Path) -> None:
    """With the line, and with what lets it run."""
    options = parse_play(tmp_path / "a.mesh", "--cluster", "kubeconfig")
    with pytest.raises(SettingsError, match=r"line 2 \(\$ kubectl get ns\).*--allow-shell lets"):
        read_script(options)


def test_on_a_real_cluster_shell_commands_can_be_allowed(tmp_path: Path) -> None:
    """By a flag of their own."""
    options = parse_play(tmp_path / "a.mesh", "--cluster", "kubeconfig", "--allow-shell")
    assert [line.kind for line in read_script(options)] == ["command", "shell"]


async def test_the_shell_has_the_context_and_no_secrets_of_slack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The context that the bot was told is the current one, and no token reaches a script."""
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    monkeypatch.setenv("MESHBOT_SLACK__BOT_TOKEN", "xoxb-2")
    shell = build_play_shell(
        str(tmp_path / "a.mesh"),
        tmp_path,
        kubeconfig="/theirs",
        context="mini",
        istio_home="/istio",
    )
    said: list[str] = []
    command = 'pwd; echo "$KUBECONFIG"; cat "${KUBECONFIG%%:*}"; echo; env'
    assert await shell.run_command(command, out=said.append, seconds=10) == 0
    assert said[:2] == [str(tmp_path), f"{tmp_path / 'context'}{os.pathsep}/theirs"]
    assert '"current-context": "mini"' in said[2]
    assert "xoxb" not in "\n".join(said)
