"""Kiali as the addon runs it: which path gets which answer, and what it keeps between answers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Awaitable, Callable

import yaml

from bot.sandbox.clock import Clock
from bot.sandbox.cluster.contract import ApiError, Client, Object, Ref, Request, Response
from bot.sandbox.observability.answers import first, json_answer, parameters, text_answer
from bot.sandbox.observability.kiali import config, lists, status
from bot.sandbox.observability.kiali.graph import Refused, graph
from bot.sandbox.observability.kiali.health import Requests
from bot.sandbox.observability.kiali.moment import Moment
from bot.sandbox.observability.kiali.objects import load
from bot.sandbox.observability.kiali.rates import Engine, health_of
from bot.sandbox.observability.kiali.release import full_version, traits_of
from bot.sandbox.observability.kiali.settings import Settings, read
from bot.sandbox.observability.kiali.validations import check_all
from bot.sandbox.observability.metrics.program import RunningPrometheus
from bot.sandbox.observability.metrics.syntax import QueryError, seconds_of
from bot.sandbox.observability.neighbours import Neighbours, Unreachable

log = logging.getLogger(__name__)

HEALTH_REFRESH_SECONDS = 180.0
HEALTH_RANGE_SECONDS = 300
"""How often Kiali 2 computes health, and over which range (its defaults)."""
GRAPH_SECONDS = 60.0
"""How long Kiali 2 answers with the same graph when not told otherwise."""
_MAPS = Ref("", "configmaps")
_METRICS_PORT = 9090


class Kiali:
    """The program of pods labelled `app=kiali`."""

    def __init__(self, clock: Clock, neighbours: Neighbours) -> None:
        self._clock, self._neighbours = clock, neighbours

    def runs_in(self, pod: Object) -> bool:
        """Whether a pod is Kiali's."""
        return bool((pod["metadata"].get("labels") or {}).get("app") == "kiali")

    async def start(self, pod: Object, client: Client) -> RunningKiali:
        """Reads the configuration. Raises when it can't be read, and the pod crashes."""
        meta = pod["metadata"]
        names = [(v.get("configMap") or {}).get("name") for v in pod["spec"].get("volumes") or ()]
        found = await client.get(_MAPS, next((name for name in names if name), "kiali"), meta["namespace"])
        settings = read(((found or {}).get("data") or {}).get("config.yaml") or "")
        around = status.Around(client, self._neighbours, _version(pod))
        running = RunningKiali(pod, self._clock, around, settings)
        self._neighbours.add(running)
        return running


def _version(pod: Object) -> str:
    """The version in the image's tag."""
    return full_version(str(pod["spec"]["containers"][0].get("image", "")).rpartition(":")[2].partition("@")[0])


