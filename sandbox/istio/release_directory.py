"""An Istio release as its archive unpacks: `bin/istioctl`, profiles and samples.

A Gateway API file is beside them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module, util
from pathlib import Path
from typing import Any

from sandbox.istio.components.gateway_api import build_standard_channel
from sandbox.istio.profiles import NAMES, build_profile_file
from sandbox.istio.render.chart_values import to_yaml
from sandbox.releases import find_release
from sandbox.releases.release import IstioRelease

_SOURCES = Path(__file__).resolve().parents[2]
_SAMPLES = "sandbox.istio.samples"
_LONGEST_INTERPRETER = 120
"""Characters of a path that kernels take in a script's first line (Linux before 5.1: 127)."""
_PROGRAM = """{first}
import sys

sys.path.insert(0, {sources!r})

from sandbox.istio.ctl.main import main

raise SystemExit(main(sys.argv[1:], version={version!r}, speed={speed!r}))
"""


@dataclass(frozen=True)
class ReleaseDirectory:
    """The paths of a written release and of its parts."""

    home: Path
    istioctl: Path
    gateway_api: Path


def write_release(
    directory: Path | str, version: str, *, gateway_api: str = "", speed: float = 1.0
) -> ReleaseDirectory:
    """Write the release into `directory` (created when missing) and return its paths.

    `gateway_api` is the Gateway API release of `gateway-api/standard-install.yaml`, by
    default the one that the Istio release is built against. `speed` is how fast the
    cluster's simulated time runs, for the waits of `istioctl`. A version newer than those
    known is simulated as the newest known.
    """
    home = Path(directory)
    release = find_release(version)
    istioctl = home / "bin" / "istioctl"
    _write_file(
        istioctl,
        _PROGRAM.format(
            first=_build_first_lines(sys.executable),
            sources=str(_SOURCES),
            version=release.version,
            speed=speed,
        ),
    )
    istioctl.chmod(0o755)
    _write_profiles(home / "manifests" / "profiles", release)
    channel = home / "gateway-api" / "standard-install.yaml"
    _write_file(
        channel, format_documents(build_standard_channel(gateway_api or release.gateway_api))
    )
    if util.find_spec(_SAMPLES):
        import_module(_SAMPLES).write_samples(home, release.version)
    return ReleaseDirectory(home, istioctl, channel)


def _build_first_lines(python: str) -> str:
    """Return what makes a script run with this interpreter.

    A first line takes no blanks and no long path, so that for such a one the shell reads the
    second line, and Python takes both for a text that nobody uses.
    """
    if " " not in python and len(python) <= _LONGEST_INTERPRETER:
        return f"#!{python}"
    return f"""#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''"""


def _write_profiles(place: Path, release: IstioRelease) -> None:
    for name in NAMES:
        _write_file(place / f"{name}.yaml", format_documents([build_profile_file(release, name)]))


def format_documents(objects: Iterable[Mapping[str, Any]]) -> str:
    """Return the objects as the text of a YAML file."""
    return "".join(f"---\n{to_yaml(obj)}\n" for obj in objects)


def _write_file(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
