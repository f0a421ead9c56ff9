"""Admission beyond Kubernetes' own plugins: webhooks and admission policies, in the order of
Kubernetes."""

from __future__ import annotations

from sandbox.cluster.admission.policies import Policies
from sandbox.cluster.admission.webhooks import Webhooks
from sandbox.cluster.contract import Object
from sandbox.cluster.operations import AdmissionRequest


class AdmissionChain:
    """Mutating webhooks; later validating policies, then validating webhooks."""

    def __init__(self, webhooks: Webhooks, policies: Policies) -> None:
        self._webhooks, self._policies = webhooks, policies

    async def mutate(self, review: AdmissionRequest) -> Object:
        """Return the object after all mutating webhooks (the same one when none changed it)."""
        return await self._webhooks.mutate(review)

    async def validate(self, review: AdmissionRequest) -> None:
        """Raise ApiError when a policy or a webhook refuses the request."""
        self._policies.validate(review)
        await self._webhooks.validate(review)
