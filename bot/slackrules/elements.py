"""The interactive parts of a block: buttons, selects and other inputs, and their limits."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from bot.slackrules.problems import BOTH, PLAIN, Findings, TextRule

Element = Mapping[str, Any]
SELECT_OPTIONS, CHOICE_OPTIONS, OVERFLOW_OPTIONS = 100, 10, 5
STYLES = ("primary", "danger")
FILE_ID = re.compile(r"^[F][A-Z0-9]{8,}$")
"""Slack's own pattern, as its refusals name it (python-slack-sdk issue 1521)."""


def check_element(found: Findings, value: Any, pointer: str, allowed: frozenset[str]) -> None:
    """One block element, which must be of an allowed type."""
    element = found.mapping(value, pointer, "element")
    if element is None:
        return
    kind = element.get("type")
    if kind not in allowed:
        found.add(f"{pointer}/type", f"unsupported type: {kind}")
        return
    found.string(element, "action_id", pointer, limit=255)
    if "confirm" in element:
        _confirm(found, element["confirm"], f"{pointer}/confirm")
    if "placeholder" in element:
        found.text(element, "placeholder", pointer, TextRule(150, PLAIN))
    _CHECKS.get(kind, _nothing)(found, element, pointer)


def check_image(found: Findings, image: Element, pointer: str) -> None:
    """An image's source and its words: one of image_url and slack_file, alt_text always."""
    if ("image_url" in image) == ("slack_file" in image):
        found.add(pointer, "exactly one of image_url and slack_file is needed")
    if "slack_file" in image:
        _slack_file(found, image["slack_file"], f"{pointer}/slack_file")
    found.string(image, "image_url", pointer, limit=3000)
    check_link(found, image, "image_url", pointer)
    found.string(image, "alt_text", pointer, limit=2000, required=True)


def _slack_file(found: Findings, value: Any, pointer: str) -> None:
    file = found.mapping(value, pointer, "slack_file")
    if file is None:
        return
    if ("id" in file) == ("url" in file):
        found.add(pointer, "exactly one of id and url is needed")
    elif "id" in file and not (isinstance(file["id"], str) and FILE_ID.fullmatch(file["id"])):
        found.add(f"{pointer}/id", f"input must match regex pattern: {FILE_ID.pattern}")


def check_link(found: Findings, holder: Element, key: str, pointer: str) -> None:
    """A link must be absolute."""
    value = holder.get(key)
    if isinstance(value, str) and not value.startswith(("http://", "https://", "slack://", "mailto:")):
        found.add(f"{pointer}/{key}", f"{key} must be an absolute link")


def _nothing(found: Findings, element: Element, pointer: str) -> None:
    return


def _confirm(found: Findings, value: Any, pointer: str) -> None:
    confirm = found.mapping(value, pointer, "confirm")
    if confirm is None:
        return
    found.text(confirm, "title", pointer, TextRule(100, PLAIN))
    found.text(confirm, "text", pointer, TextRule(300, BOTH))
    found.text(confirm, "confirm", pointer, TextRule(30, PLAIN))
    found.text(confirm, "deny", pointer, TextRule(30, PLAIN))
    _style(found, confirm, pointer)


def _style(found: Findings, element: Element, pointer: str) -> None:
    if "style" in element and element["style"] not in STYLES:
        found.add(f"{pointer}/style", f"style must be one of {', '.join(STYLES)}")


def _button(found: Findings, element: Element, pointer: str) -> None:
    found.text(element, "text", pointer, TextRule(75, PLAIN))
    found.string(element, "value", pointer, limit=2000)
    found.string(element, "url", pointer, limit=3000)
    found.string(element, "accessibility_label", pointer, limit=75)
    check_link(found, element, "url", pointer)
    _style(found, element, pointer)


def _option(found: Findings, value: Any, pointer: str) -> None:
    option = found.mapping(value, pointer, "option")
    if option is not None:
        found.text(option, "text", pointer, TextRule(75))
        found.string(option, "value", pointer, limit=150, required=True)
        found.text(option, "description", pointer, TextRule(75, required=False))


