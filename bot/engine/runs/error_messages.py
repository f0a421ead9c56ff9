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
    SlackError,
    Throttled,
    Unavailable,
    UserError,
)
from bot.text import Text, verbatim

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failure:
    """An error in words: what happened, and who has to act.

    `again` is the command to go on with, "" for the one that failed.
    """

    summary: Text
    turn: Text
    again: str = ""


TURNS: tuple[tuple[type[MeshbotError], Text, Text], ...] = (
    (
        Throttled,
        Text("The cluster asks for fewer requests"),
        Text("Wait a minute, then type it again."),
    ),
    (
        Unavailable,
        Text("The cluster cannot be reached"),
        Text("The cluster's administrator: is it up? Then type it again."),
    ),
    (
        Forbidden,
        Text("The cluster forbids it"),
        Text("The cluster's administrator must grant this to the bot's account."),
    ),
    (
        Conflict,
        Text("Someone else manages that"),
        Text("Whoever changed it by hand: undo that, or tell a host."),
    ),
    (Rejected, Text("The cluster refused it"), Text("Fix what it names, then type it again.")),
    (IstioError, Text("istioctl failed"), Text("Fix what it names, then type it again.")),
    (
        LedgerError,
        Text("My database is away"),
        Text("Nothing was changed. The bot's administrator: is the database up?"),
    ),
)


PASSING_CODES = {"ratelimited", "no_answer", "unreachable"}
"""Codes of a SlackError that say that Slack did not take it just now."""


def explain_error(problem: BaseException) -> Failure:
    """Return an error in words for a person.

    An unexpected one gets a reference under which the log has the traceback.
    """
    if isinstance(problem, UserError):
        return Failure(problem.message, problem.hint)
    if isinstance(problem, Conflict) and "has been modified" in str(problem):
        return Failure(
            Text(
                "Something else changed that at the same moment: {problem}", problem=problem.message
            ),
            Text("Type it again."),
        )
    if isinstance(problem, IstioError) and problem.code < 0:
        return Failure(
            Text("istioctl cannot be run: {problem}", problem=problem.message),
            Text("The bot's administrator must fix that. Then type it again."),
        )
    if isinstance(problem, Forbidden) and problem.acting_as:
        turn = Text(
            "I act for you as {acting_as}: the cluster's administrator must grant this there, "
            "or a host does it.",
            acting_as=problem.acting_as,
        )
        return Failure(Text("The cluster forbids it: {problem}", problem=problem.message), turn)
    for kind, words, turn in TURNS:
        if isinstance(problem, kind):
            return Failure(
                Text("{words}: {problem}", words=words, problem=get_message(problem)), turn
            )
    if isinstance(problem, MeshbotError):
        return Failure(
            verbatim(str(problem)),
            Text("Type it again; if it stays, tell the bot's administrator."),
        )
    reference = secrets.token_hex(4)
    log.error("unexpected error, reference %s", reference, exc_info=problem)
    return Failure(
        Text("Something went wrong on my side."),
        Text("Tell the bot's administrator: reference `{reference}`.", reference=reference),
    )


def get_message(problem: MeshbotError) -> Text:
    """Return an error's message; one that only the log was meant for is shown as it is."""
    message = getattr(problem, "message", None)
    return message if isinstance(message, Text) else verbatim(str(problem))


def explain_post_error(problem: SlackError) -> UserError:
    """Return the UserError for a channel that cannot be written to."""
    if "channel" in problem.code:
        hint = Text("Invite me with `/invite @meshbot`, then type it again.")
    elif problem.code in PASSING_CODES:
        hint = Text("Slack does not take it just now. Type it again in a minute.")
    else:
        hint = Text("The Slack app's administrator can tell why.")
    return UserError(
        Text("I cannot post in this channel ({code}); nothing was started.", code=problem.code),
        hint,
    )
