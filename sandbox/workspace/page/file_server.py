"""Uploaded files on the page: pictures of known kinds (by their first bytes) are shown,
all else is only to be saved.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from sandbox.workspace.core import Core
from sandbox.workspace.page.request_guard import HEADERS, RequestGuard
from sandbox.workspace.render.marks import escape_attribute
from sandbox.workspace.shared import find_visible_file

Json = dict[str, Any]
_SHOWN = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)
_ALONE = {"Content-Security-Policy": "default-src 'none'; sandbox"}


def detect_picture_type(data: bytes) -> str:
    """Return the content type of a picture that may be shown, or "".

    SVG is not shown, since it can hold scripts.
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _SHOWN if data.startswith(start)), "")


class FileServer:
    """Serves the bytes of uploaded files, and builds their addresses."""

    def __init__(self, core: Core, guard: RequestGuard) -> None:
        self._core, self._guard = core, guard

    def build_file_url(self, file_id: str, user: str) -> str:
        """Return the address from which the page gets a file for a user, by their id."""
        return f"/page/files/{file_id}?t={self._guard.token}&user={user}"

    def build_picture_url(self, user: str, image: Json) -> str:
        """Return the address of an image that shows an uploaded picture; "" when this user may not
        see it.
        """
        file_id = str((image.get("slack_file") or {}).get("id", ""))
        entry = find_visible_file(self._core.state, file_id, user)
        return (
            self.build_file_url(file_id, user)
            if entry is not None and detect_picture_type(entry["bytes"])
            else ""
        )

    def render_preview(self, user: str, shown: Json) -> str:
        """Return HTML of a file in a message: the picture with its words, or a card to save it
        by."""
        entry = self._core.state.files[shown["id"]]
        link, title = (
            escape_attribute(self.build_file_url(shown["id"], user)),
            escape_attribute(entry.get("title") or entry["name"]),
        )
        size = _format_size(entry["length"])
        if detect_picture_type(entry["bytes"] or b""):
            alt = escape_attribute(entry["alt_txt"] or entry["name"])
            inner = (
                f'<a href="{link}" target="_blank" rel="noreferrer"><img src="{link}" '
                f'alt="{alt}"></a>'
            )
            return (
                f'<figure class="file"><figcaption>{title} '
                f"<small>{size}</small></figcaption>{inner}</figure>"
            )
        return (
            f'<a class="file card-box" href="{link}" download><span aria-hidden="true">📄</span> '
            f"{title} "
            f"<small>{size}</small></a>"
        )

    async def serve_file(self, request: web.Request) -> web.Response:
        """Serve one file to a user who may see it: `?user=`, an id or a name.

        Raises HTTPNotFound.
        """
        self._guard.check_token(request)
        user = request.query.get("user", "")
        named = next(
            (
                person.id
                for person in self._core.state.users.values()
                if user in (person.id, person.name)
            ),
            "",
        )
        entry = find_visible_file(self._core.state, request.match_info["file"], named)
        if entry is None:
            raise web.HTTPNotFound(text="no such file", headers=HEADERS)
        kind = detect_picture_type(entry["bytes"])
        headers = HEADERS | _ALONE
        if not kind:
            headers |= {"Content-Disposition": "attachment"}
        return web.Response(
            body=entry["bytes"], content_type=kind or "application/octet-stream", headers=headers
        )


def _format_size(length: int) -> str:
    return f"{length} B" if length < 1024 else f"{length / 1024:.0f} kB"
