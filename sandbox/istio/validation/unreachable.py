"""Warnings for HTTP rules, and matches of rules, that no request ever reaches, in istiod's words
(Istio 1.23, 1.30 and 1.32; the words for a rule behind one for everything are not in 1.23).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.cluster.contract import Object

_NAMED = ("headers", "queryParams", "withoutHeaders")


def find_unused_rules(routes: list[Object], *, behind_all: bool = True) -> list[str]:
    """Return the warnings, each once; `behind_all` warns of matches behind a rule for all, too."""
    return list(dict.fromkeys((*_list_unused(routes, behind_all), *_list_covered(routes))))


def _list_unused(routes: list[Object], behind_all: bool) -> Iterator[str]:
    seen: dict[str, int] = {}
    everything = False
    for number, route in enumerate(routes):
        name, matches = _name_part(route, number), route.get("match") or []
        if not matches:
            if everything:
                yield _describe_unused(name, "only the last rule can have no matches")
            everything = True
            continue
        again = 0
        for place, match in enumerate(matches):
            if everything and behind_all:
                yield _describe_unused(name, "route without matches defined before")
                continue
            text = json.dumps(match, sort_keys=True)
            if text in seen:
                again += 1
                first = seen[text]
                yield _describe_twice(
                    name, _name_part(match, place), _name_part(routes[first], first)
                )
            seen.setdefault(text, number)
        if again == len(matches):
            yield _describe_unused(name, "all matches used by prior rules")


def _name_part(part: Object, number: int) -> str:
    return json.dumps(part["name"]) if part.get("name") else f"#{number}"


def _describe_unused(rule: str, reason: str) -> str:
    return f"virtualService rule {rule} not used ({reason})"


def _describe_twice(rule: str, match: str, first: str) -> str:
    return (
        f"virtualService rule {rule} match {match} is not used "
        f"(duplicate/overlapping match in rule {first})"
    )


@dataclass(frozen=True)
class _PrefixMatch:
    """A match by the beginning of a path, with what else it asks for."""

    rule: str
    name: str
    prefix: str
    port: Any
    texts: Mapping[str, str]

    def covers(self, other: _PrefixMatch) -> bool:
        """Tell whether this one leaves nothing to the other, as far as istiod looks."""
        return (
            other.prefix.startswith(self.prefix)
            and self.port == other.port
            and self.texts.keys() == other.texts.keys()
            and all(text.startswith(other.texts[key]) for key, text in self.texts.items())
        )


def _list_covered(routes: list[Object]) -> Iterator[str]:
    found: list[_PrefixMatch] = []
    for number, route in enumerate(routes):
        for place, match in enumerate(route.get("match") or []):
            read = _read_prefix_match(_name_part(route, number), _name_part(match, place), match)
            found += [read] if read and not any(_is_same(read, each) for each in found) else []
    for number, first in enumerate(found):
        for later in found[number + 1 :]:
            if later.prefix != first.prefix and first.covers(later):
                match = f"{later.name} of prefix {later.prefix}"
                yield _describe_twice(
                    later.rule, match, f"{first.name} of prefix {first.prefix} on {first.rule}"
                )


def _is_same(one: _PrefixMatch, other: _PrefixMatch) -> bool:
    return (one.prefix, one.port, one.texts) == (other.prefix, other.port, other.texts)


def _read_prefix_match(rule: str, name: str, match: Object) -> _PrefixMatch | None:
    prefix = (match.get("uri") or {}).get("prefix")
    if not prefix:
        return None
    # Without a method istiod takes it for GET here.
    texts = {
        "method": _read_text(match.get("method")) or "exact:GET",
        "authority": _read_text(match.get("authority")),
    }
    for field in _NAMED:
        for key, told in (match.get(field) or {}).items():
            texts[f"{field}/{key}"] = _read_text(told)
    return _PrefixMatch(rule, name, prefix, match.get("port"), texts)


def _read_text(told: Any) -> str:
    told = told or {}
    if told.get("exact"):
        return f"exact:{told['exact']}"
    return f"prefix:{told['prefix']}" if told.get("prefix") else ""
