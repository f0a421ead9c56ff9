"""What files say of themselves in `pytestmark` where it takes more than one mark."""

from __future__ import annotations

import os

import pytest

REALCLUSTER = ("REALCLUSTER", "KUBECONFIG", "ISTIO_HOME", "GATEWAY_API_CRDS")
"""The variables that a real control plane sets."""


def realcluster(*, seconds: float) -> list[pytest.MarkDecorator]:
    """Marks of tests that need a real control plane, and that long at most."""
    return [
        pytest.mark.realcluster,
        pytest.mark.timeout(seconds),
        pytest.mark.skipif(
            not os.environ.keys() >= set(REALCLUSTER),
            reason=f"needs a real control plane: {', '.join(REALCLUSTER)} are not set",
        ),
    ]
