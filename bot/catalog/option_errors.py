"""Pydantic's errors about options, in the bot's own words: its sentences never reach a channel.

The types are those of pydantic-core 2 (`pydantic_core.core_schema.ErrorType`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bot.text import Listed, Text, counted

UNFIT = Text("does not fit here")
"""What is said where no more is known than that it is wrong."""

WORDS = {
    Text("should be yes or no; the word alone means yes"): "bool_type bool_parsing",
    Text("should be a whole number"): "int_type int_parsing int_from_float decimal_whole_digits",
    Text("is too large a number"): "int_parsing_size decimal_max_digits",
    Text("has too many decimal places"): "decimal_max_places",
    Text("should be a number"): (
        "float_type float_parsing finite_number decimal_type decimal_parsing fraction_type "
        "fraction_parsing complex_type complex_str_parsing"
    ),
    Text("has characters that do not belong in it"): (
        "string_pattern_mismatch string_unicode string_not_ascii bytes_invalid_encoding"
    ),
    Text("should be a word"): "string_type bytes_type",
    Text("is not an option of this step"): (
        "extra_forbidden no_such_attribute unexpected_keyword_argument "
        "unexpected_positional_argument invalid_key"
    ),
    Text("is needed"): (
        "missing missing_argument missing_keyword_only_argument missing_positional_only_argument"
    ),
    Text("is given twice"): "multiple_argument_values",
    Text("should be left out"): "none_required missing_sentinel_error ellipsis_error",
    Text("cannot be changed"): "frozen_field frozen_instance",
    Text("should be a list of words"): (
        "list_type deque_type tuple_type set_type frozen_set_type iterable_type iteration_error "
        "set_item_not_hashable arguments_type named_tuple_type"
    ),
    Text("should be pairs such as name=value"): (
        "dict_type frozen_dict_type ordered_dict_type counter_type mapping_type model_type "
        "model_attributes_type dataclass_type dataclass_exact_type get_attribute_error"
    ),
    Text("should be JSON"): "json_invalid json_type",
    Text("should be a date such as 2026-11-26"): (
        "date_type date_parsing date_from_datetime_parsing date_from_datetime_inexact"
    ),
    Text("should be a time of day such as 17:00"): "time_type time_parsing",
    Text("should be a date and a time such as 2026-11-26T17:00"): (
        "datetime_type datetime_parsing datetime_object_invalid datetime_from_date_parsing"
    ),
    Text("should be a time such as 3s or 10m"): "time_delta_type time_delta_parsing",
    Text("should lie in the past"): "date_past datetime_past",
    Text("should lie in the future"): "date_future datetime_future",
    Text("should name a time zone"): "timezone_aware timezone_offset",
    Text("should name no time zone"): "timezone_naive",
    Text("should be an address such as https://example.com"): (
        "url_type url_parsing url_syntax_violation url_scheme"
    ),
    Text("should be a UUID"): "uuid_type uuid_parsing uuid_version",
    UNFIT: (
        "value_error assertion_error is_instance_of is_subclass_of callable_type "
        "needs_python_object "
        "recursion_loop recursion_depth_exceeded default_factory_not_called union_tag_invalid "
        "union_tag_not_found"
    ),
}
"""The words for errors without values, and the types that they are said of."""

TEXTS: Mapping[str, Text] = {kind: text for text, kinds in WORDS.items() for kind in kinds.split()}

CHOICES = ("literal_error", "enum")
"""Errors about a value that is none of those allowed."""

LIMITS = ("ge", "le", "gt", "lt", "min_length", "max_length", "multiple_of")
"""Names under which pydantic gives the limit that a value does not keep."""

BOUNDS: dict[str, Callable[[Any], Text]] = {
    "greater_than_equal": lambda limit: Text("should be {limit} or more", limit=limit),
    "less_than_equal": lambda limit: Text("should be {limit} or less", limit=limit),
    "greater_than": lambda limit: Text("should be more than {limit}", limit=limit),
    "less_than": lambda limit: Text("should be less than {limit}", limit=limit),
    "multiple_of": lambda limit: Text("should be a multiple of {limit}", limit=limit),
    "too_long": lambda limit: counted("takes at most {n} word", "takes at most {n} words", n=limit),
    "too_short": lambda limit: counted(
        "takes at least {n} word", "takes at least {n} words", n=limit
    ),
    **dict.fromkeys(
        ("string_too_short", "bytes_too_short"),
        lambda limit: counted(
            "should have at least {n} character", "should have at least {n} characters", n=limit
        ),
    ),
    **dict.fromkeys(
        ("string_too_long", "bytes_too_long", "url_too_long"),
        lambda limit: counted(
            "should have at most {n} character", "should have at most {n} characters", n=limit
        ),
    ),
}
"""Errors about a limit, by their type."""


def explain_validation_error(error: Any) -> Text:
    """Return a pydantic error in words for a person."""
    kind, values = error["type"], error.get("ctx") or {}
    if kind == "value_error":
        said = next(iter(values["error"].args), None)
        return said if isinstance(said, Text) else UNFIT
    if kind in BOUNDS:
        limit = next((values[name] for name in LIMITS if name in values), None)
        return BOUNDS[kind](limit) if isinstance(limit, int | float) else UNFIT
    if kind in CHOICES:
        allowed = list_allowed_values(error)
        return Text("should be one of {allowed}", allowed=Listed(allowed, "or"))
    return TEXTS.get(kind, UNFIT)


def get_error_words(error: Any) -> tuple[str, ...]:
    """Return what an option's own check says beside its Text: the word, and others in its place."""
    values = error.get("ctx") or {}
    args = values["error"].args[1:] if error["type"] == "value_error" else ()
    return tuple(map(str, args))


def list_allowed_values(error: Any) -> list[str]:
    """Return the values that an error about a choice allows."""
    # pydantic gives them as `'', 'here' or 'off'`; an empty one cannot be typed.
    said = str((error.get("ctx") or {}).get("expected", ""))
    return [word for word in re.findall(r"'([^']*)'", said) if word]


def find_limit(error: Any) -> int | float | None:
    """Return the nearest value that keeps the limit of an error, None when there is none."""
    values = error.get("ctx") or {}
    found = next((values[name] for name in ("ge", "le") if name in values), None)
    return found if isinstance(found, int | float) else None


def keep_allowed_characters(typed: str, patterns: Iterable[str]) -> str:
    """Return what is left of a word when the characters go that a pattern does not know alone."""
    for pattern in patterns:
        typed = "".join(c for c in typed if re.fullmatch(pattern, c))
    return typed
