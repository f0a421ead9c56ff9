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
    """Check one block element, which must be of an allowed type."""
    element = found.check_mapping(value, pointer, "element")
    if element is None:
        return
    kind = element.get("type")
    if kind not in allowed:
        found.add(f"{pointer}/type", f"unsupported type: {kind}")
        return
    found.check_string(element, "action_id", pointer, limit=255)
    if "confirm" in element:
        _check_confirm_dialog(found, element["confirm"], f"{pointer}/confirm")
    if "placeholder" in element:
        found.check_text(element, "placeholder", pointer, TextRule(150, PLAIN))
    _CHECKS.get(kind, _accept_element)(found, element, pointer)


def check_image(found: Findings, image: Element, pointer: str) -> None:
    """Check an image: one of image_url and slack_file, and alt_text always."""
    if ("image_url" in image) == ("slack_file" in image):
        found.add(pointer, "exactly one of image_url and slack_file is needed")
    if "slack_file" in image:
        _check_slack_file(found, image["slack_file"], f"{pointer}/slack_file")
    found.check_string(image, "image_url", pointer, limit=3000)
    check_link(found, image, "image_url", pointer)
    found.check_string(image, "alt_text", pointer, limit=2000, required=True)


def _check_slack_file(found: Findings, value: Any, pointer: str) -> None:
    file = found.check_mapping(value, pointer, "slack_file")
    if file is None:
        return
    if ("id" in file) == ("url" in file):
        found.add(pointer, "exactly one of id and url is needed")
    elif "id" in file and not (isinstance(file["id"], str) and FILE_ID.fullmatch(file["id"])):
        found.add(f"{pointer}/id", f"input must match regex pattern: {FILE_ID.pattern}")


def check_link(found: Findings, holder: Element, key: str, pointer: str) -> None:
    """Check that a link, if there is one, is absolute."""
    value = holder.get(key)
    if isinstance(value, str) and not value.startswith(
        ("http://", "https://", "slack://", "mailto:")
    ):
        found.add(f"{pointer}/{key}", f"{key} must be an absolute link")


def _accept_element(found: Findings, element: Element, pointer: str) -> None:
    return


def _check_confirm_dialog(found: Findings, value: Any, pointer: str) -> None:
    confirm = found.check_mapping(value, pointer, "confirm")
    if confirm is None:
        return
    found.check_text(confirm, "title", pointer, TextRule(100, PLAIN))
    found.check_text(confirm, "text", pointer, TextRule(300, BOTH))
    found.check_text(confirm, "confirm", pointer, TextRule(30, PLAIN))
    found.check_text(confirm, "deny", pointer, TextRule(30, PLAIN))
    _check_style(found, confirm, pointer)


def _check_style(found: Findings, element: Element, pointer: str) -> None:
    if "style" in element and element["style"] not in STYLES:
        found.add(f"{pointer}/style", f"style must be one of {', '.join(STYLES)}")


def _check_button(found: Findings, element: Element, pointer: str) -> None:
    found.check_text(element, "text", pointer, TextRule(75, PLAIN))
    found.check_string(element, "value", pointer, limit=2000)
    found.check_string(element, "url", pointer, limit=3000)
    found.check_string(element, "accessibility_label", pointer, limit=75)
    check_link(found, element, "url", pointer)
    _check_style(found, element, pointer)


def _check_option(found: Findings, value: Any, pointer: str) -> None:
    option = found.check_mapping(value, pointer, "option")
    if option is not None:
        found.check_text(option, "text", pointer, TextRule(75))
        found.check_string(option, "value", pointer, limit=150, required=True)
        found.check_text(option, "description", pointer, TextRule(75, required=False))


def _check_options(
    found: Findings, element: Element, pointer: str, bounds: tuple[int, int]
) -> None:
    for where, option in found.check_list_member(
        element, "options", pointer, least=bounds[0], most=bounds[1]
    ):
        _check_option(found, option, where)


def _check_initial_options(found: Findings, element: Element, pointer: str) -> None:
    """Check that each initial option is among the options, word for word."""
    groups = [group for group in element.get("option_groups") or [] if isinstance(group, dict)]
    there = [
        *(element.get("options") or []),
        *(each for group in groups for each in group.get("options") or []),
    ]
    for key in ("initial_option", "initial_options"):
        chosen = element.get(key, [])
        for option in chosen if isinstance(chosen, list) else [chosen]:
            if option not in there:
                found.add(f"{pointer}/{key}", f"{key} must be among the options")
    if element.get("initial_options") == []:
        found.add(f"{pointer}/initial_options", "no fewer than 1 items allowed")


def _check_select(found: Findings, element: Element, pointer: str) -> None:
    _check_initial_options(found, element, pointer)
    if "option_groups" not in element:
        _check_options(found, element, pointer, (1, SELECT_OPTIONS))
        return
    if "options" in element:
        found.add(pointer, "options and option_groups exclude each other")
    for where, value in found.check_list_member(
        element, "option_groups", pointer, least=1, most=SELECT_OPTIONS
    ):
        group = found.check_mapping(value, where, "option group")
        if group is not None:
            found.check_text(group, "label", where, TextRule(75, PLAIN))
            _check_options(found, group, where, (1, SELECT_OPTIONS))


def _check_choice_input(found: Findings, element: Element, pointer: str) -> None:
    _check_initial_options(found, element, pointer)
    _check_options(found, element, pointer, (1, CHOICE_OPTIONS))


def _check_overflow_menu(found: Findings, element: Element, pointer: str) -> None:
    _check_options(found, element, pointer, (1, OVERFLOW_OPTIONS))


def _check_plain_input(found: Findings, element: Element, pointer: str) -> None:
    longest = element.get("max_length")
    if longest is not None and not (isinstance(longest, int) and 1 <= longest <= 3000):
        found.add(f"{pointer}/max_length", "max_length must be between 1 and 3000")
        return
    found.check_string(element, "initial_value", pointer, limit=longest or 3000)


def _check_number_input(found: Findings, element: Element, pointer: str) -> None:
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
    "button": _check_button,
    "checkboxes": _check_choice_input,
    "image": check_image,
    "multi_static_select": _check_select,
    "number_input": _check_number_input,
    "overflow": _check_overflow_menu,
    "plain_text_input": _check_plain_input,
    "radio_buttons": _check_choice_input,
    "static_select": _check_select,
    "workflow_button": _accept_element,
}

_SELECTS = frozenset(
    f"{many}{kind}_select"
    for many in ("", "multi_")
    for kind in ("static", "external", "users", "conversations", "channels")
)
_PICKERS = frozenset({"datepicker", "timepicker", "datetimepicker"})
_CHOICES = frozenset({"checkboxes", "radio_buttons"})

IN_ACTIONS = (
    _SELECTS | _PICKERS | _CHOICES | {"button", "overflow", "workflow_button", "rich_text_input"}
)
IN_SECTION = (IN_ACTIONS - {"rich_text_input"}) | {"image"}
IN_CONTEXT_ACTIONS = frozenset({"feedback_buttons", "icon_button"})
IN_INPUT = (
    _SELECTS
    | _PICKERS
    | _CHOICES
    | {
        "plain_text_input",
        "email_text_input",
        "url_text_input",
        "number_input",
        "rich_text_input",
        "file_input",
    }
)
