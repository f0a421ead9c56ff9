"""The page's routes: the document, its assets, the stream of what happens, and what is done on it."""

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

from bot.sandbox.workspace.acts import Acts
from bot.sandbox.workspace.core import Core
from bot.sandbox.workspace.dates import zone_named
from bot.sandbox.workspace.delivery import NOBODY, TOO_LATE, Typed
from bot.sandbox.workspace.inputs import values
from bot.sandbox.workspace.page.files import Files
from bot.sandbox.workspace.page.guard import HEADERS, Guard
from bot.sandbox.workspace.page.shown import Shown, Viewer
from bot.sandbox.workspace.page.side import Side
from bot.sandbox.workspace.state import SLACKBOT, Change, Channel, Message, View

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
    "not_subscribed": "The app does not hear of this: its manifest does not subscribe to the event.",
    "home_tab_disabled": "",
    "errors": "",
}
"""What a person is told where no message in the channel says it; other errors of commands are told there."""


class Page:
    """Serves the page and carries what is done on it to the workspace."""

    def __init__(self, core: Core, acts: Acts, side: Side) -> None:
        self._core, self._acts, self._side = core, acts, side
        self._guard = Guard(core)
        self._files = Files(core, self._guard)
        self._shown = Shown(core, self._files)
        self._assets = {path.name: path.read_text(encoding="utf-8") for path in STATIC.iterdir() if path.is_file()}
        self._streams: set[asyncio.Task[Any]] = set()

    @property
    def token(self) -> str:
        """This start's token."""
        return self._guard.token

    def routes(self, app: web.Application) -> None:
        """Adds the page's routes."""
        app.router.add_get("/", self._document)
        app.router.add_get("/page/assets/{asset}", self._asset)
        app.router.add_get("/page/events", self._events)
        app.router.add_get("/page/files/{file}", self._files.serve)
        app.router.add_post("/page/{act:say|click|submit|close|home|side}", self._act)

    async def stop(self) -> None:
        """Ends the event streams."""
        for task in list(self._streams):
            task.cancel()
        await asyncio.gather(*self._streams, return_exceptions=True)

    async def _document(self, request: web.Request) -> web.Response:
        self._guard.check(request)
        state = self._core.state
        people = [user for user in state.users.values() if not user.is_bot and user.id != SLACKBOT]
        users = "".join(
            f'<label><input type="radio" name="user" value="{escape(user.name)}"{" checked" if not number else ""}>'
            f"<span>{escape(user.name)}</span></label>"
            for number, user in enumerate(people)
        )
        places = [channel for channel in state.channels.values() if not channel.is_im]
        channels = "".join(
            f'<button type="button" class="place" data-channel="{escape(place.id)}"># {escape(place.name)}</button>'
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

    async def _asset(self, request: web.Request) -> web.Response:
        """Style and scripts hold no secret, and a module cannot add a token when it asks for another one."""
        self._guard.local(request)
        name = request.match_info["asset"]
        kind = TYPES.get(Path(name).suffix)
        if kind is None or name not in self._assets:
            raise web.HTTPNotFound(text="no such asset", headers=HEADERS)
        return web.Response(text=self._assets[name], content_type=kind, headers=HEADERS)

    def _channel(self, user: str, name: str) -> Channel:
        if name == APP:
            return self._core.state.direct(self._core.bot.id, self._core.state.user_named(user).id)
        return self._acts.channel(name)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        self._guard.check(request)
        try:
            user = self._core.state.user_named(request.query["user"])
            channel = self._channel(user.id, request.query["channel"])
        except (KeyError, LookupError) as error:
            raise web.HTTPBadRequest(text=str(error), headers=HEADERS) from error
        zone = request.query.get("zone", "")
        if zone:
            user.tz = str(zone_named(zone))
        viewer = Viewer(user.id, zone_named(user.tz))
        response = web.StreamResponse(headers=HEADERS | {"Content-Type": "text/event-stream"})
        await response.prepare(request)
        task = asyncio.current_task()
        if task is not None:
            self._streams.add(task)
            task.add_done_callback(self._streams.discard)
        with suppress(ConnectionResetError):
            await self._tell(response, viewer, channel)
        return response

    async def _tell(self, response: web.StreamResponse, viewer: Viewer, channel: Channel) -> None:
        """First all that there is, then what happens, until the reader is gone."""
        queue: asyncio.Queue[Json] = asyncio.Queue()
        listener = lambda name, html: queue.put_nowait({"fragment": name, "html": html})  # noqa: E731 - one use
        with self._core.state.changes() as changes, self._side.listening(listener):
            for piece in self._beginning(viewer, channel):
                queue.put_nowait(piece)

            async def follow() -> None:
                async for change in changes:
                    for piece in self._pieces(change, viewer, channel):
                        queue.put_nowait(piece)

            follower = asyncio.create_task(follow())
            try:
                while True:
                    await response.write(await _next(queue))
            finally:
                follower.cancel()

    def _beginning(self, viewer: Viewer, channel: Channel) -> list[Json]:
        completions = [{"text": each.text, "hint": each.hint} for each in self._side.completions]
        completions += [
            {"text": command, "hint": hint}
            for command, hint in self._core.installed.usage.items()
            if not any(each["text"].startswith(command) for each in completions)
        ]
        names = [user.name for user in self._core.state.users.values() if user.id != SLACKBOT]
        hello = {"completions": completions, "names": names, "home": self._core.installed.home}
        seen = self._core.state.seen_by(viewer.user, channel.id)
        fragments = [{"fragment": name, "html": html} for name, html in self._side.fragments.items()]
        messages = [self._shown.message(message, viewer) for message in seen]
        views = [self._shown.home(viewer), self._shown.modal(viewer)]
        return [{"hello": hello}, *messages, *views, *fragments, {"ready": True}]

    def _pieces(self, change: Change, viewer: Viewer, channel: Channel) -> list[Json]:
        message, view = change.message, change.view
        if view is not None and view.user == viewer.user:
            home = view is self._core.state.homes.get(viewer.user)
            return [self._shown.home(viewer) if home else self._shown.modal(viewer)]
        if message is None or message.channel != channel.id or message.ephemeral_to not in ("", viewer.user):
            return []
        parent = self._core.state.messages.get((channel.id, message.thread_ts)) if message.is_reply else None
        above = [self._shown.message(parent, viewer)] if parent is not None and change.kind != "edited" else []
        return [self._shown.message(message, viewer), *above]

    async def _act(self, request: web.Request) -> web.Response:
        self._guard.check(request, writing=True)
        act = request.match_info["act"]
        try:
            body = await request.json()
            if act == "side":
                return web.json_response(await self._do(body), headers=HEADERS)
            typed = await self._perform[act](self, body)
        except (KeyError, TypeError, ValueError, LookupError, OSError) as error:
            return web.json_response({"error": str(error) or "this was not understood"}, status=400, headers=HEADERS)
        return web.json_response(_answer(act, typed), headers=HEADERS)

    async def _do(self, body: Json) -> Json:
        """Something beside the channel; that it cannot be done just now is an answer, not a fault of the page."""
        try:
            await self._side.perform(str(body["deed"]), body)
        except (LookupError, OSError) as error:
            return {"error": str(error.args[0] if error.args else error), "errors": {}}
        return {"error": "", "errors": {}}

    async def _say(self, body: Json) -> Typed:
        channel = self._channel(body["user"], body["channel"])
        return await self._acts.write(body["user"], channel.id, str(body["text"]), str(body.get("thread") or ""))

    async def _home(self, body: Json) -> Typed:
        return await self._acts.open_home(body["user"])

    async def _click(self, body: Json) -> Typed:
        user, action, value = body["user"], str(body["action"]), body.get("value")
        if body.get("view"):
            view = self._view(body)
            state = values(view.body["blocks"], body.get("state"))
            return await self._acts.click_view(user, view, action, value, state)
        message = self._message(body)
        return await self._acts.click(user, message, action, value, values(message.blocks, body.get("state")))

    async def _submit(self, body: Json) -> Typed:
        view = self._view(body)
        return await self._acts.submit_view(body["user"], view, values(view.body["blocks"], body.get("state")))

    async def _close(self, body: Json) -> Typed:
        return await self._acts.close_view(body["user"], self._view(body), everything=bool(body.get("everything")))

    _perform: dict[str, Callable[[Page, Json], Awaitable[Typed]]] = {
        "click": _click,
        "close": _close,
        "home": _home,
        "say": _say,
        "submit": _submit,
    }

    def _message(self, body: Json) -> Message:
        channel = self._channel(body["user"], body["channel"])
        message = self._core.state.messages.get((channel.id, str(body["ts"])))
        if message is None:
            raise LookupError("no such message")
        return message

    def _view(self, body: Json) -> View:
        owned = [*self._core.state.views.values(), *self._core.state.homes.values()]
        user = self._core.state.user_named(body["user"]).id
        for view in owned:
            if view.id == body["view"] and view.user == user:
                return view
        raise LookupError("no such view")


async def _next(queue: asyncio.Queue[Json]) -> bytes:
    """The next piece as an event, or a comment when there is none for a while."""
    try:
        async with asyncio.timeout(KEEP_ALIVE):
            return f"data: {json.dumps(await queue.get())}\n\n".encode()
    except TimeoutError:
        return b": still here\n\n"


def _answer(act: str, typed: Typed) -> Json:
    """What the page tells the person; how a command failed is told in the channel already."""
    told = act == "say" and typed.error != "not_subscribed"
    sentence = "" if told or not typed.error else SENTENCES.get(typed.error, typed.error)
    return {"error": sentence, "errors": (typed.ack_payload or {}).get("errors", {}) if typed.error == "errors" else {}}
