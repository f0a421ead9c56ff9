"""The controls of faults as HTML for the page's sidebar: strips of buttons, and the causes by
subject with what is to be expected of each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby


@dataclass(frozen=True)
class Row:
    """One fault as it is now: in force with what was chosen, or possible, or not for a reason."""

    name: str
    group: str
    title: str
    hint: str
    active: bool = False
    chosen: str = ""
    chooses: str = ""
    choices: tuple[str, ...] = ()
    obstacle: str = ""


def render_faults(rows: Sequence[Row], notes: Mapping[str, str]) -> str:
    """Return a strip of buttons for each group; `notes` are remarks beside groups' names."""
    strips = "".join(
        f'<div class="strip" role="group" aria-label="{escape(group, quote=True)}">'
        f"{_render_heading(group, notes.get(group, ''))}"
        f"{''.join(map(_render_fault, inside))}</div>"
        for group, inside in groupby(rows, key=lambda row: row.group)
    )
    return f'<h2>Make trouble</h2>{strips}<p class="side-trouble" role="alert"></p>'


def render_causes(rows: Sequence[Row]) -> str:
    """Return those in force with their undo, a field to search, and a list for each subject."""
    active = "".join(
        f'<button type="button" class="btn fault on" data-command="undo" '
        f'data-trouble="{escape(row.name, quote=True)}" data-name="{escape(row.name, quote=True)}">'
        f"Undo: {escape(row.title)}</button>"
        for row in rows
        if row.active
    )
    strip = (
        f'<div class="strip" role="group" aria-label="Causes in force">{active}</div>'
        if active
        else ""
    )
    search = (
        '<input type="search" class="search" name="search" data-type="search" '
        'data-action="search-causes" placeholder="Search causes" aria-label="Search causes">'
        '<p class="unfound" role="status"></p>'
    )
    subjects = "".join(
        _render_subject(subject, list(inside))
        for subject, inside in groupby(rows, key=lambda row: row.group)
    )
    return (
        f'<h3 class="causes-title">Causes <small>{len(rows)} that /mesh why names</small></h3>'
        f'<p class="side-trouble" role="alert"></p>{strip}{search}{subjects}'
    )


def render_mark(names: Sequence[str]) -> str:
    """Return the mark at the top that names the faults in force, or ""."""
    if not names:
        return ""
    return (
        f'<button type="button" class="hurting" data-goto="trouble">⚠ Hurting: '
        f"{escape(', '.join(names))}</button>"
    )


def _render_heading(group: str, note: str) -> str:
    return (
        f'<h3 data-key="{escape(group, quote=True)}">{escape(group)} '
        f"<small>{escape(note)}</small></h3>"
    )


def _render_fault(row: Row) -> str:
    """Return a button that injects the fault, or undoes it while it is in force."""
    name, hint = escape(row.name, quote=True), escape(row.hint, quote=True)
    chosen = f" ({row.chosen})" if row.chosen else ""
    shown = escape(f"Undo: {row.title}{chosen}" if row.active else row.title)
    command, kind = ("undo", "btn fault on") if row.active else ("inject", "btn fault")
    button = (
        f'<button type="button" class="{kind}" data-command="{command}" data-trouble="{name}" '
        f'data-name="{name}" title="{hint}">{shown}</button>'
    )
    return f"<span data-with>{button}{'' if row.active else _render_choices(row)}</span>"


def _render_choices(row: Row) -> str:
    if not row.chooses:
        return ""
    options = "".join(f"<option>{escape(each)}</option>" for each in row.choices)
    label = escape(f"{row.chooses} for: {row.title}", quote=True)
    action = escape(row.name, quote=True)
    return (
        f'<select name="target" data-type="choice" data-action="{action}" '
        f'aria-label="{label}">{options}</select>'
    )


def _render_subject(subject: str, rows: list[Row]) -> str:
    possible = sum(not row.obstacle for row in rows)
    name = escape(subject, quote=True)
    return (
        f'<details class="subject" data-name="{name}"><summary data-name="{name}">'
        f"{escape(subject)} <small>{possible} of {len(rows)} possible now</small></summary>"
        f"<ul>{''.join(map(_render_cause, rows))}</ul></details>"
    )


def _render_cause(row: Row) -> str:
    """Return a cause with its button; one that is not possible now says why, and so it does when
    it is pressed.
    """
    name = escape(row.name, quote=True)
    words = f'<span class="expect">{escape(row.hint)}</span>'
    if row.active:
        words += '<span class="state on">In force. Its undo stands above.</span>'
    elif row.obstacle:
        words += f'<span class="state">Not possible now: {escape(row.obstacle)}</span>'
    disabled = ' aria-disabled="true"' if row.active or row.obstacle else ""
    return (
        f'<li class="cause"><button type="button" class="btn fault" data-command="inject" '
        f'data-trouble="{name}" data-name="{name}" aria-describedby="about-{name}"{disabled}>'
        f'{escape(row.title)}</button><div id="about-{name}">{words}</div></li>'
    )
