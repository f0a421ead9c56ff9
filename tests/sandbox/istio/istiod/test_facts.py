"""Which release is played: read off the image, the newest known where it is newer."""

from __future__ import annotations

import pytest

from sandbox.istio.istiod.release import (
    ISTIO_1_23,
    ISTIO_1_30,
    IstiodFacts,
    get_istiod_facts,
    parse_image_version,
)


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("docker.io/istio/pilot:1.30.3", "1.30.3"),
        ("docker.io/istio/pilot:1.30.3-distroless", "1.30.3"),
        ("localhost:5000/pilot:1.23.2", "1.23.2"),
        ("docker.io/istio/pilot", ""),
    ],
)
def test_the_version_is_the_images_tag(image: str, version: str) -> None:
    """A variant is not part of it, nor is a registry's port."""
    assert parse_image_version(image) == version


@pytest.mark.parametrize(
    ("version", "facts"),
    [
        ("1.23.2", ISTIO_1_23),
        ("1.30.3", ISTIO_1_30),
        ("1.29.0", ISTIO_1_23),
        ("1.32-alpha", ISTIO_1_30),
        ("1.20.0", ISTIO_1_23),
        ("", ISTIO_1_30),
    ],
)
def test_unknown_releases_are_treated_as_a_known_one(version: str, facts: IstiodFacts) -> None:
    """A newer one as the newest known, an older one as the oldest."""
    assert get_istiod_facts(version) is facts
