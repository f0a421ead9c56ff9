"""ztunnel, as far as the Kubernetes API shows it: a running and ready pod, with statistics."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.clock import Clock
from sandbox.cluster.contract import Client, Object, Request, Response

_READY_PORT = 15021
_STATS_PORT = 15020
_TEXT = {"Content-Type": "text/plain; version=0.0.4"}
Counting = Callable[[str], str]
"""What the proxy in the pod with this uid has counted, in Prometheus' text format."""


class Ztunnel:
    """The program of pods labelled `app=ztunnel`."""

    def __init__(self, clock: Clock, count: Counting | None = None) -> None:
        self._clock = clock
        self._count = count

    def runs_in(self, pod: Object) -> bool:
        """Tell whether the pod is a ztunnel."""
        return bool((pod["metadata"].get("labels") or {}).get("app") == "ztunnel")

    async def start(self, pod: Object, client: Client) -> RunningZtunnel:
        """Start at once; there is no background work."""
        return RunningZtunnel(pod["metadata"]["uid"], self._count)


class RunningZtunnel:
    """The ztunnel of one node; without a data plane it has nothing to count."""

    def __init__(self, uid: str, count: Counting | None) -> None:
        self._uid, self._count = uid, count

    async def handle(self, port: int, request: Request) -> Response | None:
        """Answer readiness on 15021 and statistics on 15020."""
        if port == _READY_PORT:
            return Response(200 if request.path == "/healthz/ready" else 404)
        if port != _STATS_PORT:
            return None
        if request.path not in ("/stats/prometheus", "/metrics"):
            return Response(404)
        return Response(200, self._count(self._uid).encode() if self._count else b"", _TEXT)

    async def stop(self) -> None:
        """Do nothing: there is no background work to stop."""
