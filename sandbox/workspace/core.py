"""State that every part of the embedded workspace shares: messages and users, secrets,
limits, and tokens handed out.
"""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sandbox.clock import Clock
from sandbox.workspace.fault_injection import FaultInjector
from sandbox.workspace.installed_app import InstalledApp
from sandbox.workspace.rate_limits import RateLimits
from sandbox.workspace.refusals import Refusal
from sandbox.workspace.state import State, User
from sandbox.workspace.words import Words

T = TypeVar("T")

PATIENCE = 3.0
"""Wall seconds within which Slack wants an acknowledgement, and a trigger_id used."""

TRIGGER_MEMORY = 60.0
"""Wall seconds for which a stale trigger is told apart from one that never was."""

RESPONSE_USES, RESPONSE_LIFE = 5, timedelta(minutes=30)


@dataclass
class Trigger:
    """A trigger_id: lets the bot open one view for this person within three wall seconds."""

    user: str
    made: float
    used: bool = False


@dataclass
class ResponseUrl:
    """A response_url: five messages within thirty simulated minutes, to one person in one
    channel."""

    channel: str
    user: str
    made: datetime
    ts: str = ""
    used: int = 0


class Core:
    """State shared by the parts of the workspace, which get it as an argument."""

    def __init__(
        self, clock: Clock, installed: InstalledApp, *, enforce_limits: bool, patience: float
    ) -> None:
        self.clock, self.patience = clock, patience
        self.state = State(clock)
        self.faults = FaultInjector()
        self.limits = RateLimits(enforced=enforce_limits)
        self.installed = installed
        self.words = Words()
        self.origin = ""
        self.bot_token = f"xoxb-{secrets.randbelow(10**10):010d}-{secrets.token_hex(12)}"
        self.app_token = (
            f"xapp-1-{self.state.app_id}-{secrets.randbelow(10**10):010d}-{secrets.token_hex(16)}"
        )
        self.signing_secret = secrets.token_hex(16)
        self.verification_token = secrets.token_hex(12)
        self.tickets: dict[str, bool] = {}
        self.response_urls: dict[str, ResponseUrl] = {}
        self._triggers: dict[str, Trigger] = {}

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes that the bot's token has."""
        return self.installed.scopes

    @property
    def bot(self) -> User:
        """The bot's own user."""
        return next(user for user in self.state.users.values() if user.is_bot)

    def create_ticket(self) -> str:
        """Return a new ticket for one Socket Mode connection."""
        ticket = secrets.token_urlsafe(24)
        self.tickets[ticket] = True
        return ticket

    def create_trigger(self, user: str) -> str:
        """Return a new trigger_id for something that this user just did."""
        trigger = f"{secrets.randbelow(10**13)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self._triggers[trigger] = Trigger(user, time.monotonic())
        for old in _list_expired_keys(
            self._triggers, lambda each: time.monotonic() - each.made > TRIGGER_MEMORY
        ):
            del self._triggers[old]
        return trigger

    def use_trigger(self, trigger_id: str) -> str:
        """Return the user whose trigger this is, and mark it as used.

        Raises Refusal for unknown, stale and used ones.
        """
        trigger = self._triggers.get(trigger_id)
        if trigger is None:
            raise Refusal("invalid_trigger_id")
        if trigger.used:
            raise Refusal("exchanged_trigger_id")
        if time.monotonic() - trigger.made > self.patience:
            raise Refusal("expired_trigger_id")
        trigger.used = True
        return trigger.user

    def create_response_url(self, *, kind: str, channel: str, user: str, ts: str = "") -> str:
        """Return a new response_url for a command ("commands"), or for a click ("actions") or a
        shortcut ("app") on the message `ts`.
        """
        key = secrets.token_urlsafe(18)
        now = self.clock.now()
        self.response_urls[key] = ResponseUrl(channel, user, now, ts)
        for old in _list_expired_keys(
            self.response_urls, lambda each: now - each.made > 2 * RESPONSE_LIFE
        ):
            del self.response_urls[old]
        return f"{self.origin}/{kind}/{self.state.team_id}/{key}"


def _list_expired_keys(entries: Mapping[str, T], old: Callable[[T], bool]) -> list[str]:
    """Return the keys of the oldest entries as far as they are old.

    Entries must be in the order in which they were made.
    """
    return [key for key, _ in itertools.takewhile(lambda item: old(item[1]), entries.items())]
