"""The page's routes: the document, its assets, the stream of events, and the actions done
on it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from aiohttp import web

from sandbox.workspace.core import Core
from sandbox.workspace.dates import load_time_zone
from sandbox.workspace.delivery import NOBODY, TOO_LATE, ActionResult
from sandbox.workspace.inputs import collect_state_values
from sandbox.workspace.page.file_server import FileServer
from sandbox.workspace.page.renderer import PageRenderer, Viewer
from sandbox.workspace.page.request_guard import HEADERS, RequestGuard
from sandbox.workspace.page.sidebar import Sidebar
from sandbox.workspace.state import SLACKBOT, Change, Channel, Message, View
from sandbox.workspace.user_actions import UserActions

Json = dict[str, Any]
STATIC = Path(__file__).parent / "static"
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
APP = "app"
"""Stands for the direct conversation of whoever looks with the bot, where a channel's id would."""

KEEP_ALIVE = 15.0
"""Wall seconds of silence after which a stream says that it still lives."""

SENTENCES = {
    NOBODY: "This did not reach the app: it is not connected.",
    TOO_LATE: "The app did not acknowledge this within three seconds.",
    "not_subscribed": "The app does not hear of this: its manifest does not subscribe to the event.",  # noqa: E501
    "home_tab_disabled": "",
    "errors": "",
}
"""What a person is told where no message in the channel says it; other errors of commands are told
there."""


