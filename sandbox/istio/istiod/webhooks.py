"""Webhook configurations that istioctl leaves unfinished and istiod completes.

istiod adds its root certificate and sets the failurePolicy of validation.
"""

from __future__ import annotations

import base64
import copy

from sandbox.cluster.contract import Client, Object, Ref
from sandbox.istio.istiod.mesh_configuration import IstiodIdentity

INJECTORS = Ref("admissionregistration.k8s.io", "mutatingwebhookconfigurations")
VALIDATORS = Ref("admissionregistration.k8s.io", "validatingwebhookconfigurations")
_INJECTOR_SUFFIX = "sidecar-injector.istio.io"
_VALIDATOR_SUFFIX = "validation.istio.io"


def is_own_revision(configuration: Object, me: IstiodIdentity) -> bool:
    """Tell whether a webhook configuration belongs to this istiod's revision."""
    labels = configuration["metadata"].get("labels") or {}
    return bool(labels.get("istio.io/rev") == me.revision)


async def patch_injector(client: Client, configuration: Object, root: str) -> None:
    """Set the root certificate of injection webhooks."""
    await _update_webhooks(client, configuration, _INJECTOR_SUFFIX, {}, root)


async def patch_validator(
    client: Client, configuration: Object, root: str, *, serving: bool
) -> None:
    """Set the root certificate of validation webhooks.

    Once istiod serves, set their failurePolicy to Fail as well.
    """
    # Before istiod can answer, Fail would refuse every object of Istio's types.
    policy = {"failurePolicy": "Fail"} if serving else {}
    await _update_webhooks(client, configuration, _VALIDATOR_SUFFIX, policy, root)


async def _update_webhooks(
    client: Client, configuration: Object, suffix: str, fields: Object, root: str
) -> None:
    wanted = copy.deepcopy(configuration)
    bundle = base64.b64encode(root.encode()).decode()
    for hook in wanted.get("webhooks") or []:
        if hook["name"].endswith(suffix):
            hook["clientConfig"]["caBundle"] = bundle
            hook.update(fields)
    if wanted != configuration:
        await client.update(wanted)
