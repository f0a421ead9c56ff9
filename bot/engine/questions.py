"""A step's form: its questions, out of its options where the step declares none, and the command that answers make."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from bot.catalog import quoted
from bot.steps import Answers, Context, Question, Step

YES = "yes"
"""The value of a tick."""

LONGEST_TEXT = 3000
"""Characters of a plain_text_input (Slack limit)."""


def questions(step: Step, context: Context, *, namespaces: bool = False) -> tuple[Question, ...]:
    """The questions of a step's form; none when there is nothing to choose. Asks nothing of the cluster.

    `namespaces`: the workshop has several, so that it is asked which one is meant.
    """
    fields = step.options.model_fields
    named = [name for name in fields if name not in ("namespace", "share")]
    own = tuple(question(step, name, fields[name], context) for name in named)
    declared = step.form.questions if step.form is not None else own
    where = question(step, "namespace", fields["namespace"], context)
    return (*declared, where) if declared and namespaces else declared


def question(step: Step, name: str, field: FieldInfo, context: Context) -> Question:
    """The question for one option: its description is the hint, its type says what kind of input it is."""
    chosen = choices(step, name, field, context)
    default = () if field.is_required() else as_typed(field.default)
    kind = kind_of(field, chosen)
    return Question(
        name=key_of(name, field),
        label=key_of(name, field).replace("-", " ").capitalize(),
        hint=field.description or "",
        kind=kind,
        choices=chosen,
        initial=tuple(word for word in default if not chosen or word in chosen),
        needed=field.is_required() or name in step.needs,
        longest=0 if kind != "text" or takes_several(field) else min(LONGEST_TEXT, bound(field, "max_length") or 0),
        least=str(bound(field, "ge") or "") if kind == "number" else "",
        most=str(bound(field, "le") or "") if kind == "number" else "",
    )


def key_of(name: str, field: FieldInfo) -> str:
    """An option as it is typed."""
    return field.alias or name


def takes_several(field: FieldInfo) -> bool:
    """True for an option that takes several words."""
    return get_origin(field.annotation) is tuple


def choices(step: Step, name: str, field: FieldInfo, context: Context) -> tuple[str, ...]:
    """What may be chosen, as the step or the option's type says it."""
    if name in step.choices:
        return tuple(step.choices[name](context))
    kind: Any = get_args(field.annotation)[0] if takes_several(field) else field.annotation
    kind = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    values = get_args(kind) if get_origin(kind) is Literal else tuple(getattr(kind, "__members__", {}).values())
    return tuple(str(value) for value in values if str(value))


def kind_of(field: FieldInfo, chosen: Sequence[str]) -> Literal["text", "number", "tick", "one", "some"]:
    """What kind of input an option is asked with. A number with words around it (`20/s`) is asked as text."""
    if chosen:
        return "some" if takes_several(field) else "one"
    if field.annotation is bool:
        return "tick"
    plain = not any(type(each).__name__ == "BeforeValidator" for each in field.metadata)
    return "number" if field.annotation is int and plain else "text"


def bound(field: FieldInfo, name: str) -> int | None:
    """A limit that pydantic keeps in the field's metadata."""
    found = (getattr(each, name, None) for each in field.metadata)
    return next((value for value in found if isinstance(value, int)), None)


def as_typed(default: Any) -> tuple[str, ...]:
    """A default as it would stand in the form."""
    if isinstance(default, bool):
        return (YES,) if default else ()
    if isinstance(default, tuple):
        return tuple(map(str, default))
    return (f"{default:g}" if isinstance(default, float) else str(default),) if default not in ("", None) else ()


def command_of(step: Step, asked: Sequence[Question], answers: Answers) -> str:
    """The command that someone would have typed to say the same."""
    words = [*(step.form.words(answers) if step.form is not None else words_of(step, asked, answers))]
    if step.form is not None and (where := answers.get("in")):
        words.append(f"in={where[0]}")
    return " ".join([step.id, *map(quoted, words)])


def words_of(step: Step, asked: Sequence[Question], answers: Answers) -> list[str]:
    """Words for the options: bare in their order as far as that goes, `key=value` beyond; defaults are left out."""
    fields = {key_of(name, field): (name, field) for name, field in step.options.model_fields.items()}
    order = [*step.positional, *step.options.model_fields]
    words: list[str] = []
    reachable = True
    for each in sorted(asked, key=lambda q: order.index(fields[q.name][0])):
        name, field = fields[each.name]
        several, in_order = takes_several(field), name in step.positional
        given = answers.get(each.name, ())
        values = [word for text in given for word in text.split()] if several else list(given)
        odd = any(is_key(word, fields) or ("=" in word and not several) for word in values)
        bare = in_order and reachable and not odd
        if given == each.initial or (not given and each.kind != "tick"):
            reachable = reachable and not in_order
        elif each.kind == "tick":
            words.append(each.name if given else f"{each.name}=no")
        else:
            words += values if bare else [f"{each.name}={value}" for value in values]
            reachable = reachable and (bare or not in_order)
    return words


def is_key(word: str, fields: Collection[str]) -> bool:
    """True for a word that would be read as an option's name, or as an assignment to it."""
    return word.partition("=")[0].replace("_", "-").lower() in {key.replace("_", "-") for key in fields}
