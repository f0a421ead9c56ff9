"""The Istio releases that the sandbox plays: each is one module `istio_*` of this package.

Adding a release is adding a module whose `RELEASE` is its `IstioRelease`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib import import_module
from pkgutil import iter_modules

from sandbox.releases.release import IstioRelease, KialiTraits, parse_minor_version


def _load_releases() -> Mapping[str, IstioRelease]:
    names = [module.name for module in iter_modules(__path__) if module.name.startswith("istio_")]
    found = [import_module(f"{__name__}.{name}").RELEASE for name in names]
    return {release.version: release for release in sorted(found, key=_sort_key)}


def _sort_key(release: IstioRelease) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", release.version)]


RELEASES = _load_releases()
"""The releases that can be played, by version, oldest first."""

NEWEST = [r for v, r in RELEASES.items() if re.fullmatch(r"[\d.]+", v)][-1]
"""The newest that was released: alphas and the like are played when they are asked for."""


def find_release(version: str) -> IstioRelease:
    """Return the release that a version such as `1.30.3` is played as.

    An unknown version is played as the newest known one whose minor version is not newer, else
    as the oldest; what is no version, as the newest.
    """
    return RELEASES.get(version) or _find_nearest(version, lambda release: release.version)


def find_kiali_traits(version: str) -> KialiTraits:
    """Return the traits of a Kiali such as `v2.26` by the same rule."""
    return _find_nearest(version, lambda release: release.kiali.version).kiali


def _find_nearest(version: str, read_version: Callable[[IstioRelease], str]) -> IstioRelease:
    wanted = parse_minor_version(version)
    if wanted is None:
        return NEWEST
    # Of equal versions the later release's; a newer release may bring an older Kiali than another.
    known = sorted(
        RELEASES.values(), key=lambda each: parse_minor_version(read_version(each)) or ()
    )
    older = [
        each for each in known if (parse_minor_version(read_version(each)) or wanted) <= wanted
    ]
    return older[-1] if older else known[0]


def parse_image_version(image: str) -> str:
    """Return the version in an image reference: its tag without the variant.

    `…/pilot:1.30.3-distroless` gives `1.30.3`.
    """
    tag = image.rsplit("/", 1)[-1].partition(":")[2].partition("@")[0]
    return re.sub(r"-(distroless|debug)$", "", tag)
