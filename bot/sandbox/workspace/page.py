"""The plain page: the channel in a browser, alive by Server-Sent Events, with working buttons and a choice of user.

What is typed here makes a bot act, so the page is for this machine alone: a token of each start in its URL, loopback
peers, our own Host and Origin, and a content security policy that lets nothing foreign in.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import secrets
from contextlib import suppress
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from aiohttp import web

from bot.sandbox.workspace.acts import Acts
from bot.sandbox.workspace.core import Core
from bot.sandbox.workspace.mrkdwn import to_html
from bot.sandbox.workspace.plain import names_of
from bot.sandbox.workspace.render import render_blocks, text_html
from bot.sandbox.workspace.shared import file_for
from bot.sandbox.workspace.state import SLACKBOT, Change, Message, View

Json = dict[str, Any]
STATIC = Path(__file__).parent / "static"
ASSETS = {"page.js": "text/javascript", "page.css": "text/css"}
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Page:
    """Serves the page and carries what is done on it to the workspace."""

    def __init__(self, core: Core, acts: Acts) -> None:
        self._core, self._acts = core, acts
        self.token = secrets.token_urlsafe(16)
        self._files = {path.name: path.read_text(encoding="utf-8") for path in STATIC.iterdir() if path.is_file()}
        self._streams: set[asyncio.Task[Any]] = set()

    def routes(self, app: web.Application) -> None:
        """Adds the page's routes."""
        app.router.add_get("/", self._guarded_page)
        app.router.add_get("/page/{asset:page\\.(?:js|css)}", self._asset)
        app.router.add_get("/page/events", self._events)
        app.router.add_get("/page/files/{file}", self._file)
        app.router.add_post("/page/{act:say|click|submit|close|home}", self._act)

    async def stop(self) -> None:
        """Ends the event streams."""
        for task in list(self._streams):
            task.cancel()
        await asyncio.gather(*self._streams, return_exceptions=True)

    def _check(self, request: web.Request, *, writing: bool = False) -> None:
        port = self._core.origin.rpartition(":")[2]
        hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        origin = request.headers.get("Origin", "")
        if request.host not in hosts or not _loopback(request.remote):
            raise web.HTTPForbidden(text="this page is for this machine alone")
        if (writing or origin) and origin not in {f"http://{host}" for host in hosts}:
            raise web.HTTPForbidden(text="wrong origin")
        if not hmac.compare_digest(request.query.get("t", ""), self.token):
            raise web.HTTPForbidden(text="open the link that was printed at the start")

    async def _guarded_page(self, request: web.Request) -> web.Response:
        self._check(request)
        state = self._core.state
        people = [user for user in state.users.values() if not user.is_bot and user.id != SLACKBOT]
        users = "".join(f'<option value="{escape(user.name)}">{escape(user.name)}</option>' for user in people)
        places = [channel for channel in state.channels.values() if not channel.is_im]
        channels = "".join(f'<option value="{escape(place.id)}">#{escape(place.name)}</option>' for place in places)
        template = Template(self._files["page.html"])
        text = template.substitute(token=self.token, users=users, channels=channels, team=escape(state.team_name))
        return web.Response(text=text, content_type="text/html", headers=HEADERS)

    async def _asset(self, request: web.Request) -> web.Response:
        self._check(request)
        name = request.match_info["asset"]
        return web.Response(text=self._files[name], content_type=ASSETS[name], headers=HEADERS)

    async def _file(self, request: web.Request) -> web.Response:
        """A picture, for who may see it: `?user=`."""
        self._check(request)
        user = self._core.state.user_named(request.query.get("user", "host")).id
        entry = file_for(self._core.state, request.match_info["file"], user)
        if entry is None or not entry["name"].endswith(".png"):
            return web.Response(status=404, text="file not found", headers=HEADERS)
        return web.Response(body=entry["bytes"], content_type="image/png", headers=HEADERS)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        self._check(request)
        user, channel = self._core.state.user_named(request.query["user"]).id, request.query["channel"]
        response = web.StreamResponse(headers=HEADERS | {"Content-Type": "text/event-stream"})
        await response.prepare(request)
        task = asyncio.current_task()
        if task is not None:
            self._streams.add(task)
            task.add_done_callback(self._streams.discard)
        with self._core.state.changes() as changes, suppress(ConnectionResetError):
            for message in self._core.state.seen_by(user, channel):
                await _send(response, self._shown(message))
            await self._home(response, user)
            async for change in changes:
                await self._pass_on(response, change, user=user, channel=channel)
        return response

    async def _pass_on(self, response: web.StreamResponse, change: Change, *, user: str, channel: str) -> None:
        message, view = change.message, change.view
        if message is not None and message.channel == channel and message.ephemeral_to in ("", user):
            await _send(response, {"gone": message.ts} if message.deleted else self._shown(message))
        if view is not None and view.user == user:
            if view is self._core.state.homes.get(user):
                await self._home(response, user)
            else:
                await _send(response, {"modal": self._modal(user)})

    async def _home(self, response: web.StreamResponse, user: str) -> None:
        home = self._core.state.homes.get(user)
        if home is not None:
            html = render_blocks(home.body["blocks"], names_of(self._core.state))
            await _send(response, {"home": f'<div data-view="{home.id}">{html}</div>'})

    def _modal(self, user: str) -> str:
        views = [view for view in self._core.state.views.values() if view.open and view.user == user]
        if not views:
            return ""
        view, names = views[-1], names_of(self._core.state)
        submit = view.body.get("submit")
        buttons = f'<button type="button" data-submit="1">{text_html(submit, names)}</button>' if submit else ""
        title, body = text_html(view.body["title"], names), render_blocks(view.body["blocks"], names)
        close = '<button type="button" data-close="1">Close</button>'
        return f'<div data-view="{view.id}"><h3>{title}</h3>{body}<div class="errors"></div>{buttons}{close}</div>'

    def _shown(self, message: Message) -> Json:
        state = self._core.state
        names = names_of(state)
        inner = render_blocks(message.blocks, names) if message.blocks else to_html(message.text, names)
        files = "".join(f'<div class="picture">{escape(f["alt_txt"] or f["title"])}</div>' for f in message.files)
        notes = [f"only visible to {names[message.ephemeral_to]}"] if message.ephemeral_to else []
        notes += ["edited"] if message.edited_ts else []
        head = f"<b>{escape(names[message.user])}</b> <time>{message.created:%H:%M:%S}</time>"
        head += f" <small>{escape(', '.join(notes))}</small>" if notes else ""
        thread = " reply" if message.thread_ts not in ("", message.ts) else ""
        kind = ("ephemeral" if message.ephemeral_to else "message") + thread
        html = f'<article class="{kind}" data-message="{message.ts}">{head}<div>{inner}{files}</div></article>'
        return {"id": message.ts, "html": html}

    async def _act(self, request: web.Request) -> web.Response:
        self._check(request, writing=True)
        try:
            body = await request.json()
            answer = await self._perform(request.match_info["act"], body)
        except (KeyError, TypeError, ValueError, LookupError) as error:
            return web.json_response({"error": str(error)}, status=400, headers=HEADERS)
        return web.json_response(answer, headers=HEADERS)

    async def _perform(self, act: str, body: Json) -> Json:
        user, state = body["user"], self._core.state
        if act == "say":
            typed = await self._acts.write(user, body["channel"], str(body["text"]))
        elif act == "home":
            typed = await self._acts.open_home(user)
        elif act == "click" and body.get("ts"):
            message = state.messages[body["channel"], body["ts"]]
            typed = await self._acts.click(user, message, body["action"], body.get("value"), body.get("state"))
        elif act == "click":
            typed = await self._acts.click_view(user, self._view(body), body["action"], body.get("value"))
        elif act == "submit":
            typed = await self._acts.submit_view(user, self._view(body), body.get("state") or {})
        else:
            typed = await self._acts.close_view(user, self._view(body))
        return {"error": typed.error, "errors": (typed.ack_payload or {}).get("errors", {})}

    def _view(self, body: Json) -> View:
        owned = [*self._core.state.views.values(), *self._core.state.homes.values()]
        user = self._core.state.user_named(body["user"]).id
        for view in owned:
            if view.id == body["view"] and view.user == user:
                return view
        raise LookupError("no such view")


async def _send(response: web.StreamResponse, data: Json) -> None:
    await response.write(f"data: {json.dumps(data)}\n\n".encode())


def _loopback(remote: str | None) -> bool:
    try:
        return ipaddress.ip_address(remote or "").is_loopback
    except ValueError:
        return False
