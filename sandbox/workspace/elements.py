"""Finding the element that a user presses in blocks, and the action that Slack then sends
to the bot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.workspace.inputs import (
    FIELDS,
    build_value_entry,
    collect_state_values,
    iter_interactive_elements,
    list_options,
)

Json = dict[str, Any]


@dataclass(frozen=True)
class BlockAction:
    """An action as block_actions carries it, and the state of the inputs around it."""

    action: Json
    state: Json


def list_button_labels(blocks: list[Json]) -> list[str]:
    """Return the texts of all buttons."""
    return [
        element["text"]["text"]
        for _, element in iter_interactive_elements(blocks)
        if element.get("type") == "button"
    ]


def build_block_action(
    blocks: list[Json], label: str, value: str | None = None, state: Json | None = None
) -> BlockAction:
    """Return the action of pressing the element with this text or action_id.

    A menu's option is `value`, or what `state` holds for the element. Raises LookupError,
    naming what there is instead.
    """
    for block, element in iter_interactive_elements(blocks):
        text = element.get("text", {}).get("text")
        if label in (text, element.get("action_id")):
            return _build_action(blocks, block, element, value=value, state=state or {})
    there = ", ".join(f'"{text}"' for text in list_button_labels(blocks)) or "none"
    raise LookupError(f'no button "{label}" in this message; there are: {there}')


def _build_action(
    blocks: list[Json], block: Json, element: Json, *, value: str | None, state: Json
) -> BlockAction:
    kind, block_id, name = element["type"], block["block_id"], element["action_id"]
    merged = collect_state_values(blocks)
    for each, entries in state.items():
        merged[each] = {**merged.get(each, {}), **entries}
    action: Json = {"type": kind, "action_id": name, "block_id": block_id}
    if kind in ("button", "workflow_button", "icon_button"):
        action |= {key: element[key] for key in ("text", "value", "style", "url") if key in element}
    elif name in state.get(block_id, {}):
        action |= state[block_id][name]
    else:
        chosen = (
            build_value_entry(element, value)
            if value is not None or not list_options(element)
            else _build_empty_choice(element, value)
        )
        action |= chosen
        if kind != "overflow" and block_id in merged:
            merged[block_id][name] = chosen
    return BlockAction(action, merged)


def _build_empty_choice(element: Json, value: str | None) -> Json:
    """Return the entry of a menu in which nothing is chosen, if it allows several choices.

    Raises LookupError for other menus: a user always picks something.
    """
    if FIELDS[element["type"]].is_list:
        return build_value_entry(element, value)
    there = ", ".join(option["text"]["text"] for option in list_options(element))
    raise LookupError(f'no option "{value}"; there are: {there}')
