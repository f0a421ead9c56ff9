"""The set of all steps, validated, and the parsing of commands into steps and options."""

from bot.catalog.catalog import Catalog, Invocation
from bot.catalog.option_errors import explain_validation_error
from bot.catalog.options import collect_options, list_declared_choices
from bot.catalog.words import LONGEST, join_words, split_command

__all__ = [
    "LONGEST",
    "Catalog",
    "Invocation",
    "collect_options",
    "explain_validation_error",
    "join_words",
    "list_declared_choices",
    "split_command",
]
