"""Uploaded files as the page shows them: pictures of known kinds by their first bytes, all else only to be saved."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from bot.sandbox.workspace.core import Core
from bot.sandbox.workspace.page.guard import HEADERS, Guard
from bot.sandbox.workspace.render.marks import attribute
from bot.sandbox.workspace.shared import file_for

Json = dict[str, Any]
_SHOWN = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)
_ALONE = {"Content-Security-Policy": "default-src 'none'; sandbox"}


def picture_type(data: bytes) -> str:
    """The type of a picture that may be shown, or ""; SVG is none, since it can hold scripts."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _SHOWN if data.startswith(start)), "")


class Files:
    """Serves the bytes of uploaded files, and knows their addresses."""

    def __init__(self, core: Core, guard: Guard) -> None:
        self._core, self._guard = core, guard

    def address(self, file_id: str, user: str) -> str:
        """Where the page gets a file from for a person, by their id."""
        return f"/page/files/{file_id}?t={self._guard.token}&user={user}"

    def picture(self, user: str, image: Json) -> str:
        """The address of an image that shows an uploaded picture; "" when this person may not see it."""
        file_id = str((image.get("slack_file") or {}).get("id", ""))
        entry = file_for(self._core.state, file_id, user)
        return self.address(file_id, user) if entry is not None and picture_type(entry["bytes"]) else ""

    def preview(self, user: str, shown: Json) -> str:
        """HTML of a file in a message: the picture with its words, or a card to save it by."""
        entry = self._core.state.files[shown["id"]]
        link, title = attribute(self.address(shown["id"], user)), attribute(entry.get("title") or entry["name"])
        size = _size(entry["length"])
        if picture_type(entry["bytes"] or b""):
            alt = attribute(entry["alt_txt"] or entry["name"])
            inner = f'<a href="{link}" target="_blank" rel="noreferrer"><img src="{link}" alt="{alt}"></a>'
            return f'<figure class="file"><figcaption>{title} <small>{size}</small></figcaption>{inner}</figure>'
        return (
            f'<a class="file card-box" href="{link}" download><span aria-hidden="true">📄</span> {title} '
            f"<small>{size}</small></a>"
        )

    async def serve(self, request: web.Request) -> web.Response:
        """One file, for who may see it: `?user=`, an id or a name."""
        self._guard.check(request)
        user = request.query.get("user", "")
        named = next((person.id for person in self._core.state.users.values() if user in (person.id, person.name)), "")
        entry = file_for(self._core.state, request.match_info["file"], named)
        if entry is None:
            raise web.HTTPNotFound(text="no such file", headers=HEADERS)
        kind = picture_type(entry["bytes"])
        headers = HEADERS | _ALONE
        if not kind:
            headers |= {"Content-Disposition": "attachment"}
        return web.Response(body=entry["bytes"], content_type=kind or "application/octet-stream", headers=headers)


def _size(length: int) -> str:
    return f"{length} B" if length < 1024 else f"{length / 1024:.0f} kB"
