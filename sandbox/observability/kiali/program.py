"""Kiali as the addon runs it: its lifecycle, and what listens on its ports."""

from __future__ import annotations

import re

from sandbox.clock import Clock
from sandbox.cluster.contract import Client, Object, Ref, Request, Response
from sandbox.observability.answers import (
    build_text_response,
)
from sandbox.observability.kiali import status
from sandbox.observability.kiali.kiali_answers import KialiApi
from sandbox.observability.kiali.kiali_state import KialiState
from sandbox.observability.kiali.settings import parse_settings
from sandbox.observability.process_registry import ProcessRegistry
from sandbox.releases import parse_image_version
from sandbox.tasks import Tasks

_MAPS = Ref("", "configmaps")
_METRICS_PORT = 9090


class Kiali:
    """The program of pods labelled `app=kiali`."""

    def __init__(self, clock: Clock, processes: ProcessRegistry) -> None:
        self._clock, self._processes = clock, processes

    def runs_in(self, pod: Object) -> bool:
        """Tell whether a pod is Kiali's."""
        return bool((pod["metadata"].get("labels") or {}).get("app") == "kiali")

    async def start(self, pod: Object, client: Client) -> RunningKiali:
        """Read the configuration and start.

        Raises when it can't be read, and the pod crashes.
        """
        meta = pod["metadata"]
        names = [(v.get("configMap") or {}).get("name") for v in pod["spec"].get("volumes") or ()]
        found = await client.get(
            _MAPS, next((name for name in names if name), "kiali"), meta["namespace"]
        )
        settings = parse_settings(((found or {}).get("data") or {}).get("config.yaml") or "")
        around = status.KialiEnvironment(client, self._processes, _read_image_version(pod))
        running = RunningKiali(pod, KialiState(self._clock, around, settings))
        self._processes.add(running)
        return running


def _read_image_version(pod: Object) -> str:
    """Return the version that Kiali states, from its image's tag: `v2.26` is `v2.26.0`."""
    tag = parse_image_version(str(pod["spec"]["containers"][0].get("image", "")))
    return f"{tag}.0" if re.fullmatch(r"v\d+\.\d+", tag) else tag


class RunningKiali:
    """One Kiali in one pod."""

    def __init__(self, pod: Object, state: KialiState) -> None:
        self.pod, self._state, self._api = pod, state, KialiApi(state)
        self._tasks = Tasks()
        for work, name in state.create_refreshes():
            self._tasks.spawn(work, f"kiali: {name}")

    async def stop(self) -> None:
        """Stop; the caches are gone."""
        self._state.around.processes.remove(self)
        await self._tasks.close()

    async def handle(self, port: int, request: Request) -> Response | None:
        """Answer health checks, the API and the console's page below the web root; None on other
        ports.
        """
        if port == _METRICS_PORT:
            return build_text_response("")
        if port != self._state.settings.port:
            return None
        path = request.path.removeprefix(self._state.settings.web_root.rstrip("/"))
        if path == "/healthz":
            return build_text_response("")
        if path == "/api" or path.startswith("/api/"):
            return await self._api.answer(
                path.removeprefix("/api").rstrip("/") or "/status", request
            )
        if path in ("", "/", "/index.html", "/console") or path.startswith("/console/"):
            page = (
                b"<!doctype html><title>Kiali</title><p>The sandbox plays Kiali's API, not its "
                b"pages.</p>"
            )
            return Response(200, page, {"Content-Type": "text/html; charset=utf-8"})
        return build_text_response("404 page not found\n", 404)
