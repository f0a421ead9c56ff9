"""Finding what a person presses in blocks, and what Slack then tells the bot about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
MENUS = ("static_select", "overflow", "radio_buttons")


@dataclass(frozen=True)
class Pressed:
    """An action as block_actions carries it, and the state of the inputs around it."""

    action: Json
    state: Json


def interactive(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Every (block, element) that can be pressed or picked from."""
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


def labels(blocks: list[Json]) -> list[str]:
    """The texts of all buttons."""
    return [element["text"]["text"] for _, element in interactive(blocks) if element.get("type") == "button"]


def find_pressed(blocks: list[Json], label: str, value: str | None = None) -> Pressed:
    """The element with this text or action_id (and its option `value`); LookupError says what there is instead."""
    for block, element in interactive(blocks):
        text = element.get("text", {}).get("text")
        if label in (text, element.get("action_id")):
            return Pressed(_action(block, element, value), _state(blocks))
    there = ", ".join(f'"{text}"' for text in labels(blocks)) or "none"
    raise LookupError(f'no button "{label}" in this message; there are: {there}')


def _action(block: Json, element: Json, value: str | None) -> Json:
    kind = element["type"]
    action: Json = {"type": kind, "action_id": element["action_id"], "block_id": block["block_id"]}
    if kind == "button":
        action |= {key: element[key] for key in ("text", "value", "style", "url") if key in element}
    elif kind in MENUS:
        action["selected_option"] = _option(element, value)
    elif kind == "users_select":
        action["selected_user"] = value
    else:
        action["value"] = value
    return action


def _option(element: Json, value: str | None) -> Json:
    groups = [group["options"] for group in element.get("option_groups", [])]
    options: list[Json] = [*element.get("options", []), *(option for group in groups for option in group)]
    for option in options:
        if value in (option.get("value"), option["text"]["text"]):
            return option
    raise LookupError(f'no option "{value}"; there are: {", ".join(option["text"]["text"] for option in options)}')


def _state(blocks: list[Json]) -> Json:
    """The inputs' initial values: what Slack reports for those that nobody has touched."""
    values: Json = {}
    for block, element in interactive(blocks):
        if element["type"] in ("button", "overflow"):
            continue
        entry: Json = {"type": element["type"]}
        if "initial_option" in element:
            entry["selected_option"] = element["initial_option"]
        else:
            entry["value"] = element.get("initial_value")
        values.setdefault(block["block_id"], {})[element["action_id"]] = entry
    return values
