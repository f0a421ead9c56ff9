"""Which variables istioctl sees when a program gives the kubeconfig's credentials."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.istio.plugin_variables import select_plugin_environment

OURS = {
    "HOME": "/home/me",
    "AWS_PROFILE": "workshop",
    "SLACK_BOT_TOKEN": "xoxb-secret",
    "ISTIOCTL_CONTEXT": "other",
}


def kubeconfig(place: Path, **user: Any) -> Path:
    """Two contexts: `cloud` with that user, `local` with a token."""
    users = [{"name": "cloud", "user": user}, {"name": "local", "user": {"token": "t"}}]
    contexts = [
        {"name": name, "context": {"cluster": "c", "user": name}} for name in ("cloud", "local")
    ]
    path = place / "config"
    path.write_text(
        yaml.safe_dump({"users": users, "contexts": contexts, "current-context": "cloud"})
    )
    return path


def test_a_plugin_gets_its_own_variables_and_no_others(tmp_path: Path) -> None:
    """Home and cloud variables pass; tokens of ours and istioctl's flags do not."""
    found = select_plugin_environment([kubeconfig(tmp_path, exec={"command": "aws"})], None, OURS)
    assert found == {"HOME": "/home/me", "AWS_PROFILE": "workshop"}


@pytest.mark.parametrize("context", ["local", "absent"])
def test_without_a_plugin_nothing_passes(tmp_path: Path, context: str) -> None:
    """The chosen context's user counts."""
    assert (
        select_plugin_environment([kubeconfig(tmp_path, exec={"command": "aws"})], context, OURS)
        == {}
    )


@pytest.mark.parametrize("text", ["", "[]", "{", "users: 3\ncurrent-context: x"])
def test_a_kubeconfig_that_is_none_passes_nothing(tmp_path: Path, text: str) -> None:
    """Whoever connects says what is wrong with it."""
    (tmp_path / "config").write_text(text)
    assert select_plugin_environment([tmp_path / "config"], None, OURS) == {}


def test_a_list_of_kubeconfigs_counts_as_one(tmp_path: Path) -> None:
    """KUBECONFIG may name several: the context in one, its user in another."""
    (tmp_path / "first").write_text("current-context: cloud")
    files = [tmp_path / "first", kubeconfig(tmp_path, exec={"command": "aws"})]
    assert select_plugin_environment(files, None, OURS)["AWS_PROFILE"] == "workshop"
