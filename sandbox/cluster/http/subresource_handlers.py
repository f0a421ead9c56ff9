"""The HTTP handlers of what is not a plain object: scale, logs, exec, port-forward, binding,
eviction, proxies, access reviews."""

from __future__ import annotations

from aiohttp import web

from sandbox.cluster.api import Api
from sandbox.cluster.api_refusals import bad_request_error
from sandbox.cluster.contract import Object, PodAccess, PodLogs, ServiceBackends
from sandbox.cluster.faults import ApiFaults
from sandbox.cluster.http import identities, pod_logs, pod_streams, subresources
from sandbox.cluster.http.paths import Route
from sandbox.cluster.http.verb_handlers import Handler
from sandbox.cluster.http.wire import build_json_response, read_body, read_write_options
from sandbox.cluster.operations import Target

_SUCCESS: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}


_NO_DEBUGGING = (
    "the sandbox runs no ephemeral containers, so that `kubectl debug` would wait for ever; "
    "`kubectl exec POD -c CONTAINER -- sh` and `kubectl run NAME --image=busybox --rm -it -- sh` "
    "have a shell"
)


async def _refuse_ephemeral_containers(route: Route, request: web.Request) -> web.Response:
    """Raise ApiError(400) always: a debugger that never starts is worse than none."""
    raise bad_request_error(_NO_DEBUGGING)


class SubresourceHandlers:
    """One handler for each subresource. `backends` answer for Services and pods, `logs` is what
    their containers have written, and `access` acts inside them; all may come after the start."""

    def __init__(self, api: Api, faults: ApiFaults) -> None:
        self._api, self._faults = api, faults
        self.backends: ServiceBackends | None = None
        self.logs: PodLogs | None = None
        self.access: PodAccess | None = None
        self._handlers: dict[str, Handler] = {
            "proxy": self._handle_proxy,
            "scale": self._handle_scale,
            "log": self._handle_log,
            "exec": self._handle_exec,
            "attach": self._handle_attach,
            "ephemeralcontainers": _refuse_ephemeral_containers,
            "portforward": self._handle_port_forward,
            "binding": self._handle_binding,
            "eviction": self._handle_eviction,
            "selfsubjectaccessreviews": self._handle_access_review,
            "selfsubjectrulesreviews": self._handle_identity,
            "selfsubjectreviews": self._handle_identity,
            "token": self._handle_token,
        }

    def find_handler(self, route: Route) -> Handler | None:
        """Return the handler of a route's subresource; None when it is served as a plain object."""
        return self._handlers.get(route.target.subresource or route.target.kind.plural)

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

    async def _handle_log(self, route: Route, request: web.Request) -> web.StreamResponse:
        return await pod_logs.serve_log(self._api, route.target, request, self.logs)

    async def _handle_exec(self, route: Route, request: web.Request) -> web.StreamResponse:
        return await pod_streams.serve_exec(self._api, route.target, request, self.access)

    async def _handle_attach(self, route: Route, request: web.Request) -> web.StreamResponse:
        return await pod_streams.serve_attach(self._api, route.target, request, self.access)

    async def _handle_port_forward(self, route: Route, request: web.Request) -> web.StreamResponse:
        return await pod_streams.serve_port_forward(self._api, route.target, request, self.access)

    async def _handle_binding(self, route: Route, request: web.Request) -> web.Response:
        await subresources.bind_pod(
            self._api,
            route.target,
            await read_body(request, route.target.kind),
            read_write_options(request),
        )
        return build_json_response(_SUCCESS, status=201)

    async def _handle_eviction(self, route: Route, request: web.Request) -> web.Response:
        await subresources.evict_pod(
            self._api,
            route.target,
            await read_body(request, route.target.kind),
            read_write_options(request),
        )
        return build_json_response(_SUCCESS, status=201)

    async def _handle_access_review(self, route: Route, request: web.Request) -> web.Response:
        return build_json_response(
            subresources.answer_access_review(
                await read_body(request, route.target.kind), self._faults
            ),
            status=201,
        )

    async def _handle_identity(self, route: Route, request: web.Request) -> web.Response:
        body = await read_body(request, route.target.kind)
        rules = route.target.kind.plural == "selfsubjectrulesreviews"
        answer = identities.answer_rules_review if rules else identities.answer_self_review
        return build_json_response(answer(body), status=201)

    async def _handle_token(self, route: Route, request: web.Request) -> web.Response:
        target, body = route.target, await read_body(request, route.target.kind)
        account = Target(target.kind, target.namespace, target.name)
        self._api.get(account)
        answer = identities.answer_token_request(account, body, self._api.clock.now())
        return build_json_response(answer, status=201)
