"""Expressions as RE2 takes them: what is wrong with one, in the words of Go's `regexp/syntax`,
which is what istiod's validation says."""

from __future__ import annotations

import re

_REPEAT = re.compile(r"[*+?]|\{\d+(,\d*)?\}")
_UNSUPPORTED = re.compile(r"\(\?(?:[=!#(>]|<[=!]|P[=>])")
_ESCAPE = re.compile(r"\\([1-9]|[^\W\d_])")
_LETTERS = frozenset("aftnrvxpPdDsSwWbBAzCQE")
"""What may follow a backslash in RE2, of letters."""
_MOST_REPEATS = 1000


def find_regexp_error(pattern: str) -> str:
    """Return what is wrong with an expression, "" when nothing is.

    Python's parser finds most of it; what it understands and RE2 does not (look-around, back
    references, large counts) is looked for before.
    """
    if found := _UNSUPPORTED.search(pattern):
        return f"invalid or unsupported Perl syntax: `{found.group()}`"
    for escape in _ESCAPE.finditer(pattern):
        if escape.group(1) not in _LETTERS:
            return f"invalid escape sequence: `{escape.group()}`"
    for count in re.finditer(r"\{(\d+)(?:,(\d*))?\}", pattern):
        if any(int(number) > _MOST_REPEATS for number in count.groups() if number):
            return f"invalid repeat count: `{count.group()}`"
    try:
        re.compile(_spell_for_python(pattern))
    except re.error as problem:
        return _reword(pattern, problem)
    return ""


def _spell_for_python(pattern: str) -> str:
    return pattern.replace(r"\z", r"\Z").replace("(?<", "(?P<")


def _reword(pattern: str, problem: re.error) -> str:
    said, place = problem.msg, problem.pos or 0
    rest = pattern[place:]
    if said.startswith("nothing to repeat"):
        found = _REPEAT.match(rest)
        return f"missing argument to repetition operator: `{found.group() if found else rest[:1]}`"
    if said.startswith("multiple repeat"):
        # Go names both operators.
        before = _REPEAT.findall(pattern[:place]) and pattern[max(place - 1, 0) : place]
        return f"invalid nested repetition operator: `{before or ''}{rest[:1]}`"
    if "unterminated subpattern" in said:
        return f"missing closing ): `{pattern}`"
    if "unbalanced parenthesis" in said:
        return f"unexpected ): `{pattern}`"
    if "unterminated character set" in said:
        return f"missing closing ]: `{rest}`"
    if "bad character range" in said:
        return f"invalid character class range: `{said.rpartition(' ')[2]}`"
    if "end of pattern" in said:
        return "trailing backslash at end of expression: ``"
    return f"{said}: `{pattern}`"
