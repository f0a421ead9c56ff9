"""ztunnel, as far as the Kubernetes API shows it: it is there, and says that it is ready."""

from __future__ import annotations

from bot.sandbox.clock import Clock
from bot.sandbox.cluster.contract import Client, Object, Request, Response

_READY_PORT = 15021
_STATS_PORT = 15020


class Ztunnel:
    """The program of pods labelled `app=ztunnel`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def runs_in(self, pod: Object) -> bool:
        """Whether a pod is a ztunnel's."""
        return bool((pod["metadata"].get("labels") or {}).get("app") == "ztunnel")

    async def start(self, pod: Object, client: Client) -> RunningZtunnel:
        """Starts at once."""
        return RunningZtunnel()


class RunningZtunnel:
    """One node's ztunnel."""

    async def handle(self, port: int, request: Request) -> Response | None:
        """Readiness on 15021; statistics on 15020 (none: no traffic passes here)."""
        if port == _READY_PORT:
            return Response(200 if request.path == "/healthz/ready" else 404)
        return Response(200) if port == _STATS_PORT else None

    async def stop(self) -> None:
        """Nothing to end."""
