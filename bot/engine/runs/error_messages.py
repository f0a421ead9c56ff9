"""Explanations of errors for people: what happened, and who has to act."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.errors import (
    Conflict,
    Forbidden,
    IstioError,
    LedgerError,
    MeshbotError,
    Rejected,
    SlackError,
    Throttled,
    Unauthorized,
    Unavailable,
    Unreadable,
    UserError,
)
from bot.slackrules.refusal_codes import OWN_FAILURE
from bot.text import Seconds, Text, verbatim
from bot.view.refusal_notes import describe_remedy

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failure:
    """An error in words: what happened, and who has to act.

    `again` is the command to go on with, "" for the one that failed; `fixes` are those that may
    have been meant.
    """

    summary: Text
    turn: Text
    again: str = ""
    fixes: tuple[str, ...] = ()


WEBHOOK_AWAY = "failed calling webhook"
"""Kubernetes' words when an admission webhook does not answer (1.32 to 1.36)."""
LEDGER_AWAY = Text(
    "The bot's administrator finds the reason in the log. Type it again when the database is back: "
    "it goes on from what is there."
)
RATE_LIMITED = "ratelimited"
"""Slack's code for too many calls a minute; its limits count by the minute (Web API)."""
UNANSWERED_CODES = {"no_answer", "unreachable"}
"""Codes of a SlackError that say that Slack was not heard."""


def explain_error(problem: BaseException) -> Failure:
    """Return an error in words for a person.

    One that nobody foresaw gets a reference under which the log has the traceback.
    """
    for kind, explain in EXPLAINERS:
        if isinstance(problem, kind):
            return explain(problem)
    reference = secrets.token_hex(4)
    turn = Text("Tell the bot's administrator: reference `{reference}`.", reference=reference)
    if isinstance(problem, MeshbotError):
        log.error("an error without words for people, reference %s: %s", reference, problem)
        return Failure(verbatim(str(problem)), turn)
    log.error("unexpected error, reference %s", reference, exc_info=problem)
    # Its class is all that is known of it, and says more than that something went wrong.
    error = type(problem).__name__
    return Failure(Text("I failed with an error of my own ({error}).", error=error), turn)


def explain_throttled(problem: Throttled) -> Failure:
    """Return that the API server asks for patience, and for how long."""
    return Failure(
        Text("The cluster asks for fewer requests: {problem}", problem=problem.message),
        Text("It asks to wait {time}; then type it again.", time=Seconds(problem.retry_after)),
    )


def explain_unavailable(problem: Unavailable) -> Failure:
    """Return that the API server does not answer, or that a webhook which it asks does not.

    Kubernetes answers 500 for the latter: it was reached, and a write waits for somebody else.
    """
    if WEBHOOK_AWAY in str(problem):
        return Failure(
            Text("The cluster refused it: {problem}", problem=problem.message),
            Text("The webhook that it names has to answer before anything can be written there."),
        )
    return Failure(
        Text("The cluster cannot be reached: {problem}", problem=problem.message),
        Text("The cluster's administrator: is it up? Then type it again."),
    )


def explain_unreadable(problem: Unreadable) -> Failure:
    """Return whose answer was not read, and that it would be the same again."""
    return Failure(
        Text("An answer from the cluster was not read: {problem}", problem=problem.message),
        Text("The cluster's administrator: why does it answer so much, or so slowly?"),
    )


def explain_forbidden(problem: Forbidden) -> Failure:
    """Return what the account may not do, and who can grant it."""
    turn = (
        Text(
            "I act for you as {acting_as}: the cluster's administrator must grant this there, "
            "or a host does it.",
            acting_as=problem.acting_as,
        )
        if problem.acting_as
        else Text("The cluster's administrator must grant this to the bot's account.")
    )
    return Failure(Text("The cluster forbids it: {problem}", problem=problem.message), turn)


