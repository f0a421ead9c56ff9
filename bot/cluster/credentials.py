"""The credentials of the bot's account with one API server: read again before they end, and once
when the server refuses them.

A service account's token in a pod lives for an hour and its file is written anew before that; what
a credential plugin gives lives for minutes; a kubeconfig changes when somebody logs in again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from multidict import CIMultiDict

from bot.errors import SettingsError, Unauthorized
from bot.text import Text, verbatim

REREAD_SECONDS = 60.0
"""How often a token's file is read again, as client-go does."""
EARLY_SECONDS = 60.0
"""Seconds before the end of what a plugin gave at which it is asked again; of what lives shorter,
half of its life."""
PAUSE_SECONDS = 10.0
"""Seconds between two attempts to renew what cannot be renewed, or is refused all the same."""

log = logging.getLogger(__name__)


class Authorization(NamedTuple):
    """What requests carry: the value of the header, "" for none; and the client certificate's
    files, as read, b"" for none.

    `renew_at` and `ends` are epoch seconds: when it is to be read again, and when it is of no more
    use.
    """

    header: str = ""
    certificate: bytes = b""
    renew_at: float = float("inf")
    ends: float = float("inf")


def build_bearer(token: str, *, ends: float = float("inf"), every: float = 0.0) -> Authorization:
    """Return the authorization of a token: to be read again after `every` seconds, or a while
    before it `ends` (epoch seconds).
    """
    now = time.time()
    left = ends - now
    renew_at = now + every if every else now + max(left - EARLY_SECONDS, left / 2, 0.0)
    return Authorization(f"Bearer {token}", renew_at=renew_at, ends=ends)


async def read_token_file(path: Path) -> Authorization:
    """Return the authorization of the token in a file. Raises Unauthorized, naming the file."""
    try:
        token = (await asyncio.to_thread(path.read_text, encoding="utf-8")).strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else None
        raise Unauthorized(
            Text(
                "the token file {path} cannot be read: {why}",
                path=str(path),
                why=verbatim(why) if why else Text("it is not text"),
            )
        ) from error
    # A header holds no line break, and the client's own error would be a ValueError.
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise Unauthorized(Text("the token file {path} holds no token", path=str(path)))
    return build_bearer(token, every=REREAD_SECONDS)


class Credentials:
    """What `load` gave last, and gives again when it is due or refused."""

    def __init__(self, load: Callable[[], Awaitable[Authorization]], first: Authorization) -> None:
        self._load, self._current = load, first
        self._lock = asyncio.Lock()
        self._next_try = 0.0

    async def sign(self, headers: CIMultiDict[str]) -> Authorization:
        """Add the header; return what was used. Raises Unauthorized when it has ended and cannot be
        renewed.
        """
        if time.time() >= self._current.renew_at:
            async with self._lock:
                if time.time() >= self._current.renew_at:
                    await self._renew_due()
        if self._current.header:
            headers["Authorization"] = self._current.header
        return self._current

    async def renew(self, refused: Authorization) -> bool:
        """Read the credentials again after the server has refused these; tell whether there are
        others. Raises Unauthorized when they cannot be had.
        """
        async with self._lock:
            if self._current[:2] != refused[:2]:
                return True
            # Whatever is asked in the meantime is refused too, and would start the plugin again.
            if time.time() < self._next_try:
                return False
            self._next_try = time.time() + PAUSE_SECONDS
            self._current = await self._load_again()
            return self._current[:2] != refused[:2]

    async def _renew_due(self) -> None:
        if time.time() < self._next_try and time.time() < self._current.ends:
            return
        try:
            self._current = await self._load_again()
        except Unauthorized as problem:
            self._next_try = time.time() + PAUSE_SECONDS
            if time.time() >= self._current.ends:
                raise
            # What was read last is good until the server says otherwise.
            log.warning("the cluster's credentials were not renewed: %s", problem)

    async def _load_again(self) -> Authorization:
        try:
            return await self._load()
        except SettingsError as problem:
            raise Unauthorized(verbatim(str(problem))) from problem
