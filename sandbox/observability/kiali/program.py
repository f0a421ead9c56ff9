"""Kiali as the addon runs it: routing of its API's paths, and its caches."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Awaitable, Callable

import yaml

from sandbox.clock import Clock
from sandbox.cluster.contract import ApiError, Client, Object, Ref, Request, Response
from sandbox.observability.answers import (
    build_json_response,
    build_text_response,
    get_first,
    parse_parameters,
)
from sandbox.observability.kiali import config, lists, status
from sandbox.observability.kiali.answer_context import AnswerContext
from sandbox.observability.kiali.graph import KialiError, build_graph
from sandbox.observability.kiali.health import RequestRates
from sandbox.observability.kiali.objects import load_objects
from sandbox.observability.kiali.rates import QueryEngine, query_request_rates
from sandbox.observability.kiali.settings import KialiSettings, parse_settings
from sandbox.observability.kiali.validations import check_all_objects
from sandbox.observability.metrics.program import RunningPrometheus
from sandbox.observability.metrics.syntax import QueryError, parse_duration
from sandbox.observability.process_registry import ProcessRegistry, Unreachable
from sandbox.releases import find_kiali_traits, parse_image_version

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

    def __init__(self, clock: Clock, neighbours: ProcessRegistry) -> None:
        self._clock, self._neighbours = clock, neighbours

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
        around = status.KialiEnvironment(client, self._neighbours, _read_image_version(pod))
        running = RunningKiali(pod, self._clock, around, settings)
        self._neighbours.add(running)
        return running


def _read_image_version(pod: Object) -> str:
    """Return the version that Kiali states, from its image's tag: `v2.26` is `v2.26.0`."""
    tag = parse_image_version(str(pod["spec"]["containers"][0].get("image", "")))
    return f"{tag}.0" if re.fullmatch(r"v\d+\.\d+", tag) else tag


