"""Which images can be pulled: of the workshop's families those that were published, of others all."""

from __future__ import annotations

import pytest

from sandbox.cluster.kubelet.known_images import find_missing_image
from sandbox.releases import RELEASES
from sandbox.releases.release import IstioRelease

BOOKINFO = "docker.io/istio/examples-bookinfo"


@pytest.mark.parametrize("release", RELEASES.values(), ids=RELEASES)
@pytest.mark.parametrize("name", ["productpage-v1", "details-v1", "ratings-v1", "reviews-v3"])
def test_what_a_release_uses_is_there(release: IstioRelease, name: str) -> None:
    """Its samples' images, and its add-ons'."""
    samples = release.samples
    assert find_missing_image(samples.bookinfo_image.format(name)) == ""
    assert find_missing_image(samples.kiali_image) == ""


@pytest.mark.parametrize(
    "name",
    [
        f"{BOOKINFO}-reviews-v2:1.20.1",
        "docker.io/istio/pilot:1.30.3-distroless",
        "docker.io/istio/proxyv2:1.32-alpha.0123abc",
        "docker.io/istio/pilot@sha256:" + "0" * 64,
        "docker.io/library/nginx:1.27",
        "registry.corp/istio/reviews:1",
    ],
)
def test_published_and_others(name: str) -> None:
    """What was published can be pulled, and what nothing is known of."""
    assert find_missing_image(name) == ""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (f"{BOOKINFO}-reviews-v2:1.20.99", ": not found"),
        (f"{BOOKINFO}-reviews-v2:v2", ": not found"),
        (f"{BOOKINFO}-review-v2:1.20.1", "pull access denied"),
        (f"{BOOKINFO}-reviews-v4:1.20.1", "pull access denied"),
        ("docker.io/istio/pilot:2.0.0", ": not found"),
        ("docker.io/istio/nonesuch:1", "pull access denied"),
        ("quay.io/kiali/kiali:v9", ": not found"),
    ],
)
def test_mistyped(name: str, words: str) -> None:
    """A tag that was never published is not found; a repository that is not there is denied."""
    assert words in find_missing_image(name)
