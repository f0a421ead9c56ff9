"""ztunnel, as far as the Kubernetes API shows it: a running and ready pod."""

from __future__ import annotations

from sandbox.clock import Clock
from sandbox.cluster.contract import Client, Object, Request, Response

_READY_PORT = 15021
_STATS_PORT = 15020


class Ztunnel:
    """The program of pods labelled `app=ztunnel`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def runs_in(self, pod: Object) -> bool:
        """Tell whether the pod is a ztunnel."""
        return bool((pod["metadata"].get("labels") or {}).get("app") == "ztunnel")

    async def start(self, pod: Object, client: Client) -> RunningZtunnel:
        """Start at once; there is no background work."""
        return RunningZtunnel()


class RunningZtunnel:
    """The ztunnel of one node."""

    async def handle(self, port: int, request: Request) -> Response | None:
        """Answer readiness on 15021 and statistics on 15020 (empty: no traffic passes here)."""
        if port == _READY_PORT:
            return Response(200 if request.path == "/healthz/ready" else 404)
        return Response(200) if port == _STATS_PORT else None

    async def stop(self) -> None:
        """Do nothing: there is no background work to stop."""
