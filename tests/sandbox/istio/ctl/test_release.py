"""The release directory."""

from __future__ import annotations

import asyncio
import resource
from pathlib import Path

import pytest
import yaml

from sandbox.istio.profiles import NAMES
from sandbox.istio.release_directory import write_release


@pytest.mark.long
@pytest.mark.parametrize(("version", "bundle"), [("1.30.3", "v1.5.1"), ("1.23.2", "v1.1.0")])
def test_a_release_has_the_real_layout(tmp_path: Path, version: str, bundle: str) -> None:
    """istioctl, ten profiles, the workshop's samples, and the Gateway API the release is built
    against."""
    written = write_release(tmp_path, version)
    profiles = sorted(path.stem for path in (tmp_path / "manifests" / "profiles").glob("*.yaml"))
    channel = list(yaml.safe_load_all(written.gateway_api.read_text()))
    marks = {
        o["metadata"]["annotations"]["gateway.networking.k8s.io/bundle-version"] for o in channel
    }
    assert profiles == list(NAMES)
    assert marks == {bundle}
    assert (tmp_path / "samples" / "bookinfo" / "platform" / "kube" / "bookinfo.yaml").is_file()


async def test_its_istioctl_runs_and_starts_fast(tmp_path: Path) -> None:
    """The script needs no environment of ours, and answers for a fraction of a second of
    processor time."""
    written = write_release(tmp_path, "1.23.2")
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    process = await asyncio.create_subprocess_exec(
        written.istioctl,
        "version",
        "--remote=false",
        stdout=asyncio.subprocess.PIPE,
        env={"HOME": str(tmp_path)},
    )
    out, _ = await process.communicate()
    assert out == b"client version: 1.23.2\n"
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 0.5


def test_a_newer_version_is_played_as_the_newest_known(tmp_path: Path) -> None:
    """An unknown release gets the newest tables, under their own version."""
    written = write_release(tmp_path, "1.99.0")
    assert "version='1.32-alpha'" in written.istioctl.read_text()
