"""The routes of the Gateway API that istiod watches, of all kinds that have a status."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

from sandbox.cluster.contract import Client, Object, Ref
from sandbox.cluster.machinery.informer import Informer
from sandbox.istio.istiod.gateway_classes import GROUP
from sandbox.istio.istiod.work import WorkKey

KINDS = ("HTTPRoute", "GRPCRoute", "TLSRoute")
_Changed = Callable[[str, Object | None, Object | None], None]
"""Takes the kind of a route that changed, and what it was and is."""


class RouteWatches:
    """Routes as last seen. A WorkKey's work is the kind of its route."""

    def __init__(self, client: Client, changed: _Changed) -> None:
        self._informers = {kind: Informer(client, Ref(GROUP, f"{kind.lower()}s")) for kind in KINDS}
        for kind, informer in self._informers.items():
            informer.add_listener(functools.partial(changed, kind))

    def __iter__(self) -> Iterator[Informer]:
        return iter(self._informers.values())

    def list_routes(self) -> list[Object]:
        """Return the routes of all kinds."""
        return [route for each in self for route in each.objects.values()]

    def list_keys(self) -> list[WorkKey]:
        """Return the keys of all routes."""
        return [
            WorkKey(kind, *key) for kind, each in self._informers.items() for key in each.objects
        ]

    def find(self, key: WorkKey) -> Object | None:
        """Return the route that an item of work is about."""
        return self._informers[key.work].get((key.namespace, key.name))
