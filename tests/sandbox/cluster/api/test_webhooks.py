"""Admission webhooks and policies: who is asked, what answers change, and what failures say."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.cluster.contract import ApiError, Client, Ref, Response
from sandbox.cluster.server import ApiServer
from tests.sandbox.cluster.api.backends import Backends, configuration, no_endpoints, patch, review
from tests.sandbox.cluster.api.objects import config_map, definition, service

MAPS = Ref("", "configmaps")
_ADD = {"op": "add", "path": "/metadata/labels", "value": {"seen": "yes"}}


async def hook(server: ApiServer, kind: str, answer: Any, **fields: Any) -> Backends:
    """Installs a webhook that answers so."""
    backends = Backends(answer)
    server.backends = backends
    client = server.client("setup")
    await client.create(service("hook", "default", ports=[{"port": 443}]))
    await client.create(configuration(kind, **fields))
    return backends


async def test_a_mutating_webhook_changes_the_object(server: ApiServer, client: Client) -> None:
    """Its JSON patch is applied before the object is stored, and it was asked about exactly that
    object."""
    backends = await hook(server, "Mutating", review(lambda asked: patch(_ADD)))
    made = await client.create(config_map(namespace="default"))
    namespace, name, port, request = backends.asked[0]
    assert made["metadata"]["labels"] == {"seen": "yes"}
    assert (namespace, name, port, request.path, request.query) == (
        "default",
        "hook",
        443,
        "/ask",
        "timeout=10s",
    )


async def test_a_validating_webhook_denies_in_kubernetes_words(
    server: ApiServer, client: Client
) -> None:
    """A denial without a code of its own is 400, with the webhook's name and message; nothing is
    stored."""
    await hook(
        server,
        "Validating",
        review(lambda asked: {"allowed": False, "status": {"message": "not so"}}),
    )
    with pytest.raises(
        ApiError, match='admission webhook "a.example.com" denied the request: not so'
    ) as refused:
        await client.create(config_map(namespace="default"))
    assert refused.value.code == 400
    assert await client.get(MAPS, "a", "default") is None


async def test_a_webhook_that_is_down_fails_the_request(server: ApiServer, client: Client) -> None:
    """failurePolicy Fail is a 500 with the URL and the reason."""
    await hook(server, "Mutating", no_endpoints)
    with pytest.raises(ApiError) as failed:
        await client.create(config_map(namespace="default"))
    assert failed.value.code == 500
    assert failed.value.message == (
        'Internal error occurred: failed calling webhook "a.example.com": failed to call webhook: '
        "Post "
        '"https://hook.default.svc:443/ask?timeout=10s": no endpoints available for service "hook"'
    )


@pytest.mark.parametrize(
    "answer", [no_endpoints, lambda request: Response(500, b"broken"), lambda request: Response()]
)
async def test_a_failure_may_be_ignored(server: ApiServer, client: Client, answer: Any) -> None:
    """failurePolicy Ignore lets the object pass unchanged, whatever went wrong."""
    await hook(server, "Validating", answer, failurePolicy="Ignore")
    assert await client.create(config_map(namespace="default"))


async def test_a_missing_service_is_named(server: ApiServer, client: Client) -> None:
    """The Service itself is looked up first."""
    await hook(server, "Validating", no_endpoints)
    await client.delete(Ref("", "services"), "hook", "default")
    with pytest.raises(ApiError, match='service "hook" not found'):
        await client.create(config_map(namespace="default"))


@pytest.mark.parametrize(
    "fields",
    [
        {"namespaceSelector": {"matchLabels": {"inject": "yes"}}},
        {"objectSelector": {"matchExpressions": [{"key": "inject", "operator": "Exists"}]}},
        {
            "rules": [
                {
                    "operations": ["UPDATE"],
                    "apiGroups": ["*"],
                    "apiVersions": ["*"],
                    "resources": ["*"],
                }
            ]
        },
        {
            "rules": [
                {
                    "operations": ["*"],
                    "apiGroups": [""],
                    "apiVersions": ["v1"],
                    "resources": ["pods"],
                }
            ]
        },
    ],
)
async def test_what_does_not_match_is_not_asked_about(
    server: ApiServer, client: Client, fields: Any
) -> None:
    """Namespace and object selectors, operations and resources all narrow a webhook down."""
    backends = await hook(server, "Validating", no_endpoints, **fields)
    await client.create(config_map(namespace="default"))
    assert backends.asked == []


async def test_a_labelled_namespace_is_asked_about(server: ApiServer, client: Client) -> None:
    """The selector sees the namespace's labels as they are at the time."""
    fields = {"namespaceSelector": {"matchLabels": {"inject": "yes"}}}
    backends = await hook(server, "Mutating", review(lambda asked: {"allowed": True}), **fields)
    await client.merge(
        Ref("", "namespaces"), "default", "", {"metadata": {"labels": {"inject": "yes"}}}
    )
    await client.create(config_map(namespace="default"))
    assert len(backends.asked) == 1


POLICY = "safe-upgrades.gateway.networking.k8s.io"
_POLICY = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingAdmissionPolicy",
    "metadata": {"name": POLICY},
    "spec": {"validations": [{"expression": "true"}]},
}
_BINDING = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingAdmissionPolicyBinding",
    "metadata": {"name": POLICY},
    "spec": {"policyName": POLICY, "validationActions": ["Deny"]},
}


def gateway_crd(version: str, channel: str = "standard") -> dict[str, Any]:
    """A CRD of the Gateway API's group, of that bundle version."""
    crd = definition("gateways", "gateway.networking.k8s.io")
    prefix = "gateway.networking.k8s.io"
    crd["metadata"]["annotations"] = {
        f"{prefix}/bundle-version": version,
        f"{prefix}/channel": channel,
    }
    crd["metadata"]["annotations"]["api-approved.kubernetes.io"] = "https://example.com/approval"
    return crd


@pytest.mark.parametrize(
    ("version", "fine"), [("v1.1.0", False), ("v0.8.1", False), ("v1.5.1", True)]
)
async def test_old_gateway_crds_are_refused_by_the_safe_upgrades_policy(
    client: Client, version: str, fine: bool
) -> None:
    """Once the policy and its binding are there, bundle versions before v1.5.0 are denied with its
    sentence."""
    for obj in (_POLICY, _BINDING):
        await client.create(obj)
    if fine:
        assert await client.create(gateway_crd(version))
        return
    with pytest.raises(
        ApiError, match="Installing CRDs with version before v1.5.0 is prohibited by default"
    ) as denied:
        await client.create(gateway_crd(version))
    assert (denied.value.code, denied.value.reason) == (422, "Invalid")
    assert denied.value.message.startswith(
        'customresourcedefinitions.apiextensions.k8s.io "gateways.gateway.networking.k8s.io" is '
        "forbidden: "
        f"ValidatingAdmissionPolicy '{POLICY}' with binding '{POLICY}' denied request: "
    )


async def test_without_the_policy_old_gateway_crds_are_taken(client: Client) -> None:
    """The rule is the policy's, not the server's."""
    assert await client.create(gateway_crd("v1.1.0"))
