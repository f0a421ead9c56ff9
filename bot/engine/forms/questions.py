"""Questions of a step's form, and the command that their answers make.

The questions come from the step's options where the step declares none.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal, get_origin

from pydantic.fields import FieldInfo

from bot.catalog import join_words, list_declared_choices
from bot.steps import Answers, Context, Question, Step, describe_option
from bot.text import verbatim
from bot.view.form_inputs import YES

LONGEST_TEXT = 3000
"""Characters of a plain_text_input (Slack limit)."""


def build_questions(
    step: Step, context: Context, *, namespaces: bool = False
) -> tuple[Question, ...]:
    """Return the questions of a step's form; none when there is nothing to choose.

    No request is sent to the cluster. `namespaces`: the workshop has several, so the
    form asks which one is meant.
    """
    fields = step.options.model_fields
    named = [name for name in fields if name not in ("namespace", "share")]
    own = tuple(build_question(step, name, fields[name], context) for name in named)
    declared = step.form.questions if step.form is not None else own
    where = build_question(step, "namespace", fields["namespace"], context)
    return (*declared, where) if declared and namespaces else declared


def build_question(step: Step, name: str, field: FieldInfo, context: Context) -> Question:
    """Return the question for one option.

    The option's description is the hint, its type decides the kind of input.
    """
    chosen = list_choices(step, name, field, context)
    default = () if field.is_required() else format_default(field.default)
    kind = get_input_kind(field, chosen)
    return Question(
        name=get_option_key(name, field),
        label=verbatim(get_option_key(name, field).replace("-", " ").capitalize()),
        hint=describe_option(field),
        kind=kind,
        choices=chosen,
        initial=tuple(word for word in default if not chosen or word in chosen),
        needed=field.is_required() or name in step.needs,
        longest=0
        if kind != "text" or is_multi_valued(field)
        else min(LONGEST_TEXT, get_bound(field, "max_length") or 0),
        least=str(get_bound(field, "ge") or "") if kind == "number" else "",
        most=str(get_bound(field, "le") or "") if kind == "number" else "",
    )


def get_option_key(name: str, field: FieldInfo) -> str:
    """Return an option's name as it is typed."""
    return field.alias or name


def is_multi_valued(field: FieldInfo) -> bool:
    """Tell whether an option takes several words."""
    return get_origin(field.annotation) is tuple


def list_choices(step: Step, name: str, field: FieldInfo, context: Context) -> tuple[str, ...]:
    """Return the values that may be chosen, from the step or from the option's type."""
    if name in step.choices:
        return tuple(step.choices[name](context))
    return list_declared_choices(field)


def get_input_kind(
    field: FieldInfo, chosen: Sequence[str]
) -> Literal["text", "number", "tick", "one", "some"]:
    """Return the kind of input for an option.

    A number with words around it (`20/s`) is asked as text.
    """
    if chosen:
        return "some" if is_multi_valued(field) else "one"
    if field.annotation is bool:
        return "tick"
    plain = not any(type(each).__name__ == "BeforeValidator" for each in field.metadata)
    return "number" if field.annotation is int and plain else "text"


def get_bound(field: FieldInfo, name: str) -> int | None:
    """Return a limit that pydantic keeps in the field's metadata, None when there is none."""
    found = (getattr(each, name, None) for each in field.metadata)
    return next((value for value in found if isinstance(value, int)), None)


def format_default(default: Any) -> tuple[str, ...]:
    """Return a default as it would be typed into the form."""
    if isinstance(default, bool):
        return (YES,) if default else ()
    if isinstance(default, tuple):
        return tuple(map(str, default))
    return (
        (f"{default:g}" if isinstance(default, float) else str(default),)
        if default not in ("", None)
        else ()
    )


def format_command(step: Step, asked: Sequence[Question], answers: Answers) -> str:
    """Return the command that someone would have typed to say the same."""
    words = [
        *(
            step.form.words(answers)
            if step.form is not None
            else format_options(step, asked, answers)
        )
    ]
    if step.form is not None and (where := answers.get("in")):
        words.append(f"in={where[0]}")
    return join_words([step.id, *words])


def format_options(step: Step, asked: Sequence[Question], answers: Answers) -> list[str]:
    """Return the words for the options, defaults left out.

    They are bare in their order as far as that goes, `key=value` beyond.
    """
    fields = {
        get_option_key(name, field): (name, field)
        for name, field in step.options.model_fields.items()
    }
    order = [*step.positional, *step.options.model_fields]
    words: list[str] = []
    reachable = True
    for each in sorted(asked, key=lambda q: order.index(fields[q.name][0])):
        name, field = fields[each.name]
        several, in_order = is_multi_valued(field), name in step.positional
        given = answers.get(each.name, ())
        values = [word for text in given for word in text.split()] if several else list(given)
        odd = any(is_option_key(word, fields) or ("=" in word and not several) for word in values)
        bare = in_order and reachable and not odd
        if given == each.initial or (not given and each.kind != "tick"):
            reachable = reachable and not in_order
        elif each.kind == "tick":
            words.append(each.name if given else f"{each.name}=no")
        else:
            words += values if bare else [f"{each.name}={value}" for value in values]
            reachable = reachable and (bare or not in_order)
    return words


def is_option_key(word: str, fields: Collection[str]) -> bool:
    """Tell whether a word would be parsed as an option's name, or as an assignment to it."""
    return word.startswith("-") or word.partition("=")[0].replace("_", "-").lower() in {
        key.replace("_", "-") for key in fields
    }
