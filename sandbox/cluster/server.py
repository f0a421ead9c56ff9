"""The embedded API server as a whole: store, admission, HTTP, and clients in process."""

from __future__ import annotations

import asyncio
import base64

from aiohttp import web

from sandbox.certificate import create_loopback_certificate
from sandbox.clock import Clock
from sandbox.cluster.admission.chain import AdmissionChain
from sandbox.cluster.admission.webhooks import Webhooks
from sandbox.cluster.api import Api
from sandbox.cluster.client import LocalClient
from sandbox.cluster.contract import Client, Object, PodAccess, PodLogs, ServiceBackends
from sandbox.cluster.controllers.crds import DefinitionController
from sandbox.cluster.faults import ApiFaults
from sandbox.cluster.http.front import ApiHandlers
from sandbox.cluster.http.listener import Listener
from sandbox.cluster.kinds import Kinds
from sandbox.cluster.store import Store

CONTEXT = "sandbox"


class ApiServer:
    """A Kubernetes 1.36 API on loopback, for whoever has the token of its kubeconfig.

    `history` is how many changes of each type a watch can go back over before it is told
    410. `faults` injects failures into it.
    """

    def __init__(
        self, clock: Clock, *, backends: ServiceBackends | None = None, history: int = 10_000
    ) -> None:
        self.store = Store(history)
        self.faults = ApiFaults()
        self._kinds = Kinds()
        self._webhooks = Webhooks(self.store, clock)
        self._definitions = DefinitionController(self.store, self._kinds, clock)
        chain = AdmissionChain(self._webhooks, self.store)
        self._api = Api(self.store, self._kinds, clock, chain, self._definitions)
        self._front = ApiHandlers(self._api, self.faults)
        self._runner: web.AppRunner | None = None
        self._listener: Listener | None = None
        self.backends = backends
        self._certificate = create_loopback_certificate()
        self.url = ""

    @property
    def backends(self) -> ServiceBackends | None:
        """The backends behind Services and pods, which webhooks and the proxy go through.

        They may be set after the start.
        """
        return self._front.subresources.backends

    @backends.setter
    def backends(self, backends: ServiceBackends | None) -> None:
        self._front.subresources.backends = self._webhooks.backends = backends

    @property
    def kinds(self) -> Kinds:
        """The resource types that are served now; it changes with the CRDs."""
        return self._kinds

    @property
    def logs(self) -> PodLogs | None:
        """The source of `kubectl logs`; logs are empty when there is none."""
        return self._front.subresources.logs

    @logs.setter
    def logs(self, logs: PodLogs | None) -> None:
        self._front.subresources.logs = logs

    @property
    def access(self) -> PodAccess | None:
        """What acts inside pods for `kubectl exec` and `port-forward`; both are refused when there
        is none.
        """
        return self._front.subresources.access

    @access.setter
    def access(self, access: PodAccess | None) -> None:
        self._front.subresources.access = access

    def client(self, manager: str) -> Client:
        """Return an in-process client that writes as that field manager.

        It works before `start` too.
        """
        return LocalClient(self._api, manager)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Serve; `url` says where plain HTTP is taken, the kubeconfig where TLS is."""
        runner = web.AppRunner(
            self._front.build_app(), access_log=None, shutdown_timeout=1, handler_cancellation=True
        )
        await runner.setup()
        assert runner.server is not None  # `setup` made it
        context = await asyncio.to_thread(self._certificate.build_server_context)
        self._listener = Listener(runner.server, context)
        self._runner = runner
        self.url = f"http://{host}:{await self._listener.start(host, port)}"

    def restart(self) -> None:
        """End every watch, as clients see a restart; nothing that is stored is lost."""
        self.store.close_watches()

    @property
    def token(self) -> str:
        """The bearer token of all requests."""
        return self._front.access.token

    @property
    def credentials(self) -> dict[str, str]:
        """The headers of a request that is answered."""
        return {"Authorization": f"Bearer {self.token}"}

    def build_kubeconfig(self) -> Object:
        """Return a kubeconfig with one context, `sandbox`.

        By TLS, for kubectl sends no token otherwise.
        """
        authority = base64.b64encode(self._certificate.authority_pem.encode()).decode()
        cluster = {
            "server": self.url.replace("http://", "https://", 1),
            "certificate-authority-data": authority,
        }
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": CONTEXT, "cluster": cluster}],
            "users": [{"name": CONTEXT, "user": {"token": self.token}}],
            "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT}}],
            "current-context": CONTEXT,
        }

    async def stop(self) -> None:
        """End every watch and task; clients in process see their watches end."""
        self.store.close_watches()
        await self._definitions.stop()
        if self._listener is not None:
            await self._listener.stop()
            self._listener = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
