"""Messages as plain lines, for transcripts and the terminal: what a person would read, block by block."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from bot.sandbox.workspace.emoji import pictured
from bot.sandbox.workspace.mrkdwn import Names, to_plain
from bot.sandbox.workspace.state import Message, State

Json = dict[str, Any]
VERDICT = "verdict:"
RULE = "─" * 24


def names_of(state: State) -> dict[str, str]:
    """The names to show for ids."""
    names = {user.id: user.name for user in state.users.values()}
    names |= {channel.id: channel.name for channel in state.channels.values()}
    return names | {group.id: group.handle for group in state.groups.values()}


def verdict_of(message: Message) -> str:
    """The state in the first block's id (`verdict:STATE…`): running, asks, done, not_yet, normal, error; or ""."""
    first = str(message.blocks[0].get("block_id", "")) if message.blocks else ""
    return first.removeprefix(VERDICT).split(":")[0] if first.startswith(VERDICT) else ""


def message_lines(message: Message, names: Names) -> list[str]:
    """A message's lines: its blocks, or its text when it has none; then its files."""
    if message.blocks:
        lines = [line for block in message.blocks for line in block_lines(block, names)]
    else:
        lines = to_plain(message.text, names).split("\n")
    lines += [f"(file {file['name']}: {file['alt_txt'] or file['title']})" for file in message.files]
    return lines


def block_lines(block: Json, names: Names) -> list[str]:
    """One block's lines; an unknown block shows its JSON."""
    render = _RENDER.get(block.get("type", ""), _unknown)
    return render(block, names)


def element_label(element: Json) -> str:
    """What a button or input looks like: [Confirm], [Pick one ▾], [________]."""
    kind, text = element.get("type", ""), _text(element.get("text") or element.get("placeholder"), {})
    if kind == "button":
        return f"[{text}]"
    return f"[{text or '…'} ▾]" if "select" in kind or kind == "overflow" else f"[{text or '________'}]"


def table_lines(rows: list[list[str]]) -> list[str]:
    """Rows as columns of equal width."""
    width = max((len(row) for row in rows), default=0)
    padded = [row + [""] * (width - len(row)) for row in rows]
    sizes = [max(len(row[column]) for row in padded) for column in range(width)]
    return ["  ".join(cell.ljust(size) for cell, size in zip(row, sizes, strict=True)).rstrip() for row in padded]


def cell_text(cell: Json, names: Names) -> str:
    """The text of a table's cell."""
    if cell.get("type") == "rich_text":
        return rich_text(cell, names)
    return str(cell.get("text", cell.get("value", "")))


def rich_text(node: Json, names: Names) -> str:
    """Rich text without its styles."""
    kind = node.get("type")
    if "elements" in node:
        separator = "\n" if kind in ("rich_text", "rich_text_list") else ""
        return separator.join(rich_text(child, names) for child in node["elements"])
    if kind == "link":
        return str(node.get("text") or node.get("url", ""))
    if kind == "emoji":
        return pictured(f":{node.get('name', '')}:")
    for prefix, key in (("@", "user_id"), ("#", "channel_id"), ("@", "usergroup_id"), ("@", "range")):
        if key in node:
            return prefix + names.get(str(node[key]), str(node[key]))
    return str(node.get("text", ""))


def _text(value: Any, names: Names) -> str:
    if not isinstance(value, dict):
        return str(value or "")
    text = str(value.get("text", ""))
    return to_plain(text, names) if value.get("type") == "mrkdwn" else pictured(text)


def _section(block: Json, names: Names) -> list[str]:
    lines = _text(block.get("text"), names).split("\n") if "text" in block else []
    for field in block.get("fields", []):
        lines += _text(field, names).split("\n")
    accessory = block.get("accessory")
    if accessory and accessory.get("type") != "image":
        lines.append(element_label(accessory))
    return lines


def _header(block: Json, names: Names) -> list[str]:
    return [_text(block["text"], names)]


def _context(block: Json, names: Names) -> list[str]:
    texts = [element.get("alt_text") or _text(element, names) for element in block["elements"]]
    return "  ".join(texts).split("\n")


def _actions(block: Json, names: Names) -> list[str]:
    return [" ".join(element_label(element) for element in block.get("elements", []))]


def _image(block: Json, names: Names) -> list[str]:
    return [f"(picture: {_text(block.get('title'), names) or block.get('alt_text', '')})"]


def _input(block: Json, names: Names) -> list[str]:
    return [f"{_text(block['label'], names)}: {element_label(block['element'])}"]


def _markdown(block: Json, names: Names) -> list[str]:
    return str(block["text"]).split("\n")


def _rich(block: Json, names: Names) -> list[str]:
    return rich_text(block, names).split("\n")


def _table(block: Json, names: Names) -> list[str]:
    rows = [[cell_text(cell, names) for cell in row] for row in block["rows"]]
    return ([block["caption"]] if "caption" in block else []) + table_lines(rows)


def _chart(block: Json, names: Names) -> list[str]:
    chart = block["chart"]
    lines = [f"{segment['label']}: {segment.get('value')}" for segment in chart.get("segments", [])]
    for series in chart.get("series", []):
        points = ", ".join(f"{point['label']} {point.get('value')}" for point in series["data"])
        lines.append(f"{series['name']}: {points}")
    return [block["title"], *lines]


def _card(block: Json, names: Names) -> list[str]:
    return [_text(block[key], names) for key in ("title", "subtitle", "body", "text") if key in block]


def _unknown(block: Json, names: Names) -> list[str]:
    return [f"[{block.get('type')}] {json.dumps(block)}"]


_RENDER: dict[str, Callable[[Json, Names], list[str]]] = {
    "actions": _actions,
    "alert": _card,
    "card": _card,
    "context": _context,
    "data_table": _table,
    "data_visualization": _chart,
    "divider": lambda block, names: [RULE],
    "header": _header,
    "image": _image,
    "input": _input,
    "markdown": _markdown,
    "rich_text": _rich,
    "section": _section,
    "table": _table,
}
