"""Istio releases that are known, and the contents of a release directory."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from bot.text import Text

PROFILES = (
    "ambient",
    "default",
    "demo",
    "empty",
    "minimal",
    "openshift",
    "openshift-ambient",
    "preview",
    "remote",
    "stable",
)
"""The profiles of 1.23.2 and 1.30.3 alike, for a release directory that lacks `manifests/profiles`.
"""


@dataclass(frozen=True)
class KnownRelease:
    """A release line that the bot was checked against; `kubernetes` is the range of 1.x minors that
    it supports."""

    minor: int
    kubernetes: tuple[int, int]


KNOWN = (KnownRelease(23, (27, 30)), KnownRelease(30, (32, 36)))
"""Supported Kubernetes versions: istio.io, supported releases (1.23 and 1.30)."""


@dataclass(frozen=True)
class VersionAssessment:
    """A version compared with the releases that are known: which of them it is treated as,
    and remarks about that.
    """

    known: KnownRelease
    notes: tuple[Text, ...] = ()


def assess_version(version: str) -> VersionAssessment:
    """Return how to treat a release of this version, e.g. `1.30.3` or `1.32-alpha`."""
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is None:
        newest = KNOWN[-1]
        return VersionAssessment(
            newest,
            (
                Text(
                    "Istio says its version is {version}; it is treated as 1.{minor}.",
                    version=repr(version),
                    minor=newest.minor,
                ),
            ),
        )
    place = (int(found[1]), int(found[2]))
    for known in KNOWN:
        if place == (1, known.minor):
            return VersionAssessment(known)
    if place > (1, KNOWN[-1].minor):
        return _assess_newer_version(version)
    nearest = min(KNOWN, key=lambda known: (abs(known.minor - place[1]), known.minor))
    lines = " and ".join(f"1.{known.minor}" for known in KNOWN)
    return VersionAssessment(
        nearest,
        (
            Text(
                "Istio {version} was not checked (only {lines} were); it is treated as 1.{minor}.",
                version=version,
                lines=lines,
                minor=nearest.minor,
            ),
        ),
    )


def _assess_newer_version(version: str) -> VersionAssessment:
    newest = KNOWN[-1]
    return VersionAssessment(
        newest,
        (
            Text(
                "Istio {version} is newer than the newest release known here; it is treated as "
                "1.{minor}.",
                version=version,
                minor=newest.minor,
            ),
        ),
    )


def list_profiles(home: Path) -> tuple[str, ...]:
    """Return the profiles that the release directory lists, else the usual ten."""
    return (
        tuple(sorted(file.stem for file in (home / "manifests" / "profiles").glob("*.yaml")))
        or PROFILES
    )
