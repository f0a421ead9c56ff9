"""A release directory whose istioctl is a few lines of shell: it prints, fails and hangs as a test
tells it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.istio import Istioctl

Release = Callable[[str], Istioctl]

VERSION = (
    """if [ "$1" = version ]; then echo '{"clientVersion": {"version": "1.30.3"}}'; exit 0; fi"""
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty release directory."""
    (tmp_path / "istio" / "bin").mkdir(parents=True)
    return tmp_path / "istio"


@pytest.fixture
def release(home: Path) -> Release:
    """Makes a release whose istioctl tells its version and otherwise runs this script."""

    def made(script: str, *, first: str = VERSION) -> Istioctl:
        program = home / "bin" / "istioctl"
        program.write_text(f"#!/bin/sh\n{first}\n{script}\n")
        program.chmod(0o755)
        return Istioctl(home, Path("/etc/kube/config"), "class", None)

    return made
