"""One open page's stream of events: what is there, then what changes, as one user sees it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from sandbox.workspace.core import Core
from sandbox.workspace.page.renderer import PageRenderer, Viewer
from sandbox.workspace.page.sidebar import Sidebar
from sandbox.workspace.state import SLACKBOT, Change, Channel

Json = dict[str, Any]
KEEP_ALIVE = 15.0
"""Wall seconds of silence after which a stream says that it still lives."""


class EventStream:
    """The events of one channel for one viewer."""

    def __init__(
        self, core: Core, side: Sidebar, shown: PageRenderer, viewer: Viewer, channel: Channel
    ) -> None:
        self._core, self._side, self._shown = core, side, shown
        self._viewer, self._channel = viewer, channel

    async def write_to(self, response: web.StreamResponse) -> None:
        """Write the present state, then every change, until the reader is gone."""
        queue: asyncio.Queue[Json] = asyncio.Queue()

        def put_fragment(name: str, html: str) -> None:
            queue.put_nowait({"fragment": name, "html": html})

        # Watching begins before the present state is read, and nothing in between waits: no change
        # is missed, and none is told twice.
        with self._core.state.watch_changes() as changes, self._side.subscribe(put_fragment):
            for piece in self._build_initial_events():
                queue.put_nowait(piece)

            async def follow() -> None:
                async for change in changes:
                    for piece in self._build_change_events(change):
                        queue.put_nowait(piece)

            follower = asyncio.create_task(follow())
            try:
                while True:
                    await response.write(await _encode_next_event(queue))
            finally:
                follower.cancel()

    def _build_initial_events(self) -> list[Json]:
        viewer = self._viewer
        completions = [{"text": each.text, "hint": each.hint} for each in self._side.completions]
        completions += [
            {"text": command, "hint": hint}
            for command, hint in self._core.installed.usage.items()
            if not any(each["text"].startswith(command) for each in completions)
        ]
        names = [user.name for user in self._core.state.users.values() if user.id != SLACKBOT]
        hello = {"completions": completions, "names": names, "home": self._core.installed.home}
        seen = self._core.state.list_visible_messages(viewer.user, self._channel.id)
        fragments = [
            {"fragment": name, "html": html} for name, html in self._side.fragments.items()
        ]
        messages = [self._shown.render_message(message, viewer) for message in seen]
        views = [self._shown.render_home(viewer), self._shown.render_modal(viewer)]
        return [{"hello": hello}, *messages, *views, *fragments, {"ready": True}]

    def _build_change_events(self, change: Change) -> list[Json]:
        message, view, viewer = change.message, change.view, self._viewer
        if view is not None and view.user == viewer.user:
            home = view is self._core.state.homes.get(viewer.user)
            return [self._shown.render_home(viewer) if home else self._shown.render_modal(viewer)]
        if (
            message is None
            or message.channel != self._channel.id
            or message.ephemeral_to not in ("", viewer.user)
        ):
            return []
        # A new or deleted reply changes the number of replies that its parent shows.
        parent = (
            self._core.state.messages.get((self._channel.id, message.thread_ts))
            if message.is_reply
            else None
        )
        above = (
            [self._shown.render_message(parent, viewer)]
            if parent is not None and change.kind != "edited"
            else []
        )
        return [self._shown.render_message(message, viewer), *above]


async def _encode_next_event(queue: asyncio.Queue[Json]) -> bytes:
    """Return the next event as bytes, or a comment when there is none for 15 wall seconds."""
    try:
        async with asyncio.timeout(KEEP_ALIVE):
            return f"data: {json.dumps(await queue.get())}\n\n".encode()
    except TimeoutError:
        return b": still here\n\n"
