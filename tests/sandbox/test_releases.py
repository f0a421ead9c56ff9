"""One release, one file: what is played of a release comes from its module alone."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

import sandbox
from sandbox.releases import NEWEST, RELEASES, find_kiali_traits, find_release

ROOT = Path(sandbox.__file__).parents[1]
THIRD = """
from dataclasses import replace

from sandbox.releases.istio_1_30_3 import RELEASE as BEFORE

RELEASE = replace(
    BEFORE,
    version="1.31.0",
    samples=replace(BEFORE.samples, kiali_image="quay.io/kiali/kiali:v2.30"),
    kiali=replace(BEFORE.kiali, version="v2.30.0", digest="sha1"),
)
"""
ASK = """
import contextlib, io, json, sys
from bot.cli.arguments import build_parser
from sandbox.istio.release_directory import write_release
from sandbox.releases import NEWEST, find_kiali_traits, find_release

given = build_parser().parse_args(["sandbox", "--istio", "1.31.0"])
written = write_release(sys.argv[1], given.istio)
print(json.dumps({
    "default": build_parser().parse_args(["sandbox"]).istio,
    "istioctl": str(written.istioctl),
    "kiali": (written.home / "samples/addons/kiali.yaml").read_text(),
    "digests": [find_kiali_traits(tag).digest for tag in ("v2.30", "v2.26")],
    "istiod": find_release("1.31.4").version,
}))
"""


async def run(*command: str, path: Path) -> str:
    """The output of a program that finds our packages on that path first."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join((str(path), str(ROOT)))}
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, env=env, cwd=path
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


@pytest.mark.long
async def test_a_file_is_a_release(tmp_path: Path) -> None:
    """The command line offers it, istioctl is it, its samples and its Kiali are its own."""
    shutil.copytree(
        ROOT / "sandbox", tmp_path / "sandbox", ignore=shutil.ignore_patterns("__pycache__")
    )
    (tmp_path / "sandbox" / "releases" / "istio_1_31_0.py").write_text(THIRD)
    told = json.loads(
        await run(sys.executable, "-c", ASK, str(tmp_path / "release"), path=tmp_path)
    )
    assert told["default"] == "1.31.0"
    assert "image: quay.io/kiali/kiali:v2.30\n" in told["kiali"]
    assert "version: v2.30.0\n" in told["kiali"]
    assert (told["digests"], told["istiod"]) == (["sha1", "sha256"], "1.31.0")
    stated = await run(told["istioctl"], "version", "--remote=false", path=tmp_path)
    assert stated == "client version: 1.31.0\n"


def test_every_release_is_found_under_its_own_names() -> None:
    """By its version and by its Kiali's; the newest stands for what is no version."""
    for version, release in RELEASES.items():
        assert find_release(version) is release
        assert find_kiali_traits(release.kiali.version) is release.kiali
    assert find_release("latest") is NEWEST