class Page:
    """Serves the page and passes the actions done on it to the workspace."""

    def __init__(self, core: Core, acts: UserActions, side: Sidebar) -> None:
        self._core, self._acts, self._side = core, acts, side
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
        app.router.add_get("/page/events", self._stream_events)
        app.router.add_get("/page/files/{file}", self._files.serve_file)
        app.router.add_post("/page/{act:say|click|submit|close|home|side}", self._handle_action)

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
            f'<button type="button" class="place" data-channel="{escape(place.id)}"># '
            f"{escape(place.name)}</button>"
            for place in places
        )
        text = Template(self._assets["page.html"]).substitute(
            token=self.token,
            users=users,
            channels=channels,
            team=escape(state.team_name),
            bot=escape(self._core.bot.name),
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

    def _get_channel(self, user: str, name: str) -> Channel:
        if name == APP:
            return self._core.state.open_direct_channel(
                self._core.bot.id, self._core.state.get_user(user).id
            )
        return self._acts.get_channel(name)

    async def _stream_events(self, request: web.Request) -> web.StreamResponse:
        self._guard.check_token(request)
        try:
            user = self._core.state.get_user(request.query["user"])
            channel = self._get_channel(user.id, request.query["channel"])
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
            await self._write_events(response, viewer, channel)
        return response

    async def _write_events(
        self, response: web.StreamResponse, viewer: Viewer, channel: Channel
    ) -> None:
        """Write the present state, then every change, until the reader is gone."""
        queue: asyncio.Queue[Json] = asyncio.Queue()
        # One use.
        listener = lambda name, html: queue.put_nowait({"fragment": name, "html": html})  # noqa: E731
        with self._core.state.watch_changes() as changes, self._side.subscribe(listener):
            for piece in self._build_initial_events(viewer, channel):
                queue.put_nowait(piece)

            async def follow() -> None:
                async for change in changes:
                    for piece in self._build_change_events(change, viewer, channel):
                        queue.put_nowait(piece)

            follower = asyncio.create_task(follow())
            try:
                while True:
                    await response.write(await _encode_next_event(queue))
            finally:
                follower.cancel()

    def _build_initial_events(self, viewer: Viewer, channel: Channel) -> list[Json]:
        completions = [{"text": each.text, "hint": each.hint} for each in self._side.completions]
        completions += [
            {"text": command, "hint": hint}
            for command, hint in self._core.installed.usage.items()
            if not any(each["text"].startswith(command) for each in completions)
        ]
        names = [user.name for user in self._core.state.users.values() if user.id != SLACKBOT]
        hello = {"completions": completions, "names": names, "home": self._core.installed.home}
        seen = self._core.state.list_visible_messages(viewer.user, channel.id)
        fragments = [
            {"fragment": name, "html": html} for name, html in self._side.fragments.items()
        ]
        messages = [self._shown.render_message(message, viewer) for message in seen]
        views = [self._shown.render_home(viewer), self._shown.render_modal(viewer)]
        return [{"hello": hello}, *messages, *views, *fragments, {"ready": True}]

    def _build_change_events(self, change: Change, viewer: Viewer, channel: Channel) -> list[Json]:
        message, view = change.message, change.view
        if view is not None and view.user == viewer.user:
            home = view is self._core.state.homes.get(viewer.user)
            return [self._shown.render_home(viewer) if home else self._shown.render_modal(viewer)]
        if (
            message is None
            or message.channel != channel.id
            or message.ephemeral_to not in ("", viewer.user)
        ):
            return []
        parent = (
            self._core.state.messages.get((channel.id, message.thread_ts))
            if message.is_reply
            else None
        )
        above = (
            [self._shown.render_message(parent, viewer)]
            if parent is not None and change.kind != "edited"
            else []
        )
        return [self._shown.render_message(message, viewer), *above]

    async def _handle_action(self, request: web.Request) -> web.Response:
        self._guard.check_token(request, writing=True)
        act = request.match_info["act"]
        try:
            body = await request.json()
            if act == "side":
                return web.json_response(await self._perform_side_action(body), headers=HEADERS)
            typed = await self._perform[act](self, body)
        except (KeyError, TypeError, ValueError, LookupError, OSError) as error:
            return web.json_response(
                {"error": str(error) or "this was not understood"}, status=400, headers=HEADERS
            )
        return web.json_response(_build_answer(act, typed), headers=HEADERS)

    async def _perform_side_action(self, body: Json) -> Json:
        """Perform an action of the sidebar; return its error as an answer, not as a fault of the
        page.
        """
        try:
            await self._side.perform_action(str(body["command"]), body)
        except (LookupError, OSError) as error:
            return {"error": str(error.args[0] if error.args else error), "errors": {}}
        return {"error": "", "errors": {}}

    async def _send_line(self, body: Json) -> ActionResult:
        channel = self._get_channel(body["user"], body["channel"])
        return await self._acts.send_line(
            body["user"], channel.id, str(body["text"]), str(body.get("thread") or "")
        )

    async def _open_home(self, body: Json) -> ActionResult:
        return await self._acts.open_home(body["user"])

    async def _click_element(self, body: Json) -> ActionResult:
        user, action, value = body["user"], str(body["action"]), body.get("value")
        if body.get("view"):
            view = self._get_view(body)
            state = collect_state_values(view.body["blocks"], body.get("state"))
            return await self._acts.click_view_element(user, view, action, value, state)
        message = self._get_message(body)
        return await self._acts.click_element(
            user, message, action, value, collect_state_values(message.blocks, body.get("state"))
        )

    async def _submit_modal(self, body: Json) -> ActionResult:
        view = self._get_view(body)
        return await self._acts.submit_view(
            body["user"], view, collect_state_values(view.body["blocks"], body.get("state"))
        )

    async def _close_modal(self, body: Json) -> ActionResult:
        return await self._acts.close_view(
            body["user"], self._get_view(body), everything=bool(body.get("everything"))
        )

    _perform: dict[str, Callable[[Page, Json], Awaitable[ActionResult]]] = {
        "click": _click_element,
        "close": _close_modal,
        "home": _open_home,
        "say": _send_line,
        "submit": _submit_modal,
    }

    def _get_message(self, body: Json) -> Message:
        channel = self._get_channel(body["user"], body["channel"])
        message = self._core.state.messages.get((channel.id, str(body["ts"])))
        if message is None:
            raise LookupError("no such message")
        return message

    def _get_view(self, body: Json) -> View:
        owned = [*self._core.state.views.values(), *self._core.state.homes.values()]
        user = self._core.state.get_user(body["user"]).id
        for view in owned:
            if view.id == body["view"] and view.user == user:
                return view
        raise LookupError("no such view")


async def _encode_next_event(queue: asyncio.Queue[Json]) -> bytes:
    """Return the next event as bytes, or a comment when there is none for 15 wall seconds."""
    try:
        async with asyncio.timeout(KEEP_ALIVE):
            return f"data: {json.dumps(await queue.get())}\n\n".encode()
    except TimeoutError:
        return b": still here\n\n"


def _build_answer(act: str, typed: ActionResult) -> Json:
    """Return the page's answer to an action; the channel tells already how a command failed."""
    told = act == "say" and typed.error != "not_subscribed"
    sentence = "" if told or not typed.error else SENTENCES.get(typed.error, typed.error)
    return {
        "error": sentence,
        "errors": (typed.ack_payload or {}).get("errors", {}) if typed.error == "errors" else {},
    }
