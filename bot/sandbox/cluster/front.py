"""The API server's HTTP side: finds out what a request is about and answers it, or says why not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiohttp import web

from bot.sandbox.cluster import discovery, paths, reads, special, watching, writes
from bot.sandbox.cluster.api import Api
from bot.sandbox.cluster.contract import ApiError, Object, PodLogs, ServiceBackends
from bot.sandbox.cluster.faults import Fault, Faults, refusal
from bot.sandbox.cluster.operations import Target
from bot.sandbox.cluster.paths import Route
from bot.sandbox.cluster.refusals import internal, no_such_path
from bot.sandbox.cluster.store import Record
from bot.sandbox.cluster.wire import (
    LIMIT,
    Form,
    body_of,
    error_response,
    form_of,
    json_response,
    write_options,
)

_LOG = logging.getLogger(__name__)
_HEALTH = ("/healthz", "/livez", "/readyz")


class _Dropped(Exception):
    """The connection was cut on purpose."""


class Front:
    """All HTTP handlers on an Api."""

    def __init__(self, api: Api, faults: Faults) -> None:
        self._api, self._faults = api, faults
        self.backends: ServiceBackends | None = None
        self.logs: PodLogs | None = None

    def app(self) -> web.Application:
        """The web application: one handler, because paths depend on what CRDs add."""
        app = web.Application(client_max_size=LIMIT)
        app.router.add_route("*", "/{path:.*}", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._answer(request)
        except ApiError as error:
            return error_response(error)
        except paths.NoSuchGroup:
            return web.Response(text="404 page not found\n", status=404)
        except _Dropped:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        except (web.HTTPException, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001 (the server must answer; the traceback goes to the log)
            _LOG.exception("%s %s failed", request.method, request.path)
            return error_response(internal(f"{type(error).__name__}: {error}"))

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if path in _HEALTH:
            return web.Response(text="ok")
        known = self._discovery(path.rstrip("/"), request)
        if known is not None:
            await self._meet(self._faults.take("get", path, ""), None)
            form = Form("", discovery.AGGREGATED) if known.get("kind") == "APIGroupDiscoveryList" else Form()
            return json_response(known, form=form)
        route = paths.route(self._api.kinds, request.method, path, request.query)
        target = route.target
        await self._meet(self._faults.take(route.verb, route.resource, target.namespace), route)
        return await self._resource(route, request)

    async def _meet(self, faults: list[Fault], route: Route | None) -> None:
        for fault in faults:
            if fault.effect == "slow":
                await asyncio.sleep(fault.seconds)
            elif fault.effect == "drop":
                raise _Dropped
            elif route is not None:
                target = route.target
                raise refusal(fault, target.kind, target.name, target.namespace, route.verb)

    def _discovery(self, path: str, request: web.Request) -> Object | None:
        kinds = self._api.kinds
        aggregated = "as=APIGroupDiscoveryList" in request.headers.get("Accept", "")
        if path in ("/api", "/apis") and aggregated:
            return discovery.aggregated(kinds, core=path == "/api")
        fixed: dict[str, Callable[[], Object]] = {
            "/version": lambda: dict(discovery.VERSION),
            "/api": lambda: discovery.api_versions(request.host),
            "/apis": lambda: discovery.group_list(kinds),
            "/api/v1": lambda: discovery.resource_list(kinds, "", "v1"),
            "/openapi/v2": discovery.openapi_v2,
            "/openapi/v3": lambda: discovery.openapi_index(kinds),
        }
        if path in fixed:
            return fixed[path]()
        parts = path.split("/")[1:]
        if parts[:2] == ["openapi", "v3"]:
            return discovery.openapi_v3(kinds, "/".join(parts[2:]))
        if parts[0] == "apis" and len(parts) <= 3:
            return discovery.group(kinds, parts[1]) if len(parts) == 2 else discovery.resource_list(kinds, *parts[1:])
        return None

    async def _resource(self, route: Route, request: web.Request) -> web.StreamResponse:
        special_handler = self._specials().get(route.target.subresource or route.target.kind.plural)
        if special_handler is not None:
            return await special_handler(route, request)
        handlers: dict[str, Callable[[Route, web.Request], Awaitable[web.StreamResponse]]] = {
            "get": self._get,
            "list": self._list,
            "watch": self._watch,
            "create": self._create,
            "update": self._update,
            "patch": self._patch,
            "delete": self._delete,
            "deletecollection": self._delete_collection,
        }
        return await handlers[route.verb](route, request)

    def _specials(self) -> dict[str, Callable[[Route, web.Request], Awaitable[web.StreamResponse]]]:
        return {
            "proxy": self._proxy,
            "scale": self._scale,
            "log": self._log,
            "binding": self._bind,
            "eviction": self._evict,
            "selfsubjectaccessreviews": self._access,
        }

    def _one(self, route: Route, record: Record, request: web.Request, status: int = 200) -> web.Response:
        form = form_of(request.headers.get("Accept", ""))
        body = reads.one(route.target, record, form, request.query, self._api.clock.now())
        response = json_response(body, status=status, form=form)
        warning = route.target.kind.info(route.target.version).deprecated
        if warning:
            response.headers["Warning"] = f'299 - "{warning}"'
        return response

    async def _get(self, route: Route, request: web.Request) -> web.Response:
        reads.check_revision(self._api.store, request.query)
        return self._one(route, self._api.get(route.target), request)

    async def _list(self, route: Route, request: web.Request) -> web.Response:
        form = form_of(request.headers.get("Accept", ""))
        now = self._api.clock.now()
        return json_response(reads.listing(self._api.store, route.target, form, request.query, now), form=form)

    async def _watch(self, route: Route, request: web.Request) -> web.StreamResponse:
        form = form_of(request.headers.get("Accept", ""))
        return await watching.serve(request, self._api.store, route.target, form, self._api.clock)

    async def _create(self, route: Route, request: web.Request) -> web.Response:
        if route.target.subresource:
            raise no_such_path()
        return self._one(route, await writes.create(self._api, route.target, request), request, 201)

    async def _update(self, route: Route, request: web.Request) -> web.Response:
        return self._one(route, await writes.update(self._api, route.target, request), request)

    async def _patch(self, route: Route, request: web.Request) -> web.Response:
        record, created = await writes.patch(self._api, route.target, request)
        return self._one(route, record, request, 201 if created else 200)

    async def _delete(self, route: Route, request: web.Request) -> web.Response:
        options, write = await writes.delete_options(route.target, request)
        record, gone = await self._api.delete(route.target, options, write)
        if not gone or route.target.kind.kind == "Pod":
            return self._one(route, record, request)
        kind = route.target.kind
        details = {"name": route.target.name, **({"group": kind.group} if kind.group else {}), "kind": kind.plural}
        details["uid"] = record.obj["metadata"]["uid"]
        body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        return json_response(body)

    async def _delete_collection(self, route: Route, request: web.Request) -> web.Response:
        records = await writes.delete_collection(self._api, route.target, request)
        kind = route.target.kind
        metadata = {"resourceVersion": str(self._api.store.revision)}
        head: Object = {"kind": f"{kind.kind}List", "apiVersion": route.target.api_version, "metadata": metadata}
        return json_response({**head, "items": [record.obj for record in records]})

    async def _proxy(self, route: Route, request: web.Request) -> web.Response:
        return await special.proxy(route, request, self.backends, self._api)

    async def _scale(self, route: Route, request: web.Request) -> web.Response:
        target = route.target
        if route.verb == "get":
            record = self._api.get(Target(target.kind, target.namespace, target.name))
        else:
            kind = request.content_type if route.verb == "patch" else ""
            write = write_options(request)
            record = await special.scale(self._api, target, await body_of(request, route.target.kind), kind, write)
        return json_response(special.scale_of(record, target))

    async def _log(self, route: Route, request: web.Request) -> web.Response:
        return web.Response(body=await special.logs(self._api, route.target, request.query, self.logs))

    async def _bind(self, route: Route, request: web.Request) -> web.Response:
        await special.bind(self._api, route.target, await body_of(request, route.target.kind), write_options(request))
        return json_response({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}, status=201)

    async def _evict(self, route: Route, request: web.Request) -> web.Response:
        await special.evict(self._api, route.target, await body_of(request, route.target.kind), write_options(request))
        return json_response({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}, status=201)

    async def _access(self, route: Route, request: web.Request) -> web.Response:
        return json_response(special.access_review(await body_of(request, route.target.kind), self._faults), status=201)
