"""Slack's Web API over HTTP: parameters from query, form and JSON, tokens, scopes, limits, then the
method itself."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import Any

from aiohttp import web

from sandbox.workspace.core import Core
from sandbox.workspace.fault_injection import InjectedFault
from sandbox.workspace.methods import METHODS
from sandbox.workspace.methods.call import Call, Method
from sandbox.workspace.rate_limits import Throttled
from sandbox.workspace.refusals import Refusal

Json = dict[str, Any]
CALLS = 10_000
"""Calls that are remembered."""

JSON_ARGUMENTS = ("attachments", "blocks", "files", "metadata", "view")


class WebApi:
    """Answers POST and GET on /api/METHOD; `calls` remembers them as (method, arguments) for tests
    to read."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.calls: deque[tuple[str, Json]] = deque(maxlen=CALLS)

    async def handle_call(self, request: web.Request) -> web.Response:
        """Answer one call of a Web API method."""
        name = request.match_info["method"]
        headers: dict[str, str] = {}
        try:
            arguments = await _read_arguments(request)
            self.calls.append((name, arguments))
            fault = await self._take_fault(name)
            fails = fault.cut or fault.status >= 500 or bool(fault.code)
            if fails and not fault.carried_out:
                return _answer_fault(request, fault)
            body = await self._answer_call(request, name, arguments, headers)
            if fails:
                return _answer_fault(request, fault)
        except Throttled as throttled:
            headers["Retry-After"] = str(throttled.retry_after)
            return web.json_response(
                {"ok": False, "error": "ratelimited"}, status=429, headers=headers
            )
        except Refusal as refusal:
            body = {"ok": False, "error": refusal.code, **refusal.extra}
        return web.json_response(body, headers=headers)

    async def _take_fault(self, name: str) -> InjectedFault:
        fault = self._core.faults.take_next_fault(name)
        if fault.status == 429:
            raise Throttled(int(fault.seconds))
        if fault.seconds:
            await asyncio.sleep(fault.seconds)
        return fault

    async def _answer_call(
        self, request: web.Request, name: str, arguments: Json, headers: dict[str, str]
    ) -> Json:
        method = METHODS.get(name)
        if method is None:
            raise Refusal("unknown_method", req_method=name)
        if method.tokens:
            kind = self._check_token(request, arguments, method)
            if kind == "bot":
                headers["x-oauth-scopes"] = ",".join(sorted(self._core.scopes))
                headers["x-accepted-oauth-scopes"] = method.scope
            self._check_scope(method)
        self._core.limits.count_method_call(name, method.tier)
        answer = await method.run(Call(self._core, arguments))
        return {"ok": True, **answer}

    def _check_token(self, request: web.Request, arguments: Json, method: Method) -> str:
        in_body = arguments.pop("token", None)
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        token = bearer if scheme == "Bearer" else in_body
        if not token or (in_body and method.tokens == ("app",)):
            raise Refusal("not_authed")
        kinds = {self._core.bot_token: "bot", self._core.app_token: "app"}
        if token not in kinds:
            raise Refusal("invalid_auth")
        if kinds[token] == "bot" and self._core.faults.account_refusal:
            raise Refusal(self._core.faults.account_refusal)
        if kinds[token] not in method.tokens:
            raise Refusal("not_allowed_token_type")
        return kinds[token]

    def _check_scope(self, method: Method) -> None:
        if method.scope and method.scope not in self._core.scopes:
            raise Refusal(
                "missing_scope", needed=method.scope, provided=",".join(sorted(self._core.scopes))
            )


def _answer_fault(request: web.Request, fault: InjectedFault) -> web.Response:
    """Return the answer of a call that fails, whether it was carried out or not."""
    if fault.cut and request.transport is not None:
        request.transport.abort()
    if fault.code:
        return web.json_response({"ok": False, "error": fault.code})
    return web.Response(status=max(500, fault.status), text="upstream error")


async def _read_arguments(request: web.Request) -> Json:
    arguments: Json = dict(request.query)
    if request.method == "POST":
        arguments |= await _read_body(request)
    for key in JSON_ARGUMENTS:
        if isinstance(arguments.get(key), str):
            arguments[key] = _parse_json_argument(key, arguments[key])
    return arguments


async def _read_body(request: web.Request) -> Json:
    if request.content_type != "application/json":
        return dict(await request.post())
    try:
        body = json.loads(await request.text() or "{}")
    except ValueError as error:
        raise Refusal("invalid_json") from error
    if not isinstance(body, dict):
        raise Refusal("json_not_object")
    return body


def _parse_json_argument(key: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Refusal(
            "invalid_blocks_format" if key == "blocks" else "invalid_arguments"
        ) from error
