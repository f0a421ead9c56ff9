"""Admission beyond what completes an object: built-in plugins, webhooks and admission policies, in
the order of Kubernetes."""

from __future__ import annotations

from dataclasses import replace

from sandbox.cluster.admission.limit_ranges import LimitRanges
from sandbox.cluster.admission.pod_security import PodSecurity
from sandbox.cluster.admission.policies import Policies
from sandbox.cluster.admission.quotas import Quotas
from sandbox.cluster.admission.webhooks import Webhooks
from sandbox.cluster.contract import Object
from sandbox.cluster.operations import AdmissionRequest
from sandbox.cluster.store import Store


class AdmissionChain:
    """Defaults of LimitRanges and mutating webhooks; later bounds, Pod Security, validating
    policies and webhooks, and quotas."""

    def __init__(self, webhooks: Webhooks, store: Store) -> None:
        self._webhooks, self._policies = webhooks, Policies(store)
        self._limits, self._quotas = LimitRanges(store), Quotas(store)
        self._security = PodSecurity(store)

    async def mutate(self, review: AdmissionRequest) -> Object:
        """Return the object after all that may change it (the same one when nothing did)."""
        before = self._limits.complete_pod(review, review.obj or {})
        after = await self._webhooks.mutate(replace(review, obj=before))
        # Kubernetes runs its own plugins once more when a webhook has changed the object.
        return after if after is before else self._limits.complete_pod(review, after)

    async def validate(self, review: AdmissionRequest) -> None:
        """Raise ApiError when a plugin, a policy or a webhook refuses the request."""
        self._limits.validate(review)
        self._security.validate(review)
        self._policies.validate(review)
        await self._webhooks.validate(review)
        # Last, with nothing awaited between the count and the write.
        self._quotas.validate(review)
