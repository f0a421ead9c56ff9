"""The blocks themselves: one small check per type, by Slack's documented limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.slackrules import data
from bot.slackrules.elements import (
    IN_ACTIONS,
    IN_CONTEXT_ACTIONS,
    IN_INPUT,
    IN_SECTION,
    check_element,
    check_image,
)
from bot.slackrules.problems import PLAIN, Findings, TextRule

Block = Mapping[str, Any]
Check = Callable[[Findings, Block, str], None]
MARKDOWN_LIMIT = 12_000
CONTAINER_BLOCKS = 10


def check_blocks(found: Findings, blocks: Any, pointer: str, *, surface: str, most: int) -> None:
    """A list of blocks on a surface ("message", "modal" or "home") that holds at most `most` of them."""
    entries = found.members(blocks, f"{pointer}/blocks", least=0, most=most)
    for where, block in entries:
        _block(found, block, where, surface)
    proper: list[tuple[str, Block]] = [(where, block) for where, block in entries if isinstance(block, dict)]
    found.unique(((where, block.get("block_id")) for where, block in proper), "block_id")
    _once(found, proper, "table")
    _markdown_total(found, proper, pointer)


def _once(found: Findings, blocks: list[tuple[str, Block]], kind: str) -> None:
    for where, _ in [entry for entry in blocks if entry[1].get("type") == kind][1:]:
        found.add(where, f"only one {kind} block is allowed")


def _markdown_total(found: Findings, blocks: list[tuple[str, Block]], pointer: str) -> None:
    texts = [block.get("text") for _, block in blocks if block.get("type") == "markdown"]
    if len(texts) > 1 and sum(len(text) for text in texts if isinstance(text, str)) > MARKDOWN_LIMIT:
        found.add(f"{pointer}/blocks", f"markdown blocks must hold less than {MARKDOWN_LIMIT + 1} characters together")


def _block(found: Findings, value: Any, pointer: str, surface: str) -> None:
    block = found.mapping(value, pointer, "block")
    if block is None:
        return
    kind = block.get("type")
    if not isinstance(kind, str) or surface not in _SURFACES.get(kind, ()):
        found.add(f"{pointer}/type", f"unsupported type: {kind}")
        return
    found.string(block, "block_id", pointer, limit=255)
    check = _CHECKS.get(kind)
    if check is not None:
        check(found, block, pointer)


def _section(found: Findings, block: Block, pointer: str) -> None:
    if "text" not in block and not block.get("fields"):
        found.add(pointer, "a section needs text or fields")
    found.text(block, "text", pointer, TextRule(3000, required=False))
    if "fields" in block:
        for where, value in found.items(block, "fields", pointer, least=1, most=10):
            found.text_object(value, where, TextRule(2000))
    if "accessory" in block:
        check_element(found, block["accessory"], f"{pointer}/accessory", IN_SECTION)


def _header(found: Findings, block: Block, pointer: str) -> None:
    found.text(block, "text", pointer, TextRule(150, PLAIN))


def _context(found: Findings, block: Block, pointer: str) -> None:
    for where, value in found.items(block, "elements", pointer, least=1, most=10):
        element = found.mapping(value, where, "element")
        if element is None:
            continue
        if element.get("type") == "image":
            check_image(found, element, where)
        else:
            found.text_object(element, where, TextRule(3000))


def _actions(found: Findings, block: Block, pointer: str) -> None:
    _elements(found, block, pointer, IN_ACTIONS, 25)


def _context_actions(found: Findings, block: Block, pointer: str) -> None:
    _elements(found, block, pointer, IN_CONTEXT_ACTIONS, 5)


def _elements(found: Findings, block: Block, pointer: str, allowed: frozenset[str], most: int) -> None:
    entries = found.items(block, "elements", pointer, least=1, most=most)
    for where, element in entries:
        check_element(found, element, where, allowed)
    found.unique(((where, item.get("action_id")) for where, item in entries if isinstance(item, dict)), "action_id")


def _image(found: Findings, block: Block, pointer: str) -> None:
    check_image(found, block, pointer)
    found.text(block, "title", pointer, TextRule(2000, PLAIN, required=False))


def _input(found: Findings, block: Block, pointer: str) -> None:
    found.text(block, "label", pointer, TextRule(2000, PLAIN))
    found.text(block, "hint", pointer, TextRule(2000, PLAIN, required=False))
    check_element(found, block.get("element"), f"{pointer}/element", IN_INPUT)


def _markdown(found: Findings, block: Block, pointer: str) -> None:
    found.string(block, "text", pointer, limit=MARKDOWN_LIMIT, required=True)


def _rich_text(found: Findings, block: Block, pointer: str) -> None:
    known = {"rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"}
    for where, value in found.items(block, "elements", pointer, least=1, most=1000):
        element = found.mapping(value, where, "element")
        if element is not None and element.get("type") not in known:
            found.add(f"{where}/type", f"unsupported type: {element.get('type')}")


def _alert(found: Findings, block: Block, pointer: str) -> None:
    found.text(block, "text", pointer, TextRule(200))
    if block.get("level", "default") not in ("default", "info", "warning", "error", "success"):
        found.add(f"{pointer}/level", f"unknown level: {block.get('level')}")


def _card(found: Findings, block: Block, pointer: str) -> None:
    for key, limit in (("title", 150), ("subtitle", 150), ("body", 200)):
        found.text(block, key, pointer, TextRule(limit, required=False))


def _carousel(found: Findings, block: Block, pointer: str) -> None:
    for where, value in found.items(block, "elements", pointer, least=1, most=10):
        card = found.mapping(value, where, "card")
        if card is not None:
            _card(found, card, where)


def _container(found: Findings, block: Block, pointer: str) -> None:
    for where, value in found.items(block, "child_blocks", pointer, least=1, most=CONTAINER_BLOCKS):
        _block(found, value, where, "message")


_EVERYWHERE = ("message", "modal", "home")
_MESSAGES = ("message",)
_SURFACES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("actions", "context", "divider", "header", "image", "input"), _EVERYWHERE),
    **dict.fromkeys(("rich_text", "section", "video", "call", "auth_provider"), _EVERYWHERE),
    **dict.fromkeys(("card", "carousel", "container", "context_actions", "data_table"), _MESSAGES),
    **dict.fromkeys(("data_visualization", "file", "markdown", "plan", "table", "task_card"), _MESSAGES),
    "alert": ("modal",),
}
_CHECKS: dict[str, Check] = {
    "actions": _actions,
    "alert": _alert,
    "card": _card,
    "carousel": _carousel,
    "container": _container,
    "context": _context,
    "context_actions": _context_actions,
    "data_table": data.check_data_table,
    "data_visualization": data.check_data_visualization,
    "header": _header,
    "image": _image,
    "input": _input,
    "markdown": _markdown,
    "plan": data.check_plan,
    "rich_text": _rich_text,
    "section": _section,
    "table": data.check_table,
    "task_card": data.check_task_card,
}