class RunningKiali:
    """One Kiali with its caches."""

    def __init__(self, pod: Object, clock: Clock, around: status.Around, settings: Settings) -> None:
        self.pod, self._clock, self._around, self._settings = pod, clock, around, settings
        self._traits = traits_of(around.version)
        self._health: dict[tuple[str, str, str], Requests] = {}
        self._checks: config.Checks = {}
        self._graphs: dict[tuple[tuple[str, str], ...], tuple[float, Object]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        if self._traits.cached:
            for work, seconds in (
                (self._refresh_health, HEALTH_REFRESH_SECONDS),
                (self._refresh_checks, settings.validation_seconds),
            ):
                self._tasks.append(asyncio.create_task(self._again(work, seconds)))

    async def stop(self) -> None:
        """Ends; the caches are gone."""
        self._around.neighbours.remove(self)
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _again(self, work: Callable[[], Awaitable[None]], seconds: float) -> None:
        while True:
            try:
                await work()
            except (ApiError, QueryError, yaml.YAMLError) as error:
                log.debug("kiali leaves its cache as it is: %s", error)
            await self._clock.sleep(seconds)

    async def _refresh_health(self) -> None:
        moment = await self._moment()
        if moment.engine is None:
            return
        found = {}
        for namespace in moment.view.namespaces:
            for side in lists.SIDES:
                sides = lists.directions(self._traits, side)
                for name, requests in health_of(moment.engine, namespace, sides, HEALTH_RANGE_SECONDS).items():
                    found[namespace, side, name] = requests
        self._health = found

    async def _refresh_checks(self) -> None:
        moment = await self._moment()
        self._checks = check_all(moment.view, self._traits, self._settings.ignored_checks)

    async def _moment(self) -> Moment:
        engine: Engine | None = None
        with contextlib.suppress(Unreachable):
            found = await self._around.neighbours.find(self._around.client, self._settings.prometheus)
            engine = found if isinstance(found, RunningPrometheus) else None
        view = await load(self._around.client)
        return Moment(view, self._traits, self._settings, engine, self._health)

    async def handle(self, port: int, request: Request) -> Response | None:
        """Health, the API and the console's page below the web root; nothing of use elsewhere."""
        if port == _METRICS_PORT:
            return text_answer("")
        if port != self._settings.port:
            return None
        path = request.path.removeprefix(self._settings.web_root.rstrip("/"))
        if path == "/healthz":
            return text_answer("")
        if path == "/api" or path.startswith("/api/"):
            return await self._guarded(path.removeprefix("/api").rstrip("/") or "/status", request)
        if path in ("", "/", "/index.html", "/console") or path.startswith("/console/"):
            page = b"<!doctype html><title>Kiali</title><p>The sandbox plays Kiali's API, not its pages.</p>"
            return Response(200, page, {"Content-Type": "text/html; charset=utf-8"})
        return text_answer("404 page not found\n", 404)

    async def _guarded(self, path: str, request: Request) -> Response:
        try:
            return await self._api(path, request)
        except Refused as refusal:
            return json_answer({"error": str(refusal)}, refusal.code)
        except ApiError as error:
            return json_answer({"error": error.message}, error.code)
        except Unreachable as error:
            return json_answer({"error": str(error)}, 503)
        except QueryError as error:
            return json_answer({"error": str(error)}, 500)

    async def _api(self, path: str, request: Request) -> Response:
        asked, moment = parameters(request), await self._moment()
        if path == "/namespaces/graph":
            return json_answer(self._graph(moment, asked))
        simple: dict[str, Callable[[], Awaitable[object]]] = {
            "/status": lambda: status.status(moment, self._around),
            "/istio/status": lambda: status.components(moment, self._around),
            "/mesh/tls": lambda: status.mesh_tls(moment, self._around.client),
            "/namespaces": lambda: _now(status.namespaces(moment)),
            "/tracing": lambda: _now(status.tracing(moment)),
            "/auth/info": lambda: _now({"strategy": self._settings.strategy, "sessionInfo": {}}),
            "/istio/config": lambda: _now(self._config(moment, "", asked)),
        }
        if path in simple:
            return json_answer(await simple[path]())
        if path == "/grafana":
            links = await status.grafana(moment, self._around)
            return Response(204) if links is None else json_answer(links)
        if path.startswith("/clusters/") or path == "/istio/validations":
            return json_answer(await self._clusters(path, moment, asked))
        return await self._namespaced(path, moment, asked)

    async def _clusters(self, path: str, moment: Moment, asked: dict[str, list[str]]) -> object:
        names = [name for name in first(asked, "namespaces").split(",") if name in moment.view.namespaces]
        names = names or ([] if first(asked, "namespaces") else list(moment.view.namespaces))
        seconds, health = _seconds(first(asked, "rateInterval")), first(asked, "health") == "true"
        if path == "/istio/validations":
            return config.counts(self._findings(moment), names)
        if path == "/clusters/health":
            said = first(asked, "type", "" if self._traits.cached else "app")
            if said not in ("", *lists.SIDES):
                raise Refused(400, f"Bad request, type must be one of 'app', 'service' or 'workload'; got [{said}]")
            return lists.health(moment, names, [said] if said else list(lists.SIDES), seconds)
        if path == "/clusters/tls":
            return [await status.namespace_tls(moment, self._around.client, name) for name in names]
        makers = {
            "/clusters/apps": lists.apps,
            "/clusters/services": lists.services,
            "/clusters/workloads": lists.workloads,
        }
        if path not in makers:
            raise Refused(404, "not found")
        return makers[path](moment, names, seconds, health=health)

    async def _namespaced(self, path: str, moment: Moment, asked: dict[str, list[str]]) -> Response:
        found = re.fullmatch(r"/namespaces/([^/]+)/(tls|istio)((?:/[^/]+)*)", path)
        if found is None or found[1] not in moment.view.namespaces:
            raise Refused(404, f'namespaces "{found[1]}" not found' if found else "not found")
        namespace, words = found[1], found[3].split("/")[1:]
        if found[2] == "tls":
            return json_answer(await status.namespace_tls(moment, self._around.client, namespace))
        if not words:
            return json_answer(self._config(moment, namespace, asked))
        kind = config.kind_of(moment, words[:-1])
        if kind is None:
            raise Refused(400, f"Object type not managed: {'/'.join(words[:-1])}")
        same = (each for each in moment.view.configs(kind, namespace) if each["metadata"]["name"] == words[-1])
        obj = next(same, None)
        if obj is None:
            raise Refused(404, f'{kind.plural}.{kind.group} "{words[-1]}" not found')
        return json_answer(config.single(moment, kind, obj, validate=self._validate(asked)))

    def _config(self, moment: Moment, namespace: str, asked: dict[str, list[str]]) -> Object:
        return config.listed(moment, namespace, self._findings(moment) if self._validate(asked) else None)

    def _validate(self, asked: dict[str, list[str]]) -> bool:
        """Kiali 1 looks whether the parameter is there, Kiali 2 whether it is true."""
        return "validate" in asked and (not self._traits.by_gvk or first(asked, "validate") == "true")

    def _findings(self, moment: Moment) -> config.Checks:
        if self._traits.cached:
            return self._checks
        return check_all(moment.view, self._traits, self._settings.ignored_checks)

    def _graph(self, moment: Moment, asked: dict[str, list[str]]) -> Object:
        now = self._clock.now()
        if not self._traits.cached:
            return graph(moment, asked, now)
        refresh = first(asked, "refreshInterval")
        if refresh and not refresh.isdigit():
            raise Refused(400, f"Invalid refreshInterval [{refresh}]")
        kept = int(refresh) / 1000 if refresh else GRAPH_SECONDS
        if not kept:
            return graph(moment, asked, now)
        key = tuple(sorted((name, values[0]) for name, values in asked.items() if name != "refreshInterval"))
        at, answer = self._graphs.get(key, (0.0, {}))
        if not answer or now.timestamp() - at >= kept:
            answer = graph(moment, asked, now)
            self._graphs[key] = (now.timestamp(), answer)
        return answer


async def _now(value: object) -> object:
    return value


def _seconds(text: str) -> int:
    try:
        return int(seconds_of(text)) if text else HEALTH_RANGE_SECONDS
    except QueryError as error:
        raise Refused(400, f"Bad request, cannot parse rateInterval [{text}]") from error
