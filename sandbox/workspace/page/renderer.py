"""Messages, modals and App Home rendered for one user: HTML, and what the page needs to
place it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial
from html import escape
from typing import Any
from zlib import crc32

from sandbox.workspace.core import Core
from sandbox.workspace.emoji import replace_emoji_names
from sandbox.workspace.installed_app import list_message_shortcuts
from sandbox.workspace.mrkdwn import mrkdwn_to_html
from sandbox.workspace.page.file_server import FileServer
from sandbox.workspace.plain import map_display_names, render_message_lines
from sandbox.workspace.render import render_blocks, render_text
from sandbox.workspace.render.marks import escape_attribute, render_icon
from sandbox.workspace.render_context import RenderContext
from sandbox.workspace.state import SLACKBOT, Message, View
from sandbox.workspace.words import Words

Json = dict[str, Any]
COLOURS = 8
"""Colours that the style sheet has for people without a picture."""


@dataclass(frozen=True)
class Viewer:
    """The user who looks at the page, and their time zone."""

    user: str
    zone: tzinfo


class PageRenderer:
    """Renders what the page shows."""

    def __init__(self, core: Core, files: FileServer) -> None:
        self._core, self._files = core, files

    def build_context(self, viewer: Viewer) -> RenderContext:
        """Return everything that a rendering needs to know of the workspace."""
        state = self._core.state
        people = tuple((user.id, user.name) for user in state.users.values() if user.id != SLACKBOT)
        channels = tuple(
            (place.id, f"#{place.name}") for place in state.channels.values() if not place.is_im
        )
        now = self._core.clock.now()
        return RenderContext(
            map_display_names(state),
            people,
            channels,
            viewer.zone,
            now,
            partial(self._files.build_picture_url, viewer.user),
        )

    def render_message(self, message: Message, viewer: Viewer) -> Json:
        """Return a message as an event: HTML, its place, and a line for screen readers."""
        if message.deleted:
            return {"gone": message.ts}
        name = self._core.state.users[message.user].name
        lines = render_message_lines(message, map_display_names(self._core.state))
        thread = message.thread_ts if message.is_reply else ""
        return {
            "message": message.ts,
            "html": self._render_article(message, viewer, name),
            "thread": thread,
            "top": not thread or message.broadcast,
            "mine": message.user == viewer.user,
            "said": f"{name}: {next((line for line in lines if line.strip()), '')}",
        }

    def _render_article(self, message: Message, viewer: Viewer, name: str) -> str:
        look, say = self.build_context(viewer), self._core.words
        person = self._core.state.users[message.user]
        edited = (
            f'<span class="edited">({say("edited")})</span>'
            if message.edited_ts and message.edits
            else ""
        )
        if message.blocks:
            inner = render_blocks(message.blocks, look) + edited
        else:
            inner = f'<div class="block text">{mrkdwn_to_html(message.text, look)} {edited}</div>'
        inner += "".join(self._files.render_preview(viewer.user, file) for file in message.files)
        when = message.created.astimezone(viewer.zone)
        badge = ' <span class="badge">APP</span>' if person.is_bot else ""
        colour = "bot" if person.is_bot else f"c{crc32(person.id.encode()) % COLOURS}"
        # The bot has its icon there.
        letter = "" if person.is_bot else escape(name[:1].upper())
        kind = "message ephemeral" if message.ephemeral_to else "message"
        return (
            f'<article class="{kind}" data-message="{message.ts}">'
            f'<div class="avatar {colour}" aria-hidden="true">{letter}</div><div '
            f'class="content">'
            f'{self._render_notes(message, look)}<header><b class="who">{escape(name)}</b>{badge} '
            f'<time datetime="{when.isoformat()}" '
            f'title="{when:%A, %d %B %Y, %H:%M:%S %Z}">{when:%H:%M}</time>'
            f"{self._render_tools(message)}</header>"
            f"<div "
            f'class="blocks">{inner}</div>{_render_reactions(message)}{self._render_replies(message, viewer)}</div></article>'  # noqa: E501
        )

    def _render_tools(self, message: Message) -> str:
        """Render what can be done with a message: a reply in its thread, the app's shortcuts."""
        shortcuts = list_message_shortcuts(self._core.installed, message)
        say = self._core.words
        tools = _render_reply_button(message, say) + _render_shortcut_menu(
            shortcuts, self._core.bot.name, say
        )
        return f'<div class="tools">{tools}</div>' if tools else ""

    def _render_notes(self, message: Message, look: RenderContext) -> str:
        if message.ephemeral_to:
            words = self._core.words("Only visible to you")
            return f'<p class="aside">{render_icon("eye")} {words}</p>'
        parent = self._core.state.messages.get((message.channel, message.thread_ts))
        if not message.is_reply or not message.broadcast or parent is None:
            return ""
        said = next(iter(render_message_lines(parent, look.names)), "…")
        link = (
            f'<button type="button" class="link" '
            f'data-thread="{parent.ts}">{escape(said[:60])}</button>'
        )
        return f'<p class="aside broadcast">{self._core.words("replied to a thread:")} {link}</p>'

    def _render_replies(self, message: Message, viewer: Viewer) -> str:
        replies = self._core.state.list_replies(message)
        if not replies:
            return ""
        say = self._core.words
        count = say("1 reply") if len(replies) == 1 else f"{len(replies)} {say('replies')}"
        last = replies[-1].created.astimezone(viewer.zone)
        return (
            f'<button type="button" class="replies" data-thread="{message.ts}"><b>{count}</b> '
            f"<small>{say('last at')} {last:%H:%M}</small></button>"
        )

    def render_home(self, viewer: Viewer) -> Json:
        """Return the Home tab as an event; without a view, the reason why it is empty."""
        home = self._core.state.homes.get(viewer.user)
        if home is not None:
            html = render_blocks(home.body["blocks"], self.build_context(viewer))
            return {"home": f'<div class="view" data-view="{home.id}">{html}</div>'}
        why = self._core.words("Nothing has been published here yet.")
        if not self._core.installed.home:
            why = self._core.words(
                "This app has no Home tab: home_tab_enabled is off in its manifest."
            )
        return {"home": f'<p class="empty">{escape(why)}</p>'}

    def render_modal(self, viewer: Viewer) -> Json:
        """Return the modal in front as an event; "" when there is none."""
        views = [
            view
            for view in self._core.state.views.values()
            if view.open and view.user == viewer.user
        ]
        return {"modal": self._render_modal(views[-1], len(views), viewer) if views else ""}

    def _render_modal(self, view: View, depth: int, viewer: Viewer) -> str:
        look, body = self.build_context(viewer), view.body
        submit = body.get("submit")
        send = (
            f'<button type="button" class="btn primary" '
            f"data-submit>{render_text(submit, look)}</button>"
        )
        close = (
            render_text(body["close"], look)
            if body.get("close")
            else self._core.words("Back" if depth > 1 else "Close")
        )
        return (
            f'<div class="view" data-view="{escape_attribute(view.id)}"><header><h2 '
            f'id="modal-title">'
            f'{render_text(body["title"], look)}</h2><button type="button" class="icon" '
            f'data-close="all" '
            f'aria-label="{self._core.words("Close window")}">'
            f"{render_icon('close')}</button></header>"
            f'<div class="body">{render_blocks(body["blocks"], look)}</div><p class="wrong '
            f'general" role="alert"></p>'
            f'<div class="foot"><button type="button" class="btn" data-close="one">{close}</button>'
            f"{send if submit else ''}</div></div>"
        )


def _render_reply_button(message: Message, say: Words) -> str:
    if message.ephemeral_to or message.is_reply:
        return ""
    label = say("Reply in thread")
    return (
        f'<button type="button" class="icon reply" data-thread="{message.ts}" '
        f'aria-label="{label}" title="{label}">{render_icon("reply")}</button>'
    )


def _render_shortcut_menu(names: Iterable[str], app: str, say: Words) -> str:
    """Render the menu of a message, with each shortcut and the app that it belongs to."""
    entries = "".join(
        f'<button type="button" class="entry" data-shortcut="{escape_attribute(name)}">'
        f"{escape(name)} <small>{escape(app)}</small></button>"
        for name in names
    )
    if not entries:
        return ""
    label = say("More actions")
    icon = render_icon("more")
    summary = f'<summary class="icon" aria-label="{label}" title="{label}">{icon}</summary>'
    return f'<details class="overflow">{summary}<div class="menu">{entries}</div></details>'


def _render_reactions(message: Message) -> str:
    pills = "".join(
        f'<span class="reaction">{escape(replace_emoji_names(f":{name}:"))} {len(users)}</span>'
        for name, users in message.reactions.items()
        if users
    )
    return f'<div class="reactions">{pills}</div>' if pills else ""
