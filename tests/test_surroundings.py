"""Where the bot runs: as a user that nobody has heard of, and below paths with blanks."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bot.__main__ import NOWHERE, name_home

STRANGER = """
import os, pwd, sys

def unknown(uid):
    raise KeyError(f"getpwuid(): uid not found: {uid}")

pwd.getpwuid = unknown
from bot.__main__ import main
raise SystemExit(main())
"""
"""The command line for a uid without an entry in /etc/passwd, as `docker run --user 12345`."""


def run_as_stranger(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command without HOME, and without anything else but a PATH."""
    return subprocess.run(
        [sys.executable, "-c", STRANGER, *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("settings",), "state_dir: .meshbot"),
        (
            ("doctor",),
            f"kubeconfig: there is no file {NOWHERE}/.kube/config; name yours in MESHBOT_",
        ),
    ],
)
def test_a_user_without_a_home_gets_answers(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    """No traceback, neither from us nor from a library that looks for a home when it is imported."""
    ended = run_as_stranger(tmp_path, *arguments)
    assert "Traceback" not in ended.stderr
    assert said in ended.stdout


def test_a_home_that_is_there_is_left_alone() -> None:
    """HOME is set only for who has none."""
    environ = {"HOME": "/home/me"}
    name_home(environ)
    assert environ == {"HOME": "/home/me"}


def test_the_sandboxs_istioctl_runs_below_a_path_with_blanks(tmp_path: Path) -> None:
    """An interpreter whose path a script's first line cannot hold."""
    folder = tmp_path / ("a virtual environment " + "x" * 120)
    folder.mkdir()
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    write = (
        "import sys; sys.executable = sys.argv[1]\n"
        "from sandbox.istio.release_directory import write_release\n"
        "print(write_release(sys.argv[2], '1.30.3').istioctl)"
    )
    where = subprocess.run(
        [sys.executable, "-c", write, str(python), str(tmp_path / "my release")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    told = subprocess.run(
        [where, "version", "--remote=false"], capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stderr) == (0, "")
    assert "1.30.3" in told.stdout
