"""Questions as the inputs of a modal."""

from __future__ import annotations

from collections.abc import Iterable

from bot.language.localizer import Localizer
from bot.slackrules import truncate
from bot.steps import Question
from bot.view.blocks import Block

OPEN = "mesh:form"
"""action_id of a button that opens the form of the step in its value."""
YES = "yes"
"""The value of a tick."""


def build_input_blocks(say: Localizer, asked: Iterable[Question]) -> tuple[Block, ...]:
    """Return questions as input blocks; the first one has the focus."""
    first, *others = (build_input_block(say, question) for question in asked)
    return ({**first, "element": {**first["element"], "focus_on_load": True}}, *others)


def build_input_block(say: Localizer, question: Question) -> Block:
    """Return a question as an input block; its block_id is the question's name."""
    block: Block = {
        "type": "input",
        "block_id": question.name,
        "label": build_plain_text(say(question.label), 2000),
        "optional": not question.needed,
        "element": {**build_element(say, question), "action_id": "answer"},
    }
    return block | ({"hint": build_plain_text(say(question.hint), 2000)} if question.hint else {})


def build_element(say: Localizer, question: Question) -> Block:
    """Return the element that a question is answered in."""
    if question.kind == "tick":
        return build_checkbox(say(question.label), ticked=bool(question.initial))
    return ELEMENTS[question.kind](question)


def build_plain_text(text: str, most: int = 75) -> Block:
    """Return a plain_text object of at most that many characters."""
    return {"type": "plain_text", "text": truncate(text, most)}


def build_option(value: str) -> Block:
    """Return an option of a select."""
    return {"text": build_plain_text(value), "value": value}


def build_text_input(question: Question) -> Block:
    """Return a text input of one line."""
    limit = {"max_length": question.longest} if question.longest else {}
    return {"type": "plain_text_input", **limit, **build_initial_value(question)}


def build_number_input(question: Question) -> Block:
    """Return an input for a whole number."""
    bounds = {"min_value": question.least, "max_value": question.most}
    limits = {key: value for key, value in bounds.items() if value}
    return {
        "type": "number_input",
        "is_decimal_allowed": False,
        **limits,
        **build_initial_value(question),
    }


def build_initial_value(question: Question) -> Block:
    """Return the initial value of a text or number input; empty when there is none."""
    return {"initial_value": " ".join(question.initial)} if question.initial else {}


def build_checkbox(label: str, *, ticked: bool) -> Block:
    """Return a single checkbox."""
    options = [{"text": build_plain_text(label), "value": YES}]
    return {"type": "checkboxes", "options": options} | (
        {"initial_options": options} if ticked else {}
    )


def build_select(question: Question) -> Block:
    """Return a select for one choice of at most a hundred (Slack limit)."""
    first = {"initial_option": build_option(question.initial[0])} if question.initial else {}
    return {
        "type": "static_select",
        "options": [build_option(value) for value in question.choices[:100]],
        **first,
    }


def build_multi_select(question: Question) -> Block:
    """Return a select for any number of choices, of at most a hundred."""
    first = (
        {"initial_options": [build_option(value) for value in question.initial]}
        if question.initial
        else {}
    )
    return {
        "type": "multi_static_select",
        "options": [build_option(value) for value in question.choices[:100]],
        **first,
    }


ELEMENTS = {
    "text": build_text_input,
    "number": build_number_input,
    "one": build_select,
    "some": build_multi_select,
}
