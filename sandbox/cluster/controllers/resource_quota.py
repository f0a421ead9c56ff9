"""The ResourceQuota controller: shows in each quota's status what is used of it."""

from __future__ import annotations

from sandbox.cluster.admission.quota_usage import (
    QUOTAS,
    find_counted_type,
    list_hard,
    measure_usage,
    show_amount,
)
from sandbox.cluster.contract import ApiError, Object, Ref
from sandbox.cluster.controllers.controller_context import ControllerContext
from sandbox.cluster.machinery.informer import enqueue_for_object
from sandbox.cluster.machinery.meta import CONFIG_MAPS, PODS, SERVICES, Key, key_of

_FOLLOWED = (PODS, SERVICES, CONFIG_MAPS)
"""Types whose changes bring a quota up to date at once; others are counted with the next one."""


class ResourceQuotaController:
    """Runs on ResourceQuotas and on what most of them count."""

    def __init__(self, context: ControllerContext) -> None:
        self._context = context
        self._quotas = context.informers.for_resource(QUOTAS)
        self.queue = context.start_queue("resourcequota", self.sync)
        self._quotas.add_listener(enqueue_for_object(self.queue))
        for ref in _FOLLOWED:
            context.informers.for_resource(ref).add_listener(self._on_object_changed)

    def _on_object_changed(self, before: Object | None, after: Object | None) -> None:
        obj = after or before
        if obj is None:
            return
        for quota in self._quotas.list_by_index("namespace", obj["metadata"]["namespace"]):
            self.queue.add(key_of(quota))

    async def sync(self, key: Key) -> None:
        """Write the status of one quota, if it is another than before."""
        quota = self._quotas.get(key)
        if quota is None:
            return
        refs = {ref for name in list_hard(quota) if (ref := find_counted_type(name))}
        there = {ref: await self._list(ref, key.namespace) for ref in refs}
        used = measure_usage(quota, lambda ref: there[ref])
        status = {
            "hard": list_hard(quota),
            "used": {name: show_amount(name, amount) for name, amount in used.items()},
        }
        if status != quota.get("status"):
            await self._context.update_status(QUOTAS, {**quota, "status": status})

    async def _list(self, ref: Ref, namespace: str) -> list[Object]:
        try:
            return await self._context.client.list(ref, namespace)
        except ApiError as error:
            # A quota may count a type that is not served.
            if error.code != 404:
                raise
            return []
