"""Everything that can be pressed, picked from or filled in, as native controls with their ids in data attributes.

`data-live` marks an element whose every change is an interaction; others only count when a button is pressed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
from typing import Any

from bot.sandbox.workspace.inputs import options_of
from bot.sandbox.workspace.look import Look
from bot.sandbox.workspace.mrkdwn import safe_link
from bot.sandbox.workspace.render.marks import attributes, image, text_html, words

Json = dict[str, Any]


def element_html(element: Json, look: Look, *, name: str = "", live: bool = True) -> str:
    """One element; `name` is what a screen reader calls it where no label stands beside it."""
    kind = element.get("type", "")
    if kind == "image":
        return image(element, look)
    make = _MAKE.get(kind)
    if make is None:
        return f'<pre class="unknown">{escape(str(element))}</pre>'
    ids = attributes(
        data_action=element.get("action_id"), data_type=kind, data_live=live, data_focus=element.get("focus_on_load")
    )
    return make(element, look, ids + _named(element, name)) + _confirmation(element, look)


def _named(element: Json, name: str) -> str:
    spoken = element.get("accessibility_label") or name or words(element.get("placeholder"))
    if element["type"] in ("button", "workflow_button", "icon_button"):
        spoken = element.get("accessibility_label")
    return attributes(aria_label=spoken or (None if "text" in element else element["type"].replace("_", " ")))


def _confirmation(element: Json, look: Look) -> str:
    """What is asked before the press counts: it waits in a template beside the element."""
    question = element.get("confirm")
    if not question:
        return ""
    style = "danger" if question.get("style") == "danger" else "primary"
    ok, deny = text_html(question["confirm"], look), text_html(question["deny"], look)
    return (
        f'<template class="confirm"><h2>{text_html(question["title"], look)}</h2>'
        f'<div class="body">{text_html(question["text"], look)}</div><div class="foot">'
        f'<button type="button" class="btn" value="">{deny}</button>'
        f'<button type="button" class="btn {style}" value="yes">{ok}</button></div></template>'
    )


def _button(element: Json, look: Look, ids: str) -> str:
    style = {"primary": "btn primary", "danger": "btn danger"}.get(str(element.get("style")), "btn")
    link = safe_link(str(element.get("url", "")))
    arrow = ' <span aria-hidden="true">↗</span>' if link else ""
    shown = text_html(element.get("text"), look)
    return f'<button type="button" class="{style}"{ids}{attributes(data_url=link)}>{shown}{arrow}</button>'


def _icon_button(element: Json, look: Look, ids: str) -> str:
    return (
        f'<button type="button" class="btn"{ids}>{escape(str(element.get("icon", "")))} {_icon_text(element)}</button>'
    )


def _icon_text(element: Json) -> str:
    return escape(words(element.get("text")))


def _select(element: Json, look: Look, ids: str) -> str:
    many = element["type"].startswith("multi_")
    chosen = element.get("initial_options", []) if many else [element.get("initial_option") or {}]
    values = [option.get("value") for option in chosen]
    head = "" if many else _placeholder(element)
    groups = "".join(
        f"<optgroup{attributes(label=words(group.get('label')))}>{_options(group['options'], values, look)}</optgroup>"
        for group in element.get("option_groups", [])
    )
    body = head + _options(element.get("options", []), values, look) + groups
    size = min(len(options_of(element)), 6) if many else None
    return f"<select{ids}{attributes(multiple=many, size=size)}>{body}</select>"


def _placeholder(element: Json) -> str:
    shown = words(element.get("placeholder")) or "Pick one"
    return f'<option value="">{escape(shown)}</option>'


def _options(options: list[Json], chosen: list[Any], look: Look) -> str:
    return "".join(
        f"<option{attributes(selected=option.get('value') in chosen)} value={_quoted(option)}>"
        f"{escape(words(option['text']))}</option>"
        for option in options
    )


def _quoted(option: Json) -> str:
    return f'"{escape(str(option.get("value", "")), quote=True)}"'


def _entities(element: Json, look: Look, ids: str) -> str:
    """A select of people or channels: of all that the workspace has."""
    kind, many = element["type"].removeprefix("multi_").removesuffix("s_select"), element["type"].startswith("multi_")
    listed = look.people if kind == "user" else look.channels
    chosen = element.get(f"initial_{kind}s", []) if many else [element.get(f"initial_{kind}")]
    options: list[Json] = [{"text": {"text": label}, "value": key} for key, label in listed]
    head = "" if many else _placeholder(element)
    size = min(len(options), 6) if many else None
    return f"<select{ids}{attributes(multiple=many, size=size)}>{head}{_options(options, chosen, look)}</select>"


def _overflow(element: Json, look: Look, ids: str) -> str:
    """A menu behind three dots: each option acts at once."""
    action = attributes(data_action=element.get("action_id"))
    entries = "".join(
        f'<button type="button" class="entry"{action} data-value={_quoted(option)}'
        f"{attributes(data_url=safe_link(str(option.get('url', ''))))}>{text_html(option['text'], look)}</button>"
        for option in element.get("options", [])
    )
    summary = '<summary class="btn" aria-label="More actions"><span aria-hidden="true">⋯</span></summary>'
    return f'<details class="overflow">{summary}<div class="menu">{entries}</div></details>'


def _choice(element: Json, look: Look, ids: str) -> str:
    """Radio buttons or checkboxes; a form of its own, so that two showings of one message do not share a group."""
    many = element["type"] == "checkboxes"
    chosen = element.get("initial_options", []) if many else [element.get("initial_option") or {}]
    values, kind = [option.get("value") for option in chosen], "checkbox" if many else "radio"
    rows = "".join(
        f'<label class="choice"><input type="{kind}" name="choice" value={_quoted(option)}'
        f"{attributes(checked=option.get('value') in values)}><span>{text_html(option['text'], look)}"
        f"{_description(option, look)}</span></label>"
        for option in element.get("options", [])
    )
    return f'<form class="choices" role="{"group" if many else "radiogroup"}"{ids}>{rows}</form>'


def _description(option: Json, look: Look) -> str:
    return f"<small>{text_html(option['description'], look)}</small>" if "description" in option else ""


def _text(element: Json, look: Look, ids: str) -> str:
    kind = {"number_input": "number", "email_text_input": "email", "url_text_input": "url"}.get(element["type"], "text")
    initial = str(element.get("initial_value") or "")
    hints = attributes(
        placeholder=words(element.get("placeholder")),
        minlength=element.get("min_length"),
        maxlength=element.get("max_length"),
        min=element.get("min_value"),
        max=element.get("max_value"),
    )
    if element.get("multiline"):
        return f'<textarea rows="3"{ids}{hints}>{escape(initial)}</textarea>'
    step = attributes(step="any") if element.get("is_decimal_allowed") else ""
    return f'<input type="{kind}" autocomplete="off"{ids}{hints}{step}{attributes(value=initial)}>'


def _picker(element: Json, look: Look, ids: str) -> str:
    kind = {"datepicker": "date", "timepicker": "time"}.get(element["type"], "datetime-local")
    initial: Any = element.get("initial_date") or element.get("initial_time")
    if kind == "datetime-local" and "initial_date_time" in element:
        when = datetime.fromtimestamp(int(element["initial_date_time"]), UTC).astimezone(look.zone)
        initial = f"{when:%Y-%m-%dT%H:%M}"
    return f'<input type="{kind}"{ids}{attributes(value=initial)}>'


def _feedback(element: Json, look: Look, ids: str) -> str:
    buttons = (element.get("positive_button"), element.get("negative_button"))
    shown = ((_quoted(button), text_html(button["text"], look)) for button in buttons if button)
    return "".join(
        f'<button type="button" class="btn"{ids} data-value={value}>{text}</button>' for value, text in shown
    )


_Make = Callable[[Json, Look, str], str]
_MAKE: dict[str, _Make] = {
    "button": _button,
    "channels_select": _entities,
    "checkboxes": _choice,
    "conversations_select": _entities,
    "datepicker": _picker,
    "datetimepicker": _picker,
    "email_text_input": _text,
    "feedback_buttons": _feedback,
    "icon_button": _icon_button,
    "multi_channels_select": _entities,
    "multi_conversations_select": _entities,
    "multi_static_select": _select,
    "multi_users_select": _entities,
    "number_input": _text,
    "overflow": _overflow,
    "plain_text_input": _text,
    "radio_buttons": _choice,
    "static_select": _select,
    "timepicker": _picker,
    "url_text_input": _text,
    "users_select": _entities,
    "workflow_button": _button,
}