def explain_conflict(problem: Conflict) -> Failure:
    """Return who is in the way: a change at the same moment, or another field manager."""
    if "has been modified" in str(problem):
        return Failure(
            Text(
                "Something else changed that at the same moment: {problem}", problem=problem.message
            ),
            Text("Type it again."),
        )
    return Failure(
        Text("Someone else manages that: {problem}", problem=problem.message),
        Text("Whoever changed it by hand: undo that, or tell a host."),
    )


def explain_rejected(problem: Rejected) -> Failure:
    """Return what the API server or a webhook refused."""
    return Failure(
        Text("The cluster refused it: {problem}", problem=problem.message),
        Text("Fix what it names, then type it again."),
    )


def explain_istioctl(problem: IstioError) -> Failure:
    """Return istioctl's own message, or that it could not be started."""
    if problem.code < 0:
        return Failure(
            Text("istioctl cannot be run: {problem}", problem=problem.message),
            Text("The bot's administrator must fix that. Then type it again."),
        )
    return Failure(
        Text("istioctl failed: {problem}", problem=problem.message),
        Text("Fix what it names, then type it again."),
    )


def explain_ledger(problem: LedgerError) -> Failure:
    """Return that the database cannot be used.

    The error names the database, which is for the log alone. Whether something was changed before
    it went away is not known here, so nothing is said of that.
    """
    log.warning("the database cannot be used: %s", problem)
    return Failure(
        describe_ledger_failure(problem),
        Text(
            "The bot's administrator finds the reason in the log. "
            "What was done before that stays: `status` shows what is in place."
        ),
    )


def describe_ledger_failure(problem: LedgerError) -> Text:
    """Return that the database cannot be used, and why if its driver tells."""
    if problem.why:
        return Text("My database cannot be used just now: {why}.", why=problem.why)
    return Text("My database cannot be used just now; it does not say why.")


def explain_unauthorized(problem: Unauthorized) -> Failure:
    """Return that the bot's credentials are the trouble, and not what they may do."""
    return Failure(
        Text("The cluster does not let me in: {problem}", problem=problem.message),
        Text(
            "The bot's administrator must renew its credentials, in its kubeconfig or where a "
            "plugin gives them; no right is missing. Then type it again."
        ),
    )


EXPLAINERS: tuple[tuple[type[MeshbotError], Callable[[Any], Failure]], ...] = (
    (UserError, lambda problem: Failure(problem.message, problem.hint, fixes=problem.fixes)),
    (Throttled, explain_throttled),
    (Unavailable, explain_unavailable),
    (Unreadable, explain_unreadable),
    (Unauthorized, explain_unauthorized),
    (Forbidden, explain_forbidden),
    (Conflict, explain_conflict),
    (Rejected, explain_rejected),
    (IstioError, explain_istioctl),
    (LedgerError, explain_ledger),
)
"""The errors that are foreseen, each with its words."""


def get_message(problem: MeshbotError) -> Text:
    """Return an error's message; one that only the log was meant for is shown as it is."""
    if isinstance(problem, LedgerError):
        # Its text names the database, which is for the log alone.
        return describe_ledger_failure(problem)
    message = getattr(problem, "message", None)
    return message if isinstance(message, Text) else verbatim(str(problem))


def explain_post_error(problem: SlackError) -> UserError:
    """Return the UserError for a channel that cannot be written to."""
    if problem.code == RATE_LIMITED:
        hint = Text("Slack asks for fewer messages. Type it again in a minute.")
    elif problem.code in UNANSWERED_CODES:
        hint = Text("Slack gave no answer. Type it again when messages appear here again.")
    elif problem.code == OWN_FAILURE:
        hint = Text("The bot's administrator finds the reason in the log.")
    else:
        hint = describe_remedy(problem.code) or Text("The Slack app's administrator can tell why.")
    return UserError(
        Text("I cannot post in this channel ({code}); nothing was started.", code=problem.code),
        hint,
    )
