"""Explanations of errors for people: what happened, and who has to act."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass

from bot.errors import (
    Conflict,
    Forbidden,
    IstioError,
    LedgerError,
    MeshbotError,
    Rejected,
    Throttled,
    Unavailable,
    UserError,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failure:
    """An error in words: what happened, and who has to act."""

    summary: str
    turn: str


TURNS: tuple[tuple[type[MeshbotError], str, str], ...] = (
    (Throttled, "The cluster asks for fewer requests", "Wait a minute, then type it again."),
    (
        Unavailable,
        "The cluster cannot be reached",
        "Whoever runs the cluster: is it up? Then type it again.",
    ),
    (
        Forbidden,
        "The cluster forbids it",
        "Whoever runs the cluster must grant this to the bot's account.",
    ),
    (
        Conflict,
        "Someone else manages that",
        "Whoever changed it by hand: undo that, or tell a host.",
    ),
    (Rejected, "The cluster refused it", "Mend what it names, then type it again."),
    (IstioError, "istioctl failed", "Mend what it names, then type it again."),
    (
        LedgerError,
        "My database is away",
        "Nothing was changed. Whoever runs the bot: is the database up?",
    ),
)


def explain_error(problem: BaseException) -> Failure:
    """Return an error in words for a person.

    An unexpected one gets a reference under which the log has the traceback.
    """
    if isinstance(problem, UserError):
        return Failure(problem.message, problem.hint)
    if isinstance(problem, Conflict) and "has been modified" in str(problem):
        return Failure(
            f"Something else changed that at the same moment: {problem}", "Type it again."
        )
    if isinstance(problem, IstioError) and problem.code < 0:
        return Failure(
            f"istioctl cannot be run: {problem}",
            "Whoever runs the bot must mend that. Then type it again.",
        )
    if isinstance(problem, Forbidden) and problem.acting_as:
        turn = f"I act for you as {problem.acting_as}: whoever runs the cluster must grant this there, or a host does it."
        return Failure(f"The cluster forbids it: {problem}", turn)
    for kind, words, turn in TURNS:
        if isinstance(problem, kind):
            return Failure(f"{words}: {problem}", turn)
    if isinstance(problem, MeshbotError):
        return Failure(str(problem), "Type it again; if it stays, tell whoever runs the bot.")
    reference = secrets.token_hex(4)
    log.error("unexpected error, reference %s", reference, exc_info=problem)
    return Failure(
        "Something went wrong on my side.", f"Tell whoever runs the bot: reference `{reference}`."
    )
