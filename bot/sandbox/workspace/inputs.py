"""What people put into inputs: the values that Slack reports for them, by element type, and what it refuses itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
Raw = Mapping[str, Mapping[str, Any]]
"""What a form holds: block_id → action_id → a string, a list of strings, or None for nothing."""


@dataclass(frozen=True)
class Field:
    """How an element type reports its value: under which key, from which initial one, and whether by options."""

    key: str = "value"
    initial: str = "initial_value"
    options: bool = False

    @property
    def many(self) -> bool:
        """Whether the value is a list."""
        return self.key.endswith("s")


_PLAIN = Field()
FIELDS: Mapping[str, Field] = {
    "channels_select": Field("selected_channel", "initial_channel"),
    "checkboxes": Field("selected_options", "initial_options", options=True),
    "conversations_select": Field("selected_conversation", "initial_conversation"),
    "datepicker": Field("selected_date", "initial_date"),
    "datetimepicker": Field("selected_date_time", "initial_date_time"),
    "external_select": Field("selected_option", "initial_option", options=True),
    "multi_channels_select": Field("selected_channels", "initial_channels"),
    "multi_conversations_select": Field("selected_conversations", "initial_conversations"),
    "multi_external_select": Field("selected_options", "initial_options", options=True),
    "multi_static_select": Field("selected_options", "initial_options", options=True),
    "multi_users_select": Field("selected_users", "initial_users"),
    "overflow": Field("selected_option", "initial_option", options=True),
    "radio_buttons": Field("selected_option", "initial_option", options=True),
    "static_select": Field("selected_option", "initial_option", options=True),
    "timepicker": Field("selected_time", "initial_time"),
    "users_select": Field("selected_user", "initial_user"),
}
"""Element types that do not report a plain `value` (from Slack's documentation of interaction payloads)."""


def interactive(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Every (block, element) that can be pressed, picked from or filled in."""
    for block in blocks:
        kind = block.get("type")
        if kind in ("actions", "context_actions"):
            yield from ((block, element) for element in block.get("elements", []))
        elif kind == "section" and block.get("accessory", {}).get("type") not in (None, "image"):
            yield block, block["accessory"]
        elif kind == "input":
            yield block, block["element"]
        elif kind == "container":
            yield from interactive(block.get("child_blocks", []))


def options_of(element: Json) -> list[Json]:
    """All options of a menu, those in groups as well."""
    grouped = [option for group in element.get("option_groups", []) for option in group["options"]]
    return [*element.get("options", []), *grouped]


def option_of(element: Json, value: str | None) -> Json:
    """The option with this value or text; LookupError says which there are."""
    options = options_of(element)
    for option in options:
        if value in (option.get("value"), option["text"]["text"]):
            return option
    raise LookupError(f'no option "{value}"; there are: {", ".join(option["text"]["text"] for option in options)}')


def entry(element: Json, raw: Any) -> Json:
    """What Slack reports for an element that holds `raw`; LookupError for an option that is not there."""
    field = FIELDS.get(element["type"], _PLAIN)
    chosen = [each for each in (raw if isinstance(raw, list) else [raw]) if each not in (None, "")]
    values: list[Any] = [option_of(element, str(each)) if field.options else each for each in chosen]
    if field.key == "selected_date_time":
        values = [int(each) for each in values]
    shown: Any = values if field.many else (values[0] if values else None)
    return {"type": element["type"], field.key: shown}


def values(blocks: list[Json], raw: Raw | None = None) -> Json:
    """state.values of these blocks: what the form holds, and the initial values of what nobody has touched."""
    found: Json = {}
    for block, element in interactive(blocks):
        if element["type"] in ("button", "overflow", "workflow_button", "feedback_buttons", "icon_button"):
            continue
        held = (raw or {}).get(block["block_id"], {})
        name = element["action_id"]
        shown = entry(element, held[name]) if name in held else _initial(element)
        found.setdefault(block["block_id"], {})[name] = shown
    return found


def refused(blocks: list[Json], state: Json) -> dict[str, str]:
    """What Slack itself refuses to submit: a sentence for each input block that lacks its value or has a bad length."""
    found = {}
    for block, element in interactive(blocks):
        if block["type"] == "input":
            given = state.get(block["block_id"], {}).get(element["action_id"], {})
            sentence = _wrong(block, element, given.get(FIELDS.get(element["type"], _PLAIN).key))
            if sentence:
                found[block["block_id"]] = sentence
    return found


def _wrong(block: Json, element: Json, value: Any) -> str:
    if value in (None, "", []):
        return "" if block.get("optional") else "Please complete this required field."
    if element["type"] != "plain_text_input":
        return ""
    least, most = element.get("min_length", 0), element.get("max_length", 3000)
    if not least <= len(str(value)) <= most:
        return f"This needs between {least} and {most} characters."
    return ""


def _initial(element: Json) -> Json:
    field = FIELDS.get(element["type"], _PLAIN)
    empty: Any = [] if field.many else None
    return {"type": element["type"], field.key: element.get(field.initial, empty)}
