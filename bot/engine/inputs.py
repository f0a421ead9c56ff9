"""Questions as the inputs of a modal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bot.engine.questions import YES
from bot.slackrules import truncate
from bot.steps import Question

Block = dict[str, Any]


def as_inputs(asked: Iterable[Question]) -> tuple[Block, ...]:
    """Questions as input blocks; one begins in the first, also where the form comes after something else."""
    first, *others = map(as_input, asked)
    return ({**first, "element": {**first["element"], "focus_on_load": True}}, *others)


def as_input(question: Question) -> Block:
    """A question as an input block; its block_id is the question's name."""
    block: Block = {
        "type": "input",
        "block_id": question.name,
        "label": words(question.label, 2000),
        "optional": not question.needed,
        "element": {**ELEMENTS[question.kind](question), "action_id": "answer"},
    }
    return block | ({"hint": words(question.hint, 2000)} if question.hint else {})


def words(text: str, most: int = 75) -> Block:
    """Plain text of at most so many characters."""
    return {"type": "plain_text", "text": truncate(text, most)}


def choice(value: str) -> Block:
    """One thing to choose."""
    return {"text": words(value), "value": value}


def text_input(question: Question) -> Block:
    """A line to write in."""
    limit = {"max_length": question.longest} if question.longest else {}
    return {"type": "plain_text_input", **limit, **initial(question)}


def number_input(question: Question) -> Block:
    """A whole number."""
    bounds = {"min_value": question.least, "max_value": question.most}
    limits = {key: value for key, value in bounds.items() if value}
    return {"type": "number_input", "is_decimal_allowed": False, **limits, **initial(question)}


def initial(question: Question) -> Block:
    """What stands in a line at first."""
    return {"initial_value": " ".join(question.initial)} if question.initial else {}


def tick(question: Question) -> Block:
    """A box to tick."""
    options = [{"text": words(question.label), "value": YES}]
    return {"type": "checkboxes", "options": options} | ({"initial_options": options} if question.initial else {})


def one_of(question: Question) -> Block:
    """One choice of at most a hundred (Slack limit)."""
    first = {"initial_option": choice(question.initial[0])} if question.initial else {}
    return {"type": "static_select", "options": [choice(value) for value in question.choices[:100]], **first}


def some_of(question: Question) -> Block:
    """Any number of choices."""
    first = {"initial_options": [choice(value) for value in question.initial]} if question.initial else {}
    return {"type": "multi_static_select", "options": [choice(value) for value in question.choices[:100]], **first}


ELEMENTS = {"text": text_input, "number": number_input, "tick": tick, "one": one_of, "some": some_of}
