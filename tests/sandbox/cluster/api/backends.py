"""Something behind Services and pods, for tests of webhooks and of the proxy."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from sandbox.cluster.contract import ApiError, Request, Response

Review = dict[str, Any]


class Backends:
    """Answers by a function, and keeps what it was asked."""

    def __init__(self, answer: Callable[[Request], Response]) -> None:
        self._answer = answer
        self.asked: list[tuple[str, str, int | str, Request]] = []

    async def call(
        self, namespace: str, service: str, port: int | str, request: Request
    ) -> Response:
        self.asked.append((namespace, service, port, request))
        return self._answer(request)

    async def call_pod(
        self, namespace: str, pod: str, port: int | str, request: Request
    ) -> Response:
        return await self.call(namespace, pod, port, request)


def review(change: Callable[[Review], Review]) -> Callable[[Request], Response]:
    """A webhook: from the question's `request` to the answer's `response` (its uid is filled in)."""

    def answer(request: Request) -> Response:
        asked = json.loads(request.body)["request"]
        return Response(
            body=json.dumps({"response": {"uid": asked["uid"], **change(asked)}}).encode()
        )

    return answer


def patch(*operations: dict[str, Any]) -> Review:
    """An answer that allows with a JSON patch."""
    encoded = base64.b64encode(json.dumps(operations).encode()).decode()
    return {"allowed": True, "patchType": "JSONPatch", "patch": encoded}


def no_endpoints(request: Request) -> Response:
    """What the cluster says when no pod is ready."""
    raise ApiError(503, "ServiceUnavailable", 'no endpoints available for service "hook"')


def configuration(kind: str, **hook: Any) -> dict[str, Any]:
    """A webhook configuration about new ConfigMaps, behind Service default/hook."""
    rule = {
        "operations": ["CREATE"],
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "resources": ["configmaps"],
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": f"{kind}WebhookConfiguration",
        "metadata": {"name": "hooks"},
        "webhooks": [
            {
                "name": "a.example.com",
                "clientConfig": {
                    "service": {"name": "hook", "namespace": "default", "path": "/ask"}
                },
                "rules": [rule],
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                **hook,
            }
        ],
    }
