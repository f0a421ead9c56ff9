"""Interactive elements as native HTML controls with their ids in data attributes.

`data-live` marks an element whose every change is an interaction; others only count
when a button is pressed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
from typing import Any

from sandbox.workspace.inputs import list_options
from sandbox.workspace.mrkdwn import keep_safe_link
from sandbox.workspace.render.marks import (
    get_plain_text,
    render_attributes,
    render_image,
    render_text,
)
from sandbox.workspace.render_context import RenderContext

Json = dict[str, Any]


def render_element(element: Json, look: RenderContext, *, name: str = "", live: bool = True) -> str:
    """Return one element as HTML.

    `name` is what a screen reader calls it where no label stands beside it.
    """
    kind = element.get("type", "")
    if kind == "image":
        return render_image(element, look)
    make = _MAKE.get(kind)
    if make is None:
        return f'<pre class="unknown">{escape(str(element))}</pre>'
    ids = render_attributes(
        data_action=element.get("action_id"),
        data_type=kind,
        data_live=live,
        data_focus=element.get("focus_on_load"),
    )
    return make(element, look, ids + _render_label_attribute(element, name)) + _render_confirmation(
        element, look
    )


def _render_label_attribute(element: Json, name: str) -> str:
    spoken = (
        element.get("accessibility_label") or name or get_plain_text(element.get("placeholder"))
    )
    if element["type"] in ("button", "workflow_button", "icon_button"):
        spoken = element.get("accessibility_label")
    return render_attributes(
        aria_label=spoken or (None if "text" in element else element["type"].replace("_", " "))
    )


def _render_confirmation(element: Json, look: RenderContext) -> str:
    """Render the question that is asked before the press counts, in a template beside the
    element.
    """
    question = element.get("confirm")
    if not question:
        return ""
    style = "danger" if question.get("style") == "danger" else "primary"
    ok, deny = render_text(question["confirm"], look), render_text(question["deny"], look)
    return (
        f'<template class="confirm"><h2>{render_text(question["title"], look)}</h2>'
        f'<div class="body">{render_text(question["text"], look)}</div><div class="foot">'
        f'<button type="button" class="btn" value="">{deny}</button>'
        f'<button type="button" class="btn {style}" value="yes">{ok}</button></div></template>'
    )


def _render_button(element: Json, look: RenderContext, ids: str) -> str:
    style = {"primary": "btn primary", "danger": "btn danger"}.get(str(element.get("style")), "btn")
    link = keep_safe_link(str(element.get("url", "")))
    arrow = ' <span aria-hidden="true">↗</span>' if link else ""
    shown = render_text(element.get("text"), look)
    return (
        f'<button type="button" '
        f'class="{style}"{ids}{render_attributes(data_url=link)}>{shown}{arrow}</button>'
    )


def _render_icon_button(element: Json, look: RenderContext, ids: str) -> str:
    return (
        f'<button type="button" class="btn"{ids}>{escape(str(element.get("icon", "")))} '
        f"{_get_icon_text(element)}</button>"
    )


def _get_icon_text(element: Json) -> str:
    return escape(get_plain_text(element.get("text")))


def _render_select(element: Json, look: RenderContext, ids: str) -> str:
    many = element["type"].startswith("multi_")
    chosen = element.get("initial_options", []) if many else [element.get("initial_option") or {}]
    values = [option.get("value") for option in chosen]
    head = "" if many else _render_placeholder(element)
    groups = "".join(
        f"<optgroup{render_attributes(label=get_plain_text(group.get('label')))}>{_render_options(group['options'], values, look)}</optgroup>"  # noqa: E501
        for group in element.get("option_groups", [])
    )
    body = head + _render_options(element.get("options", []), values, look) + groups
    size = min(len(list_options(element)), 6) if many else None
    return f"<select{ids}{render_attributes(multiple=many, size=size)}>{body}</select>"


def _render_placeholder(element: Json) -> str:
    shown = get_plain_text(element.get("placeholder")) or "Pick one"
    return f'<option value="">{escape(shown)}</option>'


def _render_options(options: list[Json], chosen: list[Any], look: RenderContext) -> str:
    return "".join(
        f"<option{render_attributes(selected=option.get('value') in chosen)} "
        f"value={_quote_value(option)}>"
        f"{escape(get_plain_text(option['text']))}</option>"
        for option in options
    )


def _quote_value(option: Json) -> str:
    return f'"{escape(str(option.get("value", "")), quote=True)}"'


def _render_entity_select(element: Json, look: RenderContext, ids: str) -> str:
    """Render a select of all users or channels of the workspace."""
    kind, many = (
        element["type"].removeprefix("multi_").removesuffix("s_select"),
        element["type"].startswith("multi_"),
    )
    listed = look.people if kind == "user" else look.channels
    chosen = element.get(f"initial_{kind}s", []) if many else [element.get(f"initial_{kind}")]
    options: list[Json] = [{"text": {"text": label}, "value": key} for key, label in listed]
    head = "" if many else _render_placeholder(element)
    size = min(len(options), 6) if many else None
    return f"<select{ids}{render_attributes(multiple=many, size=size)}>{head}{_render_options(options, chosen, look)}</select>"  # noqa: E501


def _render_overflow(element: Json, look: RenderContext, ids: str) -> str:
    """Render a menu behind three dots: each option acts at once."""
    action = render_attributes(data_action=element.get("action_id"))
    entries = "".join(
        f'<button type="button" class="entry"{action} data-value={_quote_value(option)}'
        f"{render_attributes(data_url=keep_safe_link(str(option.get('url', ''))))}>{render_text(option['text'], look)}</button>"  # noqa: E501
        for option in element.get("options", [])
    )
    summary = (
        '<summary class="btn" aria-label="More actions"><span aria-hidden="true">⋯</span></summary>'
    )
    return f'<details class="overflow">{summary}<div class="menu">{entries}</div></details>'


def _render_choices(element: Json, look: RenderContext, ids: str) -> str:
    """Render radio buttons or checkboxes.

    They are a form of their own, so that two showings of one message do not share a group.
    """
    many = element["type"] == "checkboxes"
    chosen = element.get("initial_options", []) if many else [element.get("initial_option") or {}]
    values, kind = [option.get("value") for option in chosen], "checkbox" if many else "radio"
    rows = "".join(
        f'<label class="choice"><input type="{kind}" name="choice" value={_quote_value(option)}'
        f"{render_attributes(checked=option.get('value') in values)}><span>{render_text(option['text'], look)}"  # noqa: E501
        f"{_render_description(option, look)}</span></label>"
        for option in element.get("options", [])
    )
    return f'<form class="choices" role="{"group" if many else "radiogroup"}"{ids}>{rows}</form>'


def _render_description(option: Json, look: RenderContext) -> str:
    return (
        f"<small>{render_text(option['description'], look)}</small>"
        if "description" in option
        else ""
    )


def _render_text_input(element: Json, look: RenderContext, ids: str) -> str:
    kind = {"number_input": "number", "email_text_input": "email", "url_text_input": "url"}.get(
        element["type"], "text"
    )
    initial = str(element.get("initial_value") or "")
    hints = render_attributes(
        placeholder=get_plain_text(element.get("placeholder")),
        minlength=element.get("min_length"),
        maxlength=element.get("max_length"),
        min=element.get("min_value"),
        max=element.get("max_value"),
    )
    if element.get("multiline"):
        return f'<textarea rows="3"{ids}{hints}>{escape(initial)}</textarea>'
    step = render_attributes(step="any") if element.get("is_decimal_allowed") else ""
    return (
        f'<input type="{kind}" '
        f'autocomplete="off"{ids}{hints}{step}{render_attributes(value=initial)}>'
    )


def _render_picker(element: Json, look: RenderContext, ids: str) -> str:
    kind = {"datepicker": "date", "timepicker": "time"}.get(element["type"], "datetime-local")
    initial: Any = element.get("initial_date") or element.get("initial_time")
    if kind == "datetime-local" and "initial_date_time" in element:
        when = datetime.fromtimestamp(int(element["initial_date_time"]), UTC).astimezone(look.zone)
        initial = f"{when:%Y-%m-%dT%H:%M}"
    return f'<input type="{kind}"{ids}{render_attributes(value=initial)}>'


def _render_feedback_buttons(element: Json, look: RenderContext, ids: str) -> str:
    buttons = (element.get("positive_button"), element.get("negative_button"))
    shown = (
        (_quote_value(button), render_text(button["text"], look)) for button in buttons if button
    )
    return "".join(
        f'<button type="button" class="btn"{ids} data-value={value}>{text}</button>'
        for value, text in shown
    )


_Make = Callable[[Json, RenderContext, str], str]
_MAKE: dict[str, _Make] = {
    "button": _render_button,
    "channels_select": _render_entity_select,
    "checkboxes": _render_choices,
    "conversations_select": _render_entity_select,
    "datepicker": _render_picker,
    "datetimepicker": _render_picker,
    "email_text_input": _render_text_input,
    "feedback_buttons": _render_feedback_buttons,
    "icon_button": _render_icon_button,
    "multi_channels_select": _render_entity_select,
    "multi_conversations_select": _render_entity_select,
    "multi_static_select": _render_select,
    "multi_users_select": _render_entity_select,
    "number_input": _render_text_input,
    "overflow": _render_overflow,
    "plain_text_input": _render_text_input,
    "radio_buttons": _render_choices,
    "static_select": _render_select,
    "timepicker": _render_picker,
    "url_text_input": _render_text_input,
    "users_select": _render_entity_select,
    "workflow_button": _render_button,
}