def _options(found: Findings, element: Element, pointer: str, bounds: tuple[int, int]) -> None:
    for where, option in found.items(element, "options", pointer, least=bounds[0], most=bounds[1]):
        _option(found, option, where)


def _initial(found: Findings, element: Element, pointer: str) -> None:
    """What is chosen at first must be among what can be chosen, word for word."""
    groups = [group for group in element.get("option_groups") or [] if isinstance(group, dict)]
    there = [*(element.get("options") or []), *(each for group in groups for each in group.get("options") or [])]
    for key in ("initial_option", "initial_options"):
        chosen = element.get(key, [])
        for option in chosen if isinstance(chosen, list) else [chosen]:
            if option not in there:
                found.add(f"{pointer}/{key}", f"{key} must be among the options")
    if element.get("initial_options") == []:
        found.add(f"{pointer}/initial_options", "no fewer than 1 items allowed")


def _select(found: Findings, element: Element, pointer: str) -> None:
    _initial(found, element, pointer)
    if "option_groups" not in element:
        _options(found, element, pointer, (1, SELECT_OPTIONS))
        return
    if "options" in element:
        found.add(pointer, "options and option_groups exclude each other")
    for where, value in found.items(element, "option_groups", pointer, least=1, most=SELECT_OPTIONS):
        group = found.mapping(value, where, "option group")
        if group is not None:
            found.text(group, "label", where, TextRule(75, PLAIN))
            _options(found, group, where, (1, SELECT_OPTIONS))


def _choice(found: Findings, element: Element, pointer: str) -> None:
    _initial(found, element, pointer)
    _options(found, element, pointer, (1, CHOICE_OPTIONS))


def _overflow(found: Findings, element: Element, pointer: str) -> None:
    _options(found, element, pointer, (1, OVERFLOW_OPTIONS))


def _plain_input(found: Findings, element: Element, pointer: str) -> None:
    longest = element.get("max_length")
    if longest is not None and not (isinstance(longest, int) and 1 <= longest <= 3000):
        found.add(f"{pointer}/max_length", "max_length must be between 1 and 3000")
        return
    found.string(element, "initial_value", pointer, limit=longest or 3000)


def _number_input(found: Findings, element: Element, pointer: str) -> None:
    if not isinstance(element.get("is_decimal_allowed"), bool):
        found.add(f"{pointer}/is_decimal_allowed", "is_decimal_allowed must be a boolean")
    numbers = {}
    for key in ("min_value", "initial_value", "max_value"):
        try:
            numbers[key] = float(element[key]) if key in element else None
        except (TypeError, ValueError):
            found.add(f"{pointer}/{key}", f"{key} must be a number in a string")
            return
    given = [number for number in numbers.values() if number is not None]
    if given != sorted(given):
        found.add(pointer, "min_value, initial_value and max_value must be in this order")


_CHECKS: dict[str, Callable[[Findings, Element, str], None]] = {
    "button": _button,
    "checkboxes": _choice,
    "image": check_image,
    "multi_static_select": _select,
    "number_input": _number_input,
    "overflow": _overflow,
    "plain_text_input": _plain_input,
    "radio_buttons": _choice,
    "static_select": _select,
    "workflow_button": _nothing,
}

_SELECTS = frozenset(
    f"{many}{kind}_select"
    for many in ("", "multi_")
    for kind in ("static", "external", "users", "conversations", "channels")
)
_PICKERS = frozenset({"datepicker", "timepicker", "datetimepicker"})
_CHOICES = frozenset({"checkboxes", "radio_buttons"})

IN_ACTIONS = _SELECTS | _PICKERS | _CHOICES | {"button", "overflow", "workflow_button", "rich_text_input"}
IN_SECTION = (IN_ACTIONS - {"rich_text_input"}) | {"image"}
IN_CONTEXT_ACTIONS = frozenset({"feedback_buttons", "icon_button"})
IN_INPUT = (
    _SELECTS
    | _PICKERS
    | _CHOICES
    | {"plain_text_input", "email_text_input", "url_text_input", "number_input", "rich_text_input", "file_input"}
)
