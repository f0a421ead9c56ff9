"""What an installation is judged by: its webhooks, and those whom they ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.knowledge.istio.revisions import is_taken_over
from bot.knowledge.istio.verify import explain_silent_injector
from tests.knowledge.observe.stage import asking

WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
ISTIOD = {"name": "istiod", "namespace": "istio-system"}
SERVICE: dict[str, Any] = {"metadata": ISTIOD, "spec": {"selector": {"app": "istiod"}}}


def ready(status: str) -> dict[str, Any]:
    """A list of one pod that is ready, or not."""
    condition = {"type": "Ready", "status": status}
    return {"items": [{"metadata": {"name": "p"}, "status": {"conditions": [condition]}}]}


@pytest.mark.parametrize(
    ("service", "pods", "says"),
    [
        (None, {"items": []}, "Service istiod in istio-system, which is not there"),
        (SERVICE, {"items": []}, "Service istiod in istio-system, which has no ready pod"),
        (SERVICE, ready("False"), "Service istiod in istio-system, which has no ready pod"),
        (SERVICE, ready("True"), ""),
    ],
)
async def test_the_ca_of_an_istiod_that_is_gone_is_no_answer(
    tmp_path: Path, service: dict[str, Any] | None, pods: dict[str, Any], says: str
) -> None:
    """A webhook keeps its CA: that injection answers rests on a pod that is ready to."""
    hook = {"name": "namespace.sidecar-injector.istio.io"}
    webhook = {
        "metadata": {"name": "istio-revision-tag-default"},
        "webhooks": [hook | {"clientConfig": {"caBundle": "Y2E=", "service": ISTIOD}}],
    }
    core = "/api/v1/namespaces/istio-system"
    answers: dict[str, Any] = {
        f"{WEBHOOKS}/istio-revision-tag-default": webhook,
        f"{core}/pods": pods,
    }
    if service is not None:
        answers[f"{core}/services/istiod"] = service
    async with asking(answers, tmp_path) as context:
        assert says in str(await explain_silent_injector(context))
        assert bool(await explain_silent_injector(context)) == bool(says)


@pytest.mark.parametrize(
    ("name", "labels", "namespace", "taken"),
    [
        ("istio-revision-tag-default", {"istio.io/tag": "default"}, "istio-system", False),
        (
            "istio-revision-tag-default",
            {"istio.io/tag": "default", "istio.io/rev": "canary"},
            "istio-system",
            True,
        ),
        ("istio-revision-tag-stable", {"istio.io/tag": "stable"}, "istio-system", False),
        ("istio-sidecar-injector-canary", {"istio.io/rev": "canary"}, "istio-system", False),
        ("istio-sidecar-injector", {"istio.io/rev": "default"}, "istio-system", False),
        ("istio-sidecar-injector", {"istio.io/rev": "default"}, "other-mesh", True),
    ],
)
def test_only_what_leads_elsewhere_is_taken_over(
    name: str, labels: dict[str, str], namespace: str, taken: bool
) -> None:
    """An installation writes the injector and the default tag, and no other revision's webhooks."""
    hook = {"clientConfig": {"service": {"name": "istiod", "namespace": namespace}}}
    webhook = {"metadata": {"name": name, "labels": labels}, "webhooks": [hook]}
    assert is_taken_over(webhook, "istio-system") == taken
