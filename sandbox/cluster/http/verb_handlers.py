"""The HTTP handlers of the verbs on plain objects: what the Api returns becomes a response."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from sandbox.cluster.api import Api
from sandbox.cluster.api_refusals import unknown_path_error
from sandbox.cluster.contract import Object
from sandbox.cluster.http import reads, watch, writes
from sandbox.cluster.http.paths import Route
from sandbox.cluster.http.wire import WARNINGS, build_json_response, negotiate_format
from sandbox.cluster.store import Record

Handler = Callable[[Route, web.Request], Awaitable[web.StreamResponse]]


class VerbHandlers:
    """One handler for each verb."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._handlers: dict[str, Handler] = {
            "get": self._handle_get,
            "list": self._handle_list,
            "watch": self._handle_watch,
            "create": self._handle_create,
            "update": self._handle_update,
            "patch": self._handle_patch,
            "delete": self._handle_delete,
            "deletecollection": self._handle_delete_collection,
        }

    def get_handler(self, verb: str) -> Handler:
        """Return the handler of a verb."""
        return self._handlers[verb]

    def _respond_with_object(
        self, route: Route, record: Record, request: web.Request, status: int = 200
    ) -> web.Response:
        form = negotiate_format(request.headers.get("Accept", ""))
        body = reads.render_object(route.target, record, form, request.query, self._api.clock.now())
        response = build_json_response(body, status=status, form=form)
        warning = route.target.kind.get_version_info(route.target.version).deprecated
        told = [*([warning] if warning else []), *request.get(WARNINGS, ())]
        for text in dict.fromkeys(told):
            quoted = text.replace("\\", "\\\\").replace('"', '\\"')
            response.headers.add("Warning", f'299 - "{quoted}"')
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
