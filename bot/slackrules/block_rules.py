"""The blocks themselves: one small check per type, by Slack's documented limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.slackrules import data
from bot.slackrules.element_rules import (
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
    """Check the blocks of a surface ("message", "modal" or "home"), at most `most` of them."""
    entries = found.check_list(blocks, f"{pointer}/blocks", least=0, most=most)
    for where, block in entries:
        _check_block(found, block, where, surface)
    proper: list[tuple[str, Block]] = [
        (where, block) for where, block in entries if isinstance(block, dict)
    ]
    found.check_unique_names(
        ((where, block.get("block_id")) for where, block in proper), "block_id"
    )
    _check_single_block(found, proper, "table")
    _check_markdown_total(found, proper, pointer)


def _check_single_block(found: Findings, blocks: list[tuple[str, Block]], kind: str) -> None:
    for where, _ in [entry for entry in blocks if entry[1].get("type") == kind][1:]:
        found.add(where, f"only one {kind} block is allowed")


def _check_markdown_total(found: Findings, blocks: list[tuple[str, Block]], pointer: str) -> None:
    texts = [block.get("text") for _, block in blocks if block.get("type") == "markdown"]
    if (
        len(texts) > 1
        and sum(len(text) for text in texts if isinstance(text, str)) > MARKDOWN_LIMIT
    ):
        found.add(
            f"{pointer}/blocks",
            f"markdown blocks must hold less than {MARKDOWN_LIMIT + 1} characters together",
        )


def _check_block(found: Findings, value: Any, pointer: str, surface: str) -> None:
    block = found.check_mapping(value, pointer, "block")
    if block is None:
        return
    kind = block.get("type")
    if not isinstance(kind, str) or surface not in _SURFACES.get(kind, ()):
        found.add(f"{pointer}/type", f"unsupported type: {kind}")
        return
    found.check_string(block, "block_id", pointer, limit=255)
    check = _CHECKS.get(kind)
    if check is not None:
        check(found, block, pointer)


def _check_section(found: Findings, block: Block, pointer: str) -> None:
    if "text" not in block and not block.get("fields"):
        found.add(pointer, "a section needs text or fields")
    found.check_text(block, "text", pointer, TextRule(3000, required=False))
    if "fields" in block:
        for where, value in found.check_list_member(block, "fields", pointer, least=1, most=10):
            found.check_text_object(value, where, TextRule(2000))
    if "accessory" in block:
        check_element(found, block["accessory"], f"{pointer}/accessory", IN_SECTION)


def _check_header(found: Findings, block: Block, pointer: str) -> None:
    found.check_text(block, "text", pointer, TextRule(150, PLAIN))


def _check_context(found: Findings, block: Block, pointer: str) -> None:
    for where, value in found.check_list_member(block, "elements", pointer, least=1, most=10):
        element = found.check_mapping(value, where, "element")
        if element is None:
            continue
        if element.get("type") == "image":
            check_image(found, element, where)
        else:
            found.check_text_object(element, where, TextRule(3000))


def _check_actions(found: Findings, block: Block, pointer: str) -> None:
    _check_elements(found, block, pointer, IN_ACTIONS, 25)


def _check_context_actions(found: Findings, block: Block, pointer: str) -> None:
    _check_elements(found, block, pointer, IN_CONTEXT_ACTIONS, 5)


def _check_elements(
    found: Findings, block: Block, pointer: str, allowed: frozenset[str], most: int
) -> None:
    entries = found.check_list_member(block, "elements", pointer, least=1, most=most)
    for where, element in entries:
        check_element(found, element, where, allowed)
    found.check_unique_names(
        ((where, item.get("action_id")) for where, item in entries if isinstance(item, dict)),
        "action_id",
    )


def _check_image_block(found: Findings, block: Block, pointer: str) -> None:
    check_image(found, block, pointer)
    found.check_text(block, "title", pointer, TextRule(2000, PLAIN, required=False))


def _check_input_block(found: Findings, block: Block, pointer: str) -> None:
    found.check_text(block, "label", pointer, TextRule(2000, PLAIN))
    found.check_text(block, "hint", pointer, TextRule(2000, PLAIN, required=False))
    check_element(found, block.get("element"), f"{pointer}/element", IN_INPUT)


def _check_markdown(found: Findings, block: Block, pointer: str) -> None:
    found.check_string(block, "text", pointer, limit=MARKDOWN_LIMIT, required=True)


def _check_rich_text(found: Findings, block: Block, pointer: str) -> None:
    known = {"rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"}
    for where, value in found.check_list_member(block, "elements", pointer, least=1, most=1000):
        element = found.check_mapping(value, where, "element")
        if element is not None and element.get("type") not in known:
            found.add(f"{where}/type", f"unsupported type: {element.get('type')}")


def _check_alert(found: Findings, block: Block, pointer: str) -> None:
    found.check_text(block, "text", pointer, TextRule(200))
    if block.get("level", "default") not in ("default", "info", "warning", "error", "success"):
        found.add(f"{pointer}/level", f"unknown level: {block.get('level')}")


def _check_card(found: Findings, block: Block, pointer: str) -> None:
    for key, limit in (("title", 150), ("subtitle", 150), ("body", 200)):
        found.check_text(block, key, pointer, TextRule(limit, required=False))


def _check_carousel(found: Findings, block: Block, pointer: str) -> None:
    for where, value in found.check_list_member(block, "elements", pointer, least=1, most=10):
        card = found.check_mapping(value, where, "card")
        if card is not None:
            _check_card(found, card, where)


def _check_container(found: Findings, block: Block, pointer: str) -> None:
    for where, value in found.check_list_member(
        block, "child_blocks", pointer, least=1, most=CONTAINER_BLOCKS
    ):
        _check_block(found, value, where, "message")


_EVERYWHERE = ("message", "modal", "home")
_MESSAGES = ("message",)
_SURFACES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("actions", "context", "divider", "header", "image", "input"), _EVERYWHERE),
    **dict.fromkeys(("rich_text", "section", "video", "call", "auth_provider"), _EVERYWHERE),
    **dict.fromkeys(("card", "carousel", "container", "context_actions", "data_table"), _MESSAGES),
    **dict.fromkeys(
        ("data_visualization", "file", "markdown", "plan", "table", "task_card"), _MESSAGES
    ),
    "alert": ("modal",),
}
_CHECKS: dict[str, Check] = {
    "actions": _check_actions,
    "alert": _check_alert,
    "card": _check_card,
    "carousel": _check_carousel,
    "container": _check_container,
    "context": _check_context,
    "context_actions": _check_context_actions,
    "data_table": data.check_data_table,
    "data_visualization": data.check_data_visualization,
    "header": _check_header,
    "image": _check_image_block,
    "input": _check_input_block,
    "markdown": _check_markdown,
    "plan": data.check_plan,
    "rich_text": _check_rich_text,
    "section": _check_section,
    "table": data.check_table,
    "task_card": data.check_task_card,
}
