"""Admission beyond Kubernetes' own plugins: webhooks and admission policies, in the order of Kubernetes."""

from __future__ import annotations

from bot.sandbox.cluster.contract import Object
from bot.sandbox.cluster.operations import Review
from bot.sandbox.cluster.policies import Policies
from bot.sandbox.cluster.webhooks import Webhooks


class Chain:
    """Mutating webhooks; later validating policies, then validating webhooks."""

    def __init__(self, webhooks: Webhooks, policies: Policies) -> None:
        self._webhooks, self._policies = webhooks, policies

    async def mutate(self, review: Review) -> Object:
        """The object after all mutating webhooks (the same one when none changed it)."""
        return await self._webhooks.mutate(review)

    async def validate(self, review: Review) -> None:
        """Raises ApiError for what a policy or a webhook refuses."""
        self._policies.validate(review)
        await self._webhooks.validate(review)
