"""Webhook configurations that istioctl leaves unfinished: istiod adds its root certificate, and closes validation."""

from __future__ import annotations

import base64
import copy

from bot.sandbox.cluster.contract import Client, Object, Ref
from bot.sandbox.istio.istiod_mesh import Identity

INJECTORS = Ref("admissionregistration.k8s.io", "mutatingwebhookconfigurations")
VALIDATORS = Ref("admissionregistration.k8s.io", "validatingwebhookconfigurations")
_INJECTOR_SUFFIX = "sidecar-injector.istio.io"
_VALIDATOR_SUFFIX = "validation.istio.io"


def is_ours(configuration: Object, me: Identity) -> bool:
    """Whether a webhook configuration belongs to this istiod's revision."""
    labels = configuration["metadata"].get("labels") or {}
    return bool(labels.get("istio.io/rev") == me.revision)


async def finish_injector(client: Client, configuration: Object, root: str) -> None:
    """Sets the root certificate of injection webhooks."""
    await _write(client, configuration, _INJECTOR_SUFFIX, {}, root)


async def finish_validator(client: Client, configuration: Object, root: str, *, serving: bool) -> None:
    """Sets the root certificate of validation webhooks and, once istiod serves, their failurePolicy to Fail."""
    policy = {"failurePolicy": "Fail"} if serving else {}
    await _write(client, configuration, _VALIDATOR_SUFFIX, policy, root)


async def _write(client: Client, configuration: Object, suffix: str, fields: Object, root: str) -> None:
    wanted = copy.deepcopy(configuration)
    bundle = base64.b64encode(root.encode()).decode()
    for hook in wanted.get("webhooks") or []:
        if hook["name"].endswith(suffix):
            hook["clientConfig"]["caBundle"] = bundle
            hook.update(fields)
    if wanted != configuration:
        await client.update(wanted)
