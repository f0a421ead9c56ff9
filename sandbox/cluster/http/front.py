"""The API server's HTTP handlers: parse a request, dispatch it to its verb and answer it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiohttp import web

from sandbox.cluster.api import Api
from sandbox.cluster.contract import ApiError, Object, PodLogs, ServiceBackends
from sandbox.cluster.faults import ApiFault, ApiFaults, build_fault_error
from sandbox.cluster.http import discovery, paths, reads, subresources, watch, writes
from sandbox.cluster.http.paths import Route
from sandbox.cluster.http.wire import (
    LIMIT,
    ResponseFormat,
    build_error_response,
    build_json_response,
    negotiate_format,
    read_body,
    read_write_options,
)
from sandbox.cluster.operations import Target
from sandbox.cluster.refusals import internal_error, unknown_path_error
from sandbox.cluster.store import Record

_LOG = logging.getLogger(__name__)
_HEALTH = ("/healthz", "/livez", "/readyz")


class _ConnectionDropped(Exception):
    """The connection was cut on purpose."""


class ApiHandlers:
    """All HTTP handlers on an Api."""

    def __init__(self, api: Api, faults: ApiFaults) -> None:
        self._api, self._faults = api, faults
        self.backends: ServiceBackends | None = None
        self.logs: PodLogs | None = None

    def build_app(self) -> web.Application:
        """Return the web application: one handler, because paths depend on what CRDs add."""
        app = web.Application(client_max_size=LIMIT)
        app.router.add_route("*", "/{path:.*}", self._handle_request)
        return app

    async def _handle_request(self, request: web.Request) -> web.StreamResponse:
        try:
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
        known = self._answer_discovery(path.rstrip("/"), request)
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
        return await self._dispatch_resource(route, request)

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

    def _answer_discovery(self, path: str, request: web.Request) -> Object | None:
        kinds = self._api.kinds
        aggregated = "as=APIGroupDiscoveryList" in request.headers.get("Accept", "")
        if path in ("/api", "/apis") and aggregated:
            return discovery.build_aggregated_discovery(kinds, core=path == "/api")
        fixed: dict[str, Callable[[], Object]] = {
            "/version": lambda: dict(discovery.VERSION),
            "/api": lambda: discovery.build_api_versions(request.host),
            "/apis": lambda: discovery.build_group_list(kinds),
            "/api/v1": lambda: discovery.build_resource_list(kinds, "", "v1"),
            "/openapi/v2": discovery.build_openapi_v2,
            "/openapi/v3": lambda: discovery.build_openapi_index(kinds),
        }
        if path in fixed:
            return fixed[path]()
        parts = path.split("/")[1:]
        if parts[:2] == ["openapi", "v3"]:
            return discovery.build_openapi_v3(kinds, "/".join(parts[2:]))
        if parts[0] == "apis" and len(parts) <= 3:
            return (
                discovery.build_group(kinds, parts[1])
                if len(parts) == 2
                else discovery.build_resource_list(kinds, *parts[1:])
            )
        return None

    async def _dispatch_resource(self, route: Route, request: web.Request) -> web.StreamResponse:
        special_handler = self._list_special_handlers().get(
            route.target.subresource or route.target.kind.plural
        )
        if special_handler is not None:
            return await special_handler(route, request)
        handlers: dict[str, Callable[[Route, web.Request], Awaitable[web.StreamResponse]]] = {
            "get": self._handle_get,
            "list": self._handle_list,
            "watch": self._handle_watch,
            "create": self._handle_create,
            "update": self._handle_update,
            "patch": self._handle_patch,
            "delete": self._handle_delete,
            "deletecollection": self._handle_delete_collection,
        }
        return await handlers[route.verb](route, request)

    def _list_special_handlers(
        self,
    ) -> dict[str, Callable[[Route, web.Request], Awaitable[web.StreamResponse]]]:
        return {
            "proxy": self._handle_proxy,
            "scale": self._handle_scale,
            "log": self._handle_log,
            "binding": self._handle_binding,
            "eviction": self._handle_eviction,
            "selfsubjectaccessreviews": self._handle_access_review,
        }

    def _respond_with_object(
        self, route: Route, record: Record, request: web.Request, status: int = 200
    ) -> web.Response:
        form = negotiate_format(request.headers.get("Accept", ""))
        body = reads.render_object(route.target, record, form, request.query, self._api.clock.now())
        response = build_json_response(body, status=status, form=form)
        warning = route.target.kind.get_version_info(route.target.version).deprecated
        if warning:
            response.headers["Warning"] = f'299 - "{warning}"'
        return response

    async def _handle_get(self, route: Route, request: web.Request) -> web.Response:
        reads.check_resource_version(self._api.store, request.query)
        return self._respond_with_object(route, self._api.get(route.target), request)

    async def _handle_list(self, route: Route, request: web.Request) -> web.Response:
        form = negotiate_format(request.headers.get("Accept", ""))
        now = self._api.clock.now()
        return build_json_response(
            reads.render_list(self._api.store, route.target, form, request.query, now), form=form
        )

    async def _handle_watch(self, route: Route, request: web.Request) -> web.StreamResponse:
        form = negotiate_format(request.headers.get("Accept", ""))
        return await watch.serve_watch(
            request, self._api.store, route.target, form, self._api.clock
        )

    async def _handle_create(self, route: Route, request: web.Request) -> web.Response:
        if route.target.subresource:
            raise unknown_path_error()
        return self._respond_with_object(
            route, await writes.create_from_request(self._api, route.target, request), request, 201
        )

    async def _handle_update(self, route: Route, request: web.Request) -> web.Response:
        return self._respond_with_object(
            route, await writes.update_from_request(self._api, route.target, request), request
        )

    async def _handle_patch(self, route: Route, request: web.Request) -> web.Response:
        record, created = await writes.patch_from_request(self._api, route.target, request)
        return self._respond_with_object(route, record, request, 201 if created else 200)

    async def _handle_delete(self, route: Route, request: web.Request) -> web.Response:
        options, write = await writes.read_delete_options(route.target, request)
        record, gone = await self._api.delete(route.target, options, write)
        if not gone or route.target.kind.kind == "Pod":
            return self._respond_with_object(route, record, request)
        kind = route.target.kind
        details = {
            "name": route.target.name,
            **({"group": kind.group} if kind.group else {}),
            "kind": kind.plural,
        }
        details["uid"] = record.obj["metadata"]["uid"]
        body = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Success",
            "details": details,
        }
        return build_json_response(body)

    async def _handle_delete_collection(self, route: Route, request: web.Request) -> web.Response:
        records = await writes.delete_selected(self._api, route.target, request)
        kind = route.target.kind
        metadata = {"resourceVersion": str(self._api.store.revision)}
        head: Object = {
            "kind": f"{kind.kind}List",
            "apiVersion": route.target.api_version,
            "metadata": metadata,
        }
        return build_json_response({**head, "items": [record.obj for record in records]})

    async def _handle_proxy(self, route: Route, request: web.Request) -> web.Response:
        return await subresources.proxy_request(route, request, self.backends, self._api)

    async def _handle_scale(self, route: Route, request: web.Request) -> web.Response:
        target = route.target
        if route.verb == "get":
            record = self._api.get(Target(target.kind, target.namespace, target.name))
        else:
            kind = request.content_type if route.verb == "patch" else ""
            write = read_write_options(request)
            record = await subresources.update_scale(
                self._api, target, await read_body(request, route.target.kind), kind, write
            )
        return build_json_response(subresources.build_scale(record, target))

    async def _handle_log(self, route: Route, request: web.Request) -> web.Response:
        return web.Response(
            body=await subresources.read_logs(self._api, route.target, request.query, self.logs)
        )

    async def _handle_binding(self, route: Route, request: web.Request) -> web.Response:
        await subresources.bind_pod(
            self._api,
            route.target,
            await read_body(request, route.target.kind),
            read_write_options(request),
        )
        return build_json_response(
            {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}, status=201
        )

    async def _handle_eviction(self, route: Route, request: web.Request) -> web.Response:
        await subresources.evict_pod(
            self._api,
            route.target,
            await read_body(request, route.target.kind),
            read_write_options(request),
        )
        return build_json_response(
            {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}, status=201
        )

    async def _handle_access_review(self, route: Route, request: web.Request) -> web.Response:
        return build_json_response(
            subresources.answer_access_review(
                await read_body(request, route.target.kind), self._faults
            ),
            status=201,
        )
