"""The frame of the consoles' pages: what they are, the ways between them, and the policy that lets
nothing foreign in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from aiohttp import web

from sandbox.consoles.cluster_web import NotServed, Refused

STATIC = Path(__file__).parent / "static"
ASSETS = {
    path.name: path.read_text(encoding="utf-8") for path in STATIC.iterdir() if path.is_file()
}
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; "
        "object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""What the answers carry; those of the application have its own headers."""

PLACES = (
    ("/productpage", "Bookinfo"),
    ("/kiali/console/overview", "Kiali"),
    ("/jaeger/search", "Jaeger"),
    ("/grafana", "Grafana"),
)


def render_document(
    console: str, title: str, body: str, *, tabs: str = "", about: str = "", status: int = 200
) -> web.Response:
    """Return a page of a console's stand-in; `about` says in one sentence what it shows."""
    links = "".join(f'<a href="{path}"{_mark(name == console)}>{name}</a>' for path, name in PLACES)
    note = (
        f'<p class="note" role="note"><b>The sandbox’s stand-in for {escape(console)}.</b> '
        f"{escape(about)}</p>"
        if about
        else ""
    )
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · {escape(console)}</title>"
        '<link rel="icon" href="/consoles/icon.svg">'
        '<link rel="stylesheet" href="/consoles/consoles.css">'
        '<link rel="stylesheet" href="/consoles/graph.css">'
        '<script type="module" src="/consoles/consoles.js"></script></head><body>'
        f'<header><b class="console">{escape(console)}</b><nav aria-label="Consoles">{links}</nav>'
        f"</header>{tabs}<main><h1>{escape(title)}</h1>{note}"
        f'<div id="live" tabindex="-1">{body}</div></main></body></html>'
    )
    return web.Response(text=text, status=status, content_type="text/html", headers=HEADERS)


def render_tabs(name: str, tabs: Mapping[str, str], current: str) -> str:
    """Return links between the pages of one console: addresses by title."""
    links = "".join(
        f'<a href="{escape(url, quote=True)}"{_mark(title == current)}>{escape(title)}</a>'
        for title, url in tabs.items()
    )
    return f'<nav class="tabs" aria-label="{escape(name, quote=True)}">{links}</nav>'


def render_absent(what: str, problem: NotServed, command: str) -> str:
    """Return what stands where a program does not answer, or refuses: why, and what to type."""
    why = str(problem)
    if isinstance(problem, Refused):
        return f'<section class="absent"><p>{escape(what)} answers: {escape(why)}</p></section>'
    return (
        f'<section class="absent"><p>{escape(what)} does not answer yet.</p>'
        f"<p>Type <code>{escape(command)}</code> in the channel; this page looks again by itself."
        f'</p><p class="quiet">{escape(why)}</p></section>'
    )


def render_table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]], empty: str) -> str:
    """Return a table of cells that are HTML already, or the sentence for none."""
    if not rows:
        return f'<p class="quiet">{escape(empty)}</p>'
    top = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(heads[0])}">'
        f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def render_state(words: str, kind: str) -> str:
    """Return a small mark: `kind` is good, warn, bad or quiet."""
    return f'<span class="state {kind}">{escape(words)}</span>'


def _mark(current: bool) -> str:
    return ' aria-current="page"' if current else ""
