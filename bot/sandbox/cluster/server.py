"""The embedded API server as one thing to start and stop: store, admission, and clients in process."""

from __future__ import annotations

from bot.sandbox.clock import Clock
from bot.sandbox.cluster.admission import Chain
from bot.sandbox.cluster.api import Api
from bot.sandbox.cluster.client import LocalClient
from bot.sandbox.cluster.contract import Client, ServiceBackends
from bot.sandbox.cluster.definition_controller import DefinitionController
from bot.sandbox.cluster.faults import Faults
from bot.sandbox.cluster.kinds import Kinds
from bot.sandbox.cluster.policies import Policies
from bot.sandbox.cluster.store import Store
from bot.sandbox.cluster.webhooks import Webhooks


class ApiServer:
    """A Kubernetes 1.36 API, so far in process only.

    `history` is how many changes of each type a watch can go back over before it is told 410.
    """

    def __init__(self, clock: Clock, *, backends: ServiceBackends | None = None, history: int = 10_000) -> None:
        self.store = Store(history)
        self.faults = Faults()
        self._kinds = Kinds()
        self._webhooks = Webhooks(self.store, clock)
        self._definitions = DefinitionController(self.store, self._kinds, clock)
        chain = Chain(self._webhooks, Policies(self.store))
        self._api = Api(self.store, self._kinds, clock, chain, self._definitions)
        self.backends = backends

    @property
    def backends(self) -> ServiceBackends | None:
        """What answers behind Services and pods; webhooks and the proxy go through it. May be set after the start."""
        return self._webhooks.backends

    @backends.setter
    def backends(self, backends: ServiceBackends | None) -> None:
        self._webhooks.backends = backends

    def client(self, manager: str) -> Client:
        """The API in process; works before `start` too."""
        return LocalClient(self._api, manager)

    def restart(self) -> None:
        """What clients see of a restart: every watch is cut, and nothing that is stored is lost."""
        self.store.cut()

    async def stop(self) -> None:
        """Ends every watch and task; clients in process see their watches end."""
        self.store.cut()
        await self._definitions.stop()
