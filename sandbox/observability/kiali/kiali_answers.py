"""Kiali's API: a path and its parameters become an answer."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from sandbox.cluster.contract import ApiError, Object, Request, Response
from sandbox.observability.answers import (
    build_json_response,
    build_text_response,
    get_first,
    parse_parameters,
)
from sandbox.observability.kiali import config, lists, status
from sandbox.observability.kiali.answer_context import AnswerContext
from sandbox.observability.kiali.graph import KialiError
from sandbox.observability.kiali.kiali_state import HEALTH_RANGE_SECONDS, KialiState
from sandbox.observability.metrics.syntax import QueryError, parse_duration
from sandbox.observability.process_registry import Unreachable

_FOR_EVERYBODY = ("/auth/info", "/authenticate", "/logout")
"""Paths that Kiali answers whoever asks, whatever its strategy (Kiali 1.87 and 2.26)."""


class KialiApi:
    """The answers below `/api`, from one Kiali's state."""

    def __init__(self, state: KialiState) -> None:
        self._state = state

    async def answer(self, path: str, request: Request) -> Response:
        """Answer a path below `/api`; every refusal is an answer too."""
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
        # The API server's proxy takes a visitor's own credentials away, so nobody here has any.
        if self._state.settings.strategy != "anonymous" and path not in _FOR_EVERYBODY:
            return build_text_response("Unauthorized\n", 401)
        asked, moment = parse_parameters(request), await self._state.build_context()
        if path == "/namespaces/graph":
            return build_json_response(self._state.get_graph(moment, asked))
        simple: dict[str, Callable[[], Awaitable[object]]] = {
            "/status": lambda: status.build_status(moment, self._state.around),
            "/istio/status": lambda: status.list_components(moment, self._state.around),
            "/mesh/tls": lambda: _return_value(status.build_mesh_tls(moment)),
            "/namespaces": lambda: _return_value(status.list_namespaces(moment)),
            "/tracing": lambda: _return_value(status.build_tracing_info(moment)),
            "/auth/info": lambda: _return_value(
                {"strategy": self._state.settings.strategy, "sessionInfo": {}}
            ),
            "/istio/config": lambda: _return_value(self._build_config_list(moment, "", asked)),
        }
        if path in simple:
            return build_json_response(await simple[path]())
        if path == "/grafana":
            links = await status.build_grafana_links(moment, self._state.around)
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
            return config.count_findings(self._state.get_findings(moment), names)
        if path == "/clusters/health":
            said = get_first(asked, "type", "" if self._state.traits.cached else "app")
            if said not in ("", *lists.SIDES):
                raise KialiError(
                    400,
                    "Bad request, type must be one of 'app', 'service' or 'workload'; "
                    f"got [{said}]",
                )
            return lists.build_health_answer(
                moment, names, [said] if said else list(lists.SIDES), seconds
            )
        if path == "/clusters/tls":
            return [status.build_namespace_tls(moment, name) for name in names]
        if path == "/clusters/services" and get_first(asked, "onlyDefinitions") == "false":
            found = lists.build_service_list(moment, names, seconds, health=health)
            return {**found, "validations": lists.build_service_validations(moment, names)}
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
            return build_json_response(status.build_namespace_tls(moment, namespace))
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
            moment,
            namespace,
            self._state.get_findings(moment) if self._needs_validation(asked) else None,
        )

    def _needs_validation(self, asked: dict[str, list[str]]) -> bool:
        """Tell whether validations were asked for.

        Kiali 1 looks whether the parameter is there, Kiali 2 whether it is true.
        """
        return "validate" in asked and (
            not self._state.traits.by_gvk or get_first(asked, "validate") == "true"
        )


async def _return_value(value: object) -> object:
    return value


def _parse_rate_interval(text: str) -> int:
    try:
        return int(parse_duration(text)) if text else HEALTH_RANGE_SECONDS
    except QueryError as error:
        raise KialiError(400, f"Bad request, cannot parse rateInterval [{text}]") from error
