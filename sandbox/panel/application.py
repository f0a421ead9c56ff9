"""The application beside the channel: Bookinfo's page as nobody, as jason and as whoever is named,
side by side, each load a request through the gateway.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from sandbox.consoles.cluster_web import ClusterWeb, NotServed, Place
from sandbox.panel.application_html import render_application
from sandbox.workspace import Sidebar

FRAGMENT = "application"
LOAD, ADD, REMOVE = "application-load", "application-add", "application-remove"
EVERY = 3
"""Wall seconds after which an open page asks for the next load."""
MOST_PEOPLE, MOST_PAST = 4, 20
NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,19}")


@dataclass(frozen=True)
class PageLook:
    """One page as a person saw it: the version of reviews that answered, how many stars each review
    has and in which colour, what it says in red, and the milliseconds that it took.

    `trouble` says why there was no page.
    """

    version: str = ""
    stars: tuple[int, ...] = ()
    color: str = ""
    errors: tuple[str, ...] = ()
    milliseconds: float = 0.0
    trouble: str = ""


@dataclass(frozen=True)
class Visitor:
    """Somebody who looks at the page: "" for nobody who is signed in. `past` are the latest looks,
    the newest last.
    """

    name: str
    cookie: str = ""
    past: tuple[PageLook, ...] = ()


@dataclass
class ApplicationPanel:
    """Loads the page as several people, and shows what each got.

    `url` is where a browser finds the page itself.
    """

    web: ClusterWeb
    gateway: Place
    side: Sidebar
    url: str
    people: list[Visitor] = field(default_factory=lambda: [Visitor(""), Visitor("jason")])
    _gate: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _loaded: float = field(default=0.0, init=False)

    def start(self) -> None:
        """Show the panel; nothing is loaded before somebody looks at it."""
        self.side.actions |= {LOAD: self._handle_load, ADD: self._handle_add, REMOVE: self._remove}
        self._show()

    async def load(self) -> None:
        """Load the page once as everybody who is there."""
        async with self._gate:
            self.people = list(await asyncio.gather(*map(self._visit, self.people)))
            self._loaded = time.monotonic()
        self._show()

    async def _handle_load(self, body: dict[str, Any]) -> None:
        # Several open pages ask for the next load, each in its own time.
        if body.get("repeated") and time.monotonic() - self._loaded < EVERY - 1:
            return
        await self.load()

    async def _handle_add(self, body: dict[str, Any]) -> None:
        name = str(body.get("person") or "").strip()
        if not NAME.fullmatch(name):
            raise LookupError("A name has 1 to 20 letters, digits, dots or dashes, such as jason.")
        if any(each.name == name for each in self.people):
            raise LookupError(f"{name} is there already.")
        if len(self.people) >= MOST_PEOPLE:
            raise LookupError(f"{MOST_PEOPLE} people have room here; remove one first.")
        self.people.append(Visitor(name))
        await self.load()

    async def _remove(self, body: dict[str, Any]) -> None:
        self.people = [each for each in self.people if each.name != str(body.get("person"))]
        self._show()

    def _show(self) -> None:
        self.side.put_fragment(FRAGMENT, render_application(self.people, self.url, every=EVERY))

    async def _visit(self, visitor: Visitor) -> Visitor:
        began = time.monotonic()
        try:
            if visitor.name and not visitor.cookie:
                visitor = replace(visitor, cookie=await self._sign_in(visitor.name))
            headers = {"Cookie": visitor.cookie} if visitor.cookie else {}
            began = time.monotonic()
            answer = await self.web.fetch(self.gateway, "/productpage", headers=headers)
        except NotServed as problem:
            look = PageLook(trouble=str(problem))
        else:
            look = (
                read_page(answer.body.decode("utf-8", "replace"))
                if answer.status == 200
                else PageLook(trouble=f"The gateway answers {answer.status}.")
            )
        took = (time.monotonic() - began) * 1000
        # Only pages are kept, and what stands in the place of the newest.
        pages = [each for each in visitor.past if not each.trouble]
        past = (*pages, replace(look, milliseconds=took))
        return replace(visitor, past=past[-MOST_PAST:])

    async def _sign_in(self, name: str) -> str:
        """Return the session cookie of somebody who signs in as people do: any password will do."""
        answer = await self.web.fetch(
            self.gateway,
            "/login",
            method="POST",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=f"username={quote(name)}&passwd=".encode(),
        )
        given = [value.partition(";")[0] for value in answer.headers.getall("Set-Cookie", ())]
        return "; ".join(given)


def read_page(html: str) -> PageLook:
    """Return what a page of Bookinfo's shows, by the marks that its images 1.20.x have."""
    pod = re.search(r"Reviews served by:\s*(?:<[^>]+>\s*)*([\w.-]+)", html)
    version = re.match(r"reviews-(v\d+)", pod[1]) if pod else None
    rows = re.findall(r'class="flex[^"]*text-(\w+)-500">(.*?)</div>', html, re.DOTALL)
    red = re.findall(r'class="text-red-500">([^<]+)<', html)
    return PageLook(
        version=version[1] if version else "",
        stars=tuple(row.count("glyphicon-star") for _, row in rows),
        color=rows[0][0] if rows else "",
        errors=tuple(dict.fromkeys(each.strip() for each in red)),
    )
