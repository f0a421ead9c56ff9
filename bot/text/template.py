"""Reads templates such as `{ready} of {wanted} pods are ready`, in English and in catalogues alike.

Only plain names stand in braces, with a format for numbers where wanted (`{ms:.0f}`): a catalogue
is data, and must not be able to reach an attribute of a value.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from string import Formatter
from typing import NamedTuple

REMEMBERED = 4096
"""Templates that are kept parsed; the bot has about two thousand of its own."""


class Field(NamedTuple):
    """A place for a value: `spec` is the format of a number, "" for as it is."""

    name: str
    spec: str = ""

    def __str__(self) -> str:
        return f"{{{self.name}:{self.spec}}}" if self.spec else f"{{{self.name}}}"


Part = str | Field


@lru_cache(REMEMBERED)
def parse_template(template: str) -> tuple[Part, ...]:
    """Return the parts of a template in order: literal text, with its braces unescaped, and fields.

    Raises ValueError that quotes the template when it cannot be read.
    """
    parts: list[Part] = []
    try:
        for literal, name, spec, conversion in Formatter().parse(template):
            if literal:
                parts.append(literal)
            if name is not None:
                parts.append(_read_field(name, spec or "", conversion))
    except ValueError as problem:
        raise ValueError(f"“{template}”: {problem}") from None
    return tuple(parts)


@lru_cache(REMEMBERED)
def list_fields(template: str) -> frozenset[Field]:
    """Return the fields of a template. Raises ValueError as `parse_template` does."""
    return frozenset(part for part in parse_template(template) if isinstance(part, Field))


@lru_cache(REMEMBERED)
def check_fields(one: str, many: str, names: frozenset[str]) -> None:
    """Raise ValueError unless a template, and its plural ("" for none), use just these values.

    The count `n` may be left out of either form, for “one pod” and “2 pods”.
    """
    free = {"n"} if many else set()
    for template in filter(None, (one, many)) if many else (one,):
        used = {field.name for field in list_fields(template)}
        if missing := used - names:
            raise ValueError(f"“{template}” lacks a value for {_quote(missing)}")
        if surplus := names - used - free:
            raise ValueError(f"“{template}” has no place for {_quote(surplus)}")


def _read_field(name: str, spec: str, conversion: str | None) -> Field:
    if not name.isidentifier():
        raise ValueError(f"“{{{name}}}” should be a plain name")
    if conversion or "{" in spec:
        raise ValueError(f"“{{{name}}}” may have a format after a colon and nothing else")
    return Field(name, spec)


def _quote(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))
