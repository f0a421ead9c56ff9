"""Which release is played: read off the image, the newest known where it is newer."""

from __future__ import annotations

import pytest

from sandbox.releases import find_release, parse_image_version


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
    ("version", "known"),
    [
        ("1.23.2", "1.23.2"),
        ("1.30.3", "1.30.3"),
        ("1.29.0", "1.23.2"),
        ("1.31.0", "1.30.3"),
        ("1.32.1", "1.32-alpha"),
        ("1.20.0", "1.23.2"),
        ("", "1.30.3"),
    ],
)
def test_unknown_releases_are_treated_as_a_known_one(version: str, known: str) -> None:
    """A newer one as the newest known, an older one as the oldest."""
    assert find_release(version).version == known
