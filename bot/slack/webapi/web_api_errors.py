"""One call of the Web API, with each failure told apart: refused for good, too often, or Slack
away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.errors import MeshbotError, SettingsError, SlackError
from bot.slackrules.refusal_codes import WRONG_TOKEN

FOR_NOW = frozenset(
    {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "update_failed"}
)
"""Error codes that pass by themselves, and of which Slack documents that some of what was asked may
have been done."""

NOT_NOW = frozenset({"team_added_to_org"})
"""Error codes that pass by themselves, after which nothing was done."""

MOST_TRIES = 5
"""How often an answer to one person is tried: over eight seconds, if Slack names no other time."""


class RateLimited(SlackError):
    """429: the method may be called again after `retry_after` seconds."""

    def __init__(self, method: str, retry_after: float) -> None:
        super().__init__("ratelimited", method)
        self.retry_after = retry_after


class SlackUnavailable(SlackError):
    """Slack could not be reached or failed; `unsure` when it may have done what was asked all the
    same."""

    def __init__(self, method: str, *, unsure: bool) -> None:
        super().__init__("no_answer" if unsure else "unreachable", method)
        self.unsure = unsure


async def await_slack_call(
    method: str, request: Awaitable[AsyncSlackResponse]
) -> AsyncSlackResponse:
    """Wait for a call of the Web API and return its response.

    Raises SlackError when it is refused for good, or one of its kinds RateLimited and
    SlackUnavailable.
    """
    try:
        return await request
    except SlackApiError as refusal:
        raise _classify_refusal(refusal, method) from refusal
    except SlackClientError as broken:
        raise SlackUnavailable(method, unsure=True) from broken
    # Before their base class below: no connection was made, so Slack saw nothing.
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as unsent:
        raise SlackUnavailable(method, unsure=False) from unsent
    except (aiohttp.ClientError, TimeoutError, OSError) as cut:
        raise SlackUnavailable(method, unsure=True) from cut


async def await_patiently(
    method: str, build_request: Callable[[], Awaitable[AsyncSlackResponse]]
) -> AsyncSlackResponse:
    """Call again while Slack asks to wait or fails, for some seconds; return the response.

    For what is better said twice than not at all. Raises as `await_slack_call`.
    """
    for failures in range(1, MOST_TRIES):
        try:
            return await await_slack_call(method, build_request())
        except RateLimited as limited:
            wait = limited.retry_after
        except SlackUnavailable:
            wait = compute_backoff(failures)
        await asyncio.sleep(wait)
    return await await_slack_call(method, build_request())


def _classify_refusal(refusal: SlackApiError, method: str) -> SlackError:
    response = refusal.response
    # slack_sdk gives aiohttp's own response where the body is no JSON, as from a proxy on the way.
    if not isinstance(response, AsyncSlackResponse):
        return SlackUnavailable(method, unsure=True)
    data = response.data if isinstance(response.data, dict) else {}
    code = str(data.get("error") or "")
    if response.status_code == 429 or code in ("ratelimited", "rate_limited"):
        return RateLimited(method, _parse_retry_after(response))
    # An error after the work was begun says nothing of what was done: a proxy answers 502 for a
    # request that Slack has carried out.
    if response.status_code >= 500 or code in FOR_NOW:
        return SlackUnavailable(method, unsure=True)
    if code in NOT_NOW:
        return SlackUnavailable(method, unsure=False)
    return SlackError(code or f"http_{response.status_code}", method)


def _parse_retry_after(response: AsyncSlackResponse) -> float:
    given = next(
        (value for key, value in response.headers.items() if key.lower() == "retry-after"), "1"
    )
    try:
        return max(0.0, float(given))
    except ValueError:
        return 1.0


def explain_refused_token(
    problem: SlackError, setting: str, wanted: str, *, variable: str
) -> MeshbotError:
    """Return a refusal of a token as a SettingsError that says what belongs there, and in which
    variable.

    Any other refusal is returned as it is.
    """
    if problem.code not in WRONG_TOKEN | {"no_permission"}:
        return problem
    return SettingsError(
        f"{setting}: Slack refuses it ({problem.code}); it must be {wanted} (set {variable})"
    )


def get_library_logger(name: str) -> logging.Logger:
    """Return a logger for slack_sdk and Bolt, never below INFO.

    Their debug lines show tokens of use, such as response_url.
    """
    logger = logging.getLogger(f"bot.slack.library.{name}")
    logger.setLevel(max(logging.INFO, logger.level))
    return logger


def compute_backoff(failures: int) -> float:
    """Return the seconds to wait after so many failures in a row.

    They double from half a second to half a minute.
    """
    # No larger power is needed, and 2.0**1024 is an error: that is a night without Slack.
    return min(30.0, 0.25 * 2.0 ** min(failures, 7))
