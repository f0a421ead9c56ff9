"""Leaves out of a sentence what another one has quoted already."""

from __future__ import annotations

from bot.text import Listed, Text, Value, build_text, verbatim

SHORTEST = 30
"""Characters from which a quotation is not said twice; names and versions may be."""


def omit_repeated(text: Text, said: str) -> Text:
    """Return a text without the long values that stand in what was `said` before.

    Of `REASON: message` the reason is left, else an ellipsis.
    """
    values = {name: _omit_from_value(value, said) for name, value in text.values.items()}
    return build_text(text.template, text.plural, text.context, values)


def _omit_from_value(value: Value, said: str) -> Value:
    if isinstance(value, str):
        return _omit_from_words(value, said)
    if isinstance(value, Text):
        return omit_repeated(value, said)
    if isinstance(value, Listed):
        whole = [verbatim(item) if isinstance(item, str) else item for item in value.items]
        return Listed([omit_repeated(item, said) for item in whole], value.how)
    return value


def _omit_from_words(words: str, said: str) -> str:
    whole = words.rstrip(".")
    reason, _, message = whole.partition(": ")
    # A kubelet's reason changes from one moment to the next, and the message stays.
    if 0 < len(reason) < SHORTEST <= len(message) and message in said:
        return reason
    return "…" if len(whole) >= SHORTEST and whole in said else words
