"""The page's routes: the document, its assets, the stream of events, and the actions done
on it.
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import suppress
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from aiohttp import web

from sandbox.workspace.core import Core
from sandbox.workspace.dates import load_time_zone
from sandbox.workspace.page.event_stream import EventStream
from sandbox.workspace.page.file_server import FileServer
from sandbox.workspace.page.page_actions import PageActions
from sandbox.workspace.page.renderer import PageRenderer, Viewer
from sandbox.workspace.page.request_guard import HEADERS, RequestGuard
from sandbox.workspace.page.sidebar import Sidebar
from sandbox.workspace.render.marks import render_icon
from sandbox.workspace.state import SLACKBOT
from sandbox.workspace.user_actions import UserActions

STATIC = Path(__file__).parent / "static"
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class Page:
    """Serves the page and passes the actions done on it to the workspace."""

    def __init__(self, core: Core, acts: UserActions, side: Sidebar) -> None:
        self._core, self._side = core, side
        self._actions = PageActions(core, acts, side)
        self._guard = RequestGuard(core)
        self._files = FileServer(core, self._guard)
        self._shown = PageRenderer(core, self._files)
        self._assets = {
            path.name: path.read_text(encoding="utf-8")
            for path in STATIC.iterdir()
            if path.is_file()
        }
        self._streams: set[asyncio.Task[Any]] = set()

    @property
    def token(self) -> str:
        """This start's token."""
        return self._guard.token

    def add_routes(self, app: web.Application) -> None:
        """Add the page's routes to an application."""
        app.router.add_get("/", self._serve_document)
        app.router.add_get("/page/assets/{asset}", self._serve_asset)
        app.router.add_get("/page/side.css", self._serve_side_styles)
        app.router.add_get("/page/events", self._stream_events)
        app.router.add_get("/page/files/{file}", self._files.serve_file)
        app.router.add_post(
            "/page/{act:say|click|shortcut|submit|close|home|side}", self._handle_action
        )

    async def stop(self) -> None:
        """End the event streams."""
        for task in list(self._streams):
            task.cancel()
        await asyncio.gather(*self._streams, return_exceptions=True)

    async def _serve_document(self, request: web.Request) -> web.Response:
        self._guard.check_token(request)
        state = self._core.state
        people = [user for user in state.users.values() if not user.is_bot and user.id != SLACKBOT]
        users = "".join(
            f'<label><input type="radio" name="user" '
            f'value="{escape(user.name)}"{" checked" if not number else ""}>'
            f"<span>{escape(user.name)}</span></label>"
            for number, user in enumerate(people)
        )
        places = [channel for channel in state.channels.values() if not channel.is_im]
        channels = "".join(
            f'<button type="button" class="place" data-channel="{escape(place.id)}">'
            f"{render_icon('hash')}<span>{escape(place.name)}</span></button>"
            for place in places
        )
        say = self._core.words
        document = re.sub(
            r"\{\{(.+?)\}\}", lambda found: escape(say(found[1])), self._assets["page.html"]
        )
        text = Template(document).substitute(
            language=say.language,
            words=escape(json.dumps(dict(say.table))),
            token=self.token,
            users=users,
            channels=channels,
            team=escape(state.team_name),
            bot=escape(self._core.bot.name),
            parts=escape(" ".join(name for name, html in self._side.fragments.items() if html)),
        )
        return web.Response(text=text, content_type="text/html", headers=HEADERS)

    async def _serve_asset(self, request: web.Request) -> web.Response:
        """Serve a style sheet, script or icon without asking for the token.

        They hold no secret, and a module cannot add a token when it asks for another one.
        """
        self._guard.check_origin(request)
        name = request.match_info["asset"]
        kind = TYPES.get(Path(name).suffix)
        if kind is None or name not in self._assets:
            raise web.HTTPNotFound(text="no such asset", headers=HEADERS)
        return web.Response(text=self._assets[name], content_type=kind, headers=HEADERS)

    async def _serve_side_styles(self, request: web.Request) -> web.Response:
        """Serve the styles of what stands beside the channel."""
        self._guard.check_origin(request)
        styles = self._side.styles
        return web.Response(text=styles, content_type="text/css", headers=HEADERS)

    async def _stream_events(self, request: web.Request) -> web.StreamResponse:
        self._guard.check_token(request)
        try:
            user = self._core.state.get_user(request.query["user"])
            channel = self._actions.get_channel(user.id, request.query["channel"])
        except (KeyError, LookupError) as error:
            raise web.HTTPBadRequest(text=str(error), headers=HEADERS) from error
        zone = request.query.get("zone", "")
        if zone:
            user.tz = str(load_time_zone(zone))
        viewer = Viewer(user.id, load_time_zone(user.tz))
        response = web.StreamResponse(headers=HEADERS | {"Content-Type": "text/event-stream"})
        await response.prepare(request)
        task = asyncio.current_task()
        if task is not None:
            self._streams.add(task)
            task.add_done_callback(self._streams.discard)
        with suppress(ConnectionResetError):
            await EventStream(self._core, self._side, self._shown, viewer, channel).write_to(
                response
            )
        return response

    async def _handle_action(self, request: web.Request) -> web.Response:
        self._guard.check_token(request, writing=True)
        try:
            answer = await self._actions.perform(request.match_info["act"], await request.json())
        except (KeyError, TypeError, ValueError, LookupError, OSError) as error:
            return web.json_response(
                {"error": str(error) or "this was not understood"}, status=400, headers=HEADERS
            )
        return web.json_response(answer, headers=HEADERS)
