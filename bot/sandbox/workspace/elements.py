"""Finding what a person presses in blocks, and what Slack then tells the bot about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.sandbox.workspace.inputs import FIELDS, entry, interactive, options_of, values

Json = dict[str, Any]


@dataclass(frozen=True)
class Pressed:
    """An action as block_actions carries it, and the state of the inputs around it."""

    action: Json
    state: Json


def labels(blocks: list[Json]) -> list[str]:
    """The texts of all buttons."""
    return [element["text"]["text"] for _, element in interactive(blocks) if element.get("type") == "button"]


def find_pressed(blocks: list[Json], label: str, value: str | None = None, state: Json | None = None) -> Pressed:
    """The element with this text or action_id (and its option `value`, or what `state` holds for it).

    LookupError says what there is instead.
    """
    for block, element in interactive(blocks):
        text = element.get("text", {}).get("text")
        if label in (text, element.get("action_id")):
            return _pressed(blocks, block, element, value=value, state=state or {})
    there = ", ".join(f'"{text}"' for text in labels(blocks)) or "none"
    raise LookupError(f'no button "{label}" in this message; there are: {there}')


def _pressed(blocks: list[Json], block: Json, element: Json, *, value: str | None, state: Json) -> Pressed:
    kind, block_id, name = element["type"], block["block_id"], element["action_id"]
    merged = values(blocks)
    for each, entries in state.items():
        merged[each] = {**merged.get(each, {}), **entries}
    action: Json = {"type": kind, "action_id": name, "block_id": block_id}
    if kind in ("button", "workflow_button", "icon_button"):
        action |= {key: element[key] for key in ("text", "value", "style", "url") if key in element}
    elif name in state.get(block_id, {}):
        action |= state[block_id][name]
    else:
        chosen = entry(element, value) if value is not None or not options_of(element) else _nothing(element, value)
        action |= chosen
        if kind != "overflow" and block_id in merged:
            merged[block_id][name] = chosen
    return Pressed(action, merged)


def _nothing(element: Json, value: str | None) -> Json:
    """A menu from which nothing was picked: a person always picks something, so this is a mistake of the caller."""
    if FIELDS[element["type"]].many:
        return entry(element, value)
    there = ", ".join(option["text"]["text"] for option in options_of(element))
    raise LookupError(f'no option "{value}"; there are: {there}')
