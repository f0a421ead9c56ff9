"""Settings that are repeated in an upgrade, against an istioctl that does not take all of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bot.errors import IstioError
from bot.knowledge.istio import kept_settings
from tests.istio.conftest import Release

SETS = (
    "values.pilot.cni.resources.requests.cpu=10m",
    "values.pilot.resources.requests.cpu=20m",
    "values.a.b=c",
)
REFUSES = """case "$*" in *cni.resources*)
printf '%s' 'Error: generate config: unknown field "resources" ' >&2
echo 'in istio.operator.v1alpha1.CNIUsageConfig' >&2; exit 1;; esac
echo 'kind: ConfigMap'"""


def flags(sets: Sequence[str]) -> tuple[str, ...]:
    """The settings as istioctl is given them."""
    return tuple(word for one in sets for word in ("--set", one))


async def test_a_setting_that_istioctl_does_not_know_is_lost_and_named(release: Release) -> None:
    """Only that one: the same field elsewhere is repeated."""
    found, _ = await kept_settings.drop_unknown_settings(release(REFUSES), SETS, flags)
    assert found == kept_settings.InstalledSettings(SETS[1:], ("pilot.cni.resources.requests.cpu",))


async def test_another_refusal_is_istioctls_own(release: Release) -> None:
    """What cannot be mended by leaving a setting out is said."""
    with pytest.raises(IstioError, match="no such profile"):
        await kept_settings.drop_unknown_settings(
            release("echo 'Error: no such profile' >&2; exit 1"), SETS, flags
        )
