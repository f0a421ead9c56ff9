"""The API server's HTTP handlers: parse a request, dispatch it to its verb and answer it."""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web

from sandbox.cluster.api import Api
from sandbox.cluster.api_refusals import internal_error
from sandbox.cluster.contract import ApiError
from sandbox.cluster.faults import ApiFault, ApiFaults, build_fault_error
from sandbox.cluster.http import discovery, paths
from sandbox.cluster.http.access import AccessCheck
from sandbox.cluster.http.paths import Route
from sandbox.cluster.http.subresource_handlers import SubresourceHandlers
from sandbox.cluster.http.verb_handlers import VerbHandlers
from sandbox.cluster.http.wire import (
    LIMIT,
    ResponseFormat,
    build_error_response,
    build_json_response,
)

_LOG = logging.getLogger(__name__)
_HEALTH = ("/healthz", "/livez", "/readyz")


class _ConnectionDropped(Exception):
    """The connection was cut on purpose."""


class ApiHandlers:
    """Takes each request through discovery and faults to the handler of its verb or subresource."""

    def __init__(self, api: Api, faults: ApiFaults) -> None:
        self._api, self._faults, self.access = api, faults, AccessCheck()
        self._verbs = VerbHandlers(api)
        self.subresources = SubresourceHandlers(api, faults)

    def build_app(self) -> web.Application:
        """Return the web application: one handler, because paths depend on what CRDs add."""
        app = web.Application(client_max_size=LIMIT)
        app.router.add_route("*", "/{path:.*}", self._handle_request)
        return app

    async def _handle_request(self, request: web.Request) -> web.StreamResponse:
        try:
            self.access.check_request(request)
            return await self._answer_request(request)
        except ApiError as error:
            return build_error_response(error)
        except paths.NoSuchGroup:
            return web.Response(text="404 page not found\n", status=404)
        except _ConnectionDropped:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        except (web.HTTPException, asyncio.CancelledError):
            raise
        # The server must answer; the traceback goes to the log.
        except Exception as error:  # noqa: BLE001
            _LOG.exception("%s %s failed", request.method, request.path)
            return build_error_response(internal_error(f"{type(error).__name__}: {error}"))

    async def _answer_request(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if path in _HEALTH:
            return web.Response(text="ok")
        accepted = request.headers.get("Accept", "")
        if path == "/openapi/v2" and "proto-openapi.spec.v2" in accepted:
            body = discovery.build_openapi_v2_protobuf()
            return web.Response(body=body, headers={"Content-Type": discovery.OPENAPI_PROTOBUF})
        known = discovery.answer_discovery(
            self._api.kinds,
            path.rstrip("/"),
            host=request.host,
            accept=accepted,
        )
        if known is not None:
            await self._apply_faults(self._faults.take_matching("get", path, ""), None)
            form = (
                ResponseFormat("", discovery.AGGREGATED)
                if known.get("kind") == "APIGroupDiscoveryList"
                else ResponseFormat()
            )
            return build_json_response(known, form=form)
        route = paths.parse_route(self._api.kinds, request.method, path, request.query)
        target = route.target
        await self._apply_faults(
            self._faults.take_matching(route.verb, route.resource, target.namespace), route
        )
        handler = self.subresources.find_handler(route) or self._verbs.get_handler(route.verb)
        return await handler(route, request)

    async def _apply_faults(self, faults: list[ApiFault], route: Route | None) -> None:
        for fault in faults:
            if fault.effect == "slow":
                await asyncio.sleep(fault.seconds)
            elif fault.effect == "drop":
                raise _ConnectionDropped
            elif route is not None:
                target = route.target
                raise build_fault_error(
                    fault, target.kind, target.name, target.namespace, route.verb
                )
