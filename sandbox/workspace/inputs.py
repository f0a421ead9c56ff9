"""Values of inputs as Slack reports them, by element type, and the input errors that Slack
finds itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
Raw = Mapping[str, Mapping[str, Any]]
"""What a form holds: block_id → action_id → a string, a list of strings, or None for nothing."""


@dataclass(frozen=True)
class Field:
    """Description of an element type's value: its key, the key of the initial one, and whether
    it is an option.
    """

    key: str = "value"
    initial: str = "initial_value"
    options: bool = False

    @property
    def is_list(self) -> bool:
        """Tell whether the value is a list."""
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
"""Element types that do not report a plain `value` (from Slack's documentation of interaction
payloads)."""


def iter_interactive_elements(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Yield every (block, element) that can be pressed, picked from or filled in."""
    for block in blocks:
        kind = block.get("type")
        if kind in ("actions", "context_actions"):
            yield from ((block, element) for element in block.get("elements", []))
        elif kind == "section" and block.get("accessory", {}).get("type") not in (None, "image"):
            yield block, block["accessory"]
        elif kind == "input":
            yield block, block["element"]
        elif kind == "container":
            yield from iter_interactive_elements(block.get("child_blocks", []))


def list_options(element: Json) -> list[Json]:
    """Return all options of a menu, those in groups as well."""
    grouped = [option for group in element.get("option_groups", []) for option in group["options"]]
    return [*element.get("options", []), *grouped]


def find_option(element: Json, value: str | None) -> Json:
    """Return the option with this value or text.

    Raises LookupError, naming the options that there are.
    """
    options = list_options(element)
    for option in options:
        if value in (option.get("value"), option["text"]["text"]):
            return option
    raise LookupError(
        f'no option "{value}"; there are: {", ".join(option["text"]["text"] for option in options)}'
    )


def build_value_entry(element: Json, raw: Any) -> Json:
    """Return what Slack reports for an element that holds `raw`.

    Raises LookupError for an option that is not there.
    """
    field = FIELDS.get(element["type"], _PLAIN)
    chosen = [each for each in (raw if isinstance(raw, list) else [raw]) if each not in (None, "")]
    values: list[Any] = [
        find_option(element, str(each)) if field.options else each for each in chosen
    ]
    if field.key == "selected_date_time":
        values = [int(each) for each in values]
    shown: Any = values if field.is_list else (values[0] if values else None)
    return {"type": element["type"], field.key: shown}


def collect_state_values(blocks: list[Json], raw: Raw | None = None) -> Json:
    """Return state.values of these blocks: block_id → action_id → value object.

    Inputs that are not in `raw` have their initial values.
    """
    found: Json = {}
    for block, element in iter_interactive_elements(blocks):
        if element["type"] in (
            "button",
            "overflow",
            "workflow_button",
            "feedback_buttons",
            "icon_button",
        ):
            continue
        held = (raw or {}).get(block["block_id"], {})
        name = element["action_id"]
        shown = (
            build_value_entry(element, held[name])
            if name in held
            else _build_initial_entry(element)
        )
        found.setdefault(block["block_id"], {})[name] = shown
    return found


def find_input_errors(blocks: list[Json], state: Json) -> dict[str, str]:
    """Return a sentence for each input block that Slack itself refuses, by block_id.

    It lacks its value or has a bad length.
    """
    found = {}
    for block, element in iter_interactive_elements(blocks):
        if block["type"] == "input":
            given = state.get(block["block_id"], {}).get(element["action_id"], {})
            sentence = _describe_input_error(
                block, element, given.get(FIELDS.get(element["type"], _PLAIN).key)
            )
            if sentence:
                found[block["block_id"]] = sentence
    return found


def _describe_input_error(block: Json, element: Json, value: Any) -> str:
    if value in (None, "", []):
        return "" if block.get("optional") else "Please complete this required field."
    if element["type"] != "plain_text_input":
        return ""
    least, most = element.get("min_length", 0), element.get("max_length", 3000)
    if not least <= len(str(value)) <= most:
        return f"This needs between {least} and {most} characters."
    return ""


def _build_initial_entry(element: Json) -> Json:
    field = FIELDS.get(element["type"], _PLAIN)
    empty: Any = [] if field.is_list else None
    return {"type": element["type"], field.key: element.get(field.initial, empty)}
