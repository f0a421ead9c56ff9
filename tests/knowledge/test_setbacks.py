"""What istioctl's last words mean, when no pod lags any more."""

from __future__ import annotations

import pytest

from bot.knowledge.istio.istioctl_failures import explain_silent_failure
from bot.knowledge.istio.istioctl_output import extract_errors

LATE = (
    "- Processing resources for Istiod. Waiting for Deployment/istio-system/istiod",
    "✘ Istiod encountered an error: failed to wait for resource: resources not ready after 5s: "
    "context deadline",
    "  Deployment/istio-system/istiod (containers with unready status: [discovery])",
    "Error: failed to install manifests: 1 error occurred:",
    "\t* failed to wait for resource: resources not ready after 5s: context deadline exceeded",
    "  Deployment/istio-system/istiod (containers with unready status: [discovery])",
)


@pytest.mark.parametrize(
    ("tail", "said"),
    [
        (LATE, "istioctl stopped waiting for pods"),
        ((), "said nothing"),
        (("✔ Istio core installed",), "said nothing"),
    ],
)
def test_an_end_that_nothing_explains_any_more(tail: tuple[str, ...], said: str) -> None:
    """Its waiting is not an error of its own; that it gave up too early is told all the same."""
    assert extract_errors(tail) == []
    assert said in str(explain_silent_failure(tail))
