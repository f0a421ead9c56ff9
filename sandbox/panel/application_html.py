"""The application as HTML for the page's sidebar: a card for each person, with stars and
versions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.panel.application import PageLook, Visitor

STARS = 5
ICON = '<svg class="i" aria-hidden="true"><use href="/page/assets/icons.svg#{}"/></svg>'
"""An icon of the page's."""
COLORS = {"red": "red", "black": "black"}


def render_nothing(icon: str, *paragraphs: str) -> str:
    """Return what stands where there is nothing to show yet; the paragraphs are HTML."""
    words = "".join(f"<p>{each}</p>" for each in paragraphs)
    return f'<div class="nothing">{ICON.format(icon)}{words}</div>'


def render_application(people: Sequence[Visitor], url: str, *, every: int) -> str:
    """Return the whole panel; it asks to be loaded `every` so many seconds while it is seen."""
    cards = "".join(map(_render_card, people))
    link = (
        f'<small><a href="{escape(url, quote=True)}" target="_blank" rel="noreferrer">'
        f"open the page {ICON.format('out')}</a></small>"
        if url
        else ""
    )
    return (
        f'<div data-repeat="application-load" data-every="{every}"><h2>Bookinfo {link}</h2>'
        "<p>The page as each of them gets it. Each load is a request through the gateway.</p>"
        '<div class="loads"><button type="button" class="btn" data-command="application-load" '
        f'data-name="application-load">{ICON.format("reload")} Load now</button>'
        f'<label><input type="checkbox" data-repeats> every {every} s</label></div>'
        f'<p class="side-trouble" role="alert"></p><div class="people">{cards}</div>'
        '<div class="loads" data-with><label class="who">As whom else? '
        '<input name="person" data-type="text" data-action="person" maxlength="20" '
        'autocomplete="off" placeholder="biznagafest"></label>'
        '<button type="button" class="btn" data-command="application-add" '
        'data-name="application-add">Add</button></div></div>'
    )


def _render_card(visitor: Visitor) -> str:
    name = escape(visitor.name) or "nobody"
    role = "signed in" if visitor.name else "not signed in"
    person = escape(visitor.name, quote=True)
    remove = (
        f'<button type="button" class="icon" data-command="application-remove" '
        f'data-person="{person}" data-name="remove-{person}" '
        f'aria-label="Remove {person}">{ICON.format("close")}</button>'
        if visitor.name
        else ""
    )
    body = (
        _render_look(visitor.past[-1], person)
        if visitor.past
        else '<p class="rest">Not loaded yet.</p>'
    )
    return (
        f'<article class="person"><header><h3>{name} <small>{role}</small></h3>{remove}</header>'
        f"{body}{_render_past(visitor.past)}</article>"
    )


def _render_look(look: PageLook, person: str) -> str:
    if look.trouble:
        return (
            f'<p class="why">No page: {escape(look.trouble[:160])}</p>'
            '<p class="rest">It comes with <code>/mesh expose</code>.</p>'
        )
    errors = "".join(f'<p class="why">✕ {escape(each)}</p>' for each in look.errors)
    version = f"reviews {escape(look.version)}" if look.version else "no reviews"
    return (
        f"{_render_stars(look)}{errors}"
        f'<p class="served"><b data-key="look/{person}">{version}</b> '
        f"<span>{look.milliseconds:.0f} ms</span></p>"
    )


def _render_stars(look: PageLook) -> str:
    if not look.stars:
        return '<p class="stars none">no stars</p>' if not look.errors else ""
    color = COLORS.get(look.color, "black")
    said = " and ".join(map(str, look.stars))
    rows = "<br>".join(
        f'{"★" * full}<span class="empty">{"☆" * (STARS - full)}</span>' for full in look.stars
    )
    return (
        f'<p class="stars {color}" role="img" aria-label="{said} of {STARS} stars, {color}">'
        f"{rows}</p>"
    )


def _render_past(past: Sequence[PageLook]) -> str:
    past = [each for each in past if not each.trouble]
    if len(past) < 2:
        return ""
    count = Counter(look.version or "none" for look in past)
    words = ", ".join(f"{version} {n}" for version, n in sorted(count.items()))
    marks = "".join(_render_mark(look) for look in past)
    return (
        f'<div class="past" role="img" aria-label="The last {len(past)} pages: {escape(words)}">'
        f"{marks}</div><p class='rest'>{escape(words)}</p>"
    )


def _render_mark(look: PageLook) -> str:
    """Return one page of the past: the version's number; ✕ for none, and ! for an error on it."""
    text = look.version.removeprefix("v") or "✕"
    bad = " bad" if look.errors or look.trouble else ""
    kind = look.version if look.version in ("v1", "v2", "v3") else "other"
    return f'<span class="{kind}{bad}">{escape(text)}{"!" if bad and look.version else ""}</span>'