class RunningKiali:
    """One Kiali with its caches."""

    def __init__(
        self, pod: Object, clock: Clock, around: status.KialiEnvironment, settings: KialiSettings
    ) -> None:
        self.pod, self._clock, self._around, self._settings = pod, clock, around, settings
        self._traits = find_kiali_traits(around.version)
        self._health: dict[tuple[str, str, str], RequestRates] = {}
        self._checks: config.Checks = {}
        self._graphs: dict[tuple[tuple[str, str], ...], tuple[float, Object]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        if self._traits.cached:
            for work, seconds in (
                (self._refresh_health, HEALTH_REFRESH_SECONDS),
                (self._refresh_checks, settings.validation_seconds),
            ):
                self._tasks.append(asyncio.create_task(self._repeat_forever(work, seconds)))

    async def stop(self) -> None:
        """Stop; the caches are gone."""
        self._around.neighbours.remove(self)
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _repeat_forever(self, work: Callable[[], Awaitable[None]], seconds: float) -> None:
        while True:
            try:
                await work()
            except (ApiError, QueryError, yaml.YAMLError) as error:
                log.debug("kiali leaves its cache as it is: %s", error)
            await self._clock.sleep(seconds)

    async def _refresh_health(self) -> None:
        moment = await self._build_context()
        if moment.engine is None:
            return
        found = {}
        for namespace in moment.view.namespaces:
            for side in lists.SIDES:
                sides = lists.choose_directions(self._traits, side)
                for name, requests in query_request_rates(
                    moment.engine, namespace, sides, HEALTH_RANGE_SECONDS
                ).items():
                    found[namespace, side, name] = requests
        self._health = found

    async def _refresh_checks(self) -> None:
        moment = await self._build_context()
        self._checks = check_all_objects(moment.view, self._traits, self._settings.ignored_checks)

    async def _build_context(self) -> AnswerContext:
        engine: QueryEngine | None = None
        with contextlib.suppress(Unreachable):
            found = await self._around.neighbours.find_process(
                self._around.client, self._settings.prometheus
            )
            engine = found if isinstance(found, RunningPrometheus) else None
        view = await load_objects(self._around.client)
        return AnswerContext(view, self._traits, self._settings, engine, self._health)

    async def handle(self, port: int, request: Request) -> Response | None:
        """Answer health checks, the API and the console's page below the web root; None on other
        ports.
        """
        if port == _METRICS_PORT:
            return build_text_response("")
        if port != self._settings.port:
            return None
        path = request.path.removeprefix(self._settings.web_root.rstrip("/"))
        if path == "/healthz":
            return build_text_response("")
        if path == "/api" or path.startswith("/api/"):
            return await self._answer_safely(
                path.removeprefix("/api").rstrip("/") or "/status", request
            )
        if path in ("", "/", "/index.html", "/console") or path.startswith("/console/"):
            page = b"<!doctype html><title>Kiali</title><p>The sandbox plays Kiali's API, not its pages.</p>"
            return Response(200, page, {"Content-Type": "text/html; charset=utf-8"})
        return build_text_response("404 page not found\n", 404)

    async def _answer_safely(self, path: str, request: Request) -> Response:
        try:
            return await self._answer_api(path, request)
        except KialiError as refusal:
            return build_json_response({"error": str(refusal)}, refusal.code)
        except ApiError as error:
            return build_json_response({"error": error.message}, error.code)
        except Unreachable as error:
            return build_json_response({"error": str(error)}, 503)
        except QueryError as error:
            return build_json_response({"error": str(error)}, 500)

    async def _answer_api(self, path: str, request: Request) -> Response:
        asked, moment = parse_parameters(request), await self._build_context()
        if path == "/namespaces/graph":
            return build_json_response(self._get_graph(moment, asked))
        simple: dict[str, Callable[[], Awaitable[object]]] = {
            "/status": lambda: status.build_status(moment, self._around),
            "/istio/status": lambda: status.list_components(moment, self._around),
            "/mesh/tls": lambda: status.build_mesh_tls(moment, self._around.client),
            "/namespaces": lambda: _return_value(status.list_namespaces(moment)),
            "/tracing": lambda: _return_value(status.build_tracing_info(moment)),
            "/auth/info": lambda: _return_value(
                {"strategy": self._settings.strategy, "sessionInfo": {}}
            ),
            "/istio/config": lambda: _return_value(self._build_config_list(moment, "", asked)),
        }
        if path in simple:
            return build_json_response(await simple[path]())
        if path == "/grafana":
            links = await status.build_grafana_links(moment, self._around)
            return Response(204) if links is None else build_json_response(links)
        if path.startswith("/clusters/") or path == "/istio/validations":
            return build_json_response(await self._answer_cluster_path(path, moment, asked))
        return await self._answer_namespace_path(path, moment, asked)

    async def _answer_cluster_path(
        self, path: str, moment: AnswerContext, asked: dict[str, list[str]]
    ) -> object:
        names = [
            name
            for name in get_first(asked, "namespaces").split(",")
            if name in moment.view.namespaces
        ]
        names = names or ([] if get_first(asked, "namespaces") else list(moment.view.namespaces))
        seconds, health = (
            _parse_rate_interval(get_first(asked, "rateInterval")),
            get_first(asked, "health") == "true",
        )
        if path == "/istio/validations":
            return config.count_findings(self._get_findings(moment), names)
        if path == "/clusters/health":
            said = get_first(asked, "type", "" if self._traits.cached else "app")
            if said not in ("", *lists.SIDES):
                raise KialiError(
                    400,
                    f"Bad request, type must be one of 'app', 'service' or 'workload'; got [{said}]",
                )
            return lists.build_health_answer(
                moment, names, [said] if said else list(lists.SIDES), seconds
            )
        if path == "/clusters/tls":
            return [
                await status.build_namespace_tls(moment, self._around.client, name)
                for name in names
            ]
        makers = {
            "/clusters/apps": lists.build_app_list,
            "/clusters/services": lists.build_service_list,
            "/clusters/workloads": lists.build_workload_list,
        }
        if path not in makers:
            raise KialiError(404, "not found")
        return makers[path](moment, names, seconds, health=health)

    async def _answer_namespace_path(
        self, path: str, moment: AnswerContext, asked: dict[str, list[str]]
    ) -> Response:
        found = re.fullmatch(r"/namespaces/([^/]+)/(tls|istio)((?:/[^/]+)*)", path)
        if found is None or found[1] not in moment.view.namespaces:
            raise KialiError(404, f'namespaces "{found[1]}" not found' if found else "not found")
        namespace, words = found[1], found[3].split("/")[1:]
        if found[2] == "tls":
            return build_json_response(
                await status.build_namespace_tls(moment, self._around.client, namespace)
            )
        if not words:
            return build_json_response(self._build_config_list(moment, namespace, asked))
        kind = config.find_config_kind(moment, words[:-1])
        if kind is None:
            raise KialiError(400, f"Object type not managed: {'/'.join(words[:-1])}")
        same = (
            each
            for each in moment.view.list_configs(kind, namespace)
            if each["metadata"]["name"] == words[-1]
        )
        obj = next(same, None)
        if obj is None:
            raise KialiError(404, f'{kind.plural}.{kind.group} "{words[-1]}" not found')
        return build_json_response(
            config.build_config_details(moment, kind, obj, validate=self._needs_validation(asked))
        )

    def _build_config_list(
        self, moment: AnswerContext, namespace: str, asked: dict[str, list[str]]
    ) -> Object:
        return config.build_config_list(
            moment, namespace, self._get_findings(moment) if self._needs_validation(asked) else None
        )

    def _needs_validation(self, asked: dict[str, list[str]]) -> bool:
        """Tell whether validations were asked for.

        Kiali 1 looks whether the parameter is there, Kiali 2 whether it is true.
        """
        return "validate" in asked and (
            not self._traits.by_gvk or get_first(asked, "validate") == "true"
        )

    def _get_findings(self, moment: AnswerContext) -> config.Checks:
        if self._traits.cached:
            return self._checks
        return check_all_objects(moment.view, self._traits, self._settings.ignored_checks)

    def _get_graph(self, moment: AnswerContext, asked: dict[str, list[str]]) -> Object:
        now = self._clock.now()
        if not self._traits.cached:
            return build_graph(moment, asked, now)
        refresh = get_first(asked, "refreshInterval")
        if refresh and not refresh.isdigit():
            raise KialiError(400, f"Invalid refreshInterval [{refresh}]")
        kept = int(refresh) / 1000 if refresh else GRAPH_SECONDS
        if not kept:
            return build_graph(moment, asked, now)
        key = tuple(
            sorted((name, values[0]) for name, values in asked.items() if name != "refreshInterval")
        )
        at, answer = self._graphs.get(key, (0.0, {}))
        if not answer or now.timestamp() - at >= kept:
            answer = build_graph(moment, asked, now)
            self._graphs[key] = (now.timestamp(), answer)
        return answer


async def _return_value(value: object) -> object:
    return value


def _parse_rate_interval(text: str) -> int:
    try:
        return int(parse_duration(text)) if text else HEALTH_RANGE_SECONDS
    except QueryError as error:
        raise KialiError(400, f"Bad request, cannot parse rateInterval [{text}]") from error
