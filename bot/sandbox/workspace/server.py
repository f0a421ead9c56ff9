"""The embedded workspace as one object: start it, point a bot at it, and act as its people."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from aiohttp import web

from bot.sandbox.clock import Clock
from bot.sandbox.workspace.acts import Acts
from bot.sandbox.workspace.core import PATIENCE, Core
from bot.sandbox.workspace.delivery import Typed
from bot.sandbox.workspace.http import HttpCourier
from bot.sandbox.workspace.hurt import Hurt
from bot.sandbox.workspace.installed import Installed
from bot.sandbox.workspace.methods.files import receive_upload
from bot.sandbox.workspace.page import Page, Side
from bot.sandbox.workspace.people import People
from bot.sandbox.workspace.replies import handle_response_url
from bot.sandbox.workspace.sockets import Loss, Sockets
from bot.sandbox.workspace.state import SLACKBOT, Changes, Channel, Group, Message, State, User, View
from bot.sandbox.workspace.webapi import WebApi

Json = dict[str, Any]
UPLOAD_LIMIT = 64 * 1024 * 1024
FULL = Installed()
DEFAULT_CHANNEL = "mesh-workshop"


class Workspace:
    """A Slack workspace on a loopback port: team, #mesh-workshop, host, alice and bob, and the group @hosts.

    `clock` gives simulated time to response URLs and event retries; `patience`, Slack's three
    seconds for an acknowledgement or a trigger_id, is in wall time.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        installed: Installed = FULL,
        *,
        enforce_limits: bool = True,
        patience: float = PATIENCE,
    ) -> None:
        self._core = Core(clock or Clock(), installed, enforce_limits=enforce_limits, patience=patience)
        self._api = WebApi(self._core)
        self._sockets = Sockets(self._core)
        self._people = People(self._core)
        self._people.courier = self._sockets
        self._acts = Acts(self._core, self._people)
        self.side = Side()
        """What stands beside the channel on the page, and what can be done there."""
        self._page = Page(self._core, self._acts, self.side)
        self._http: HttpCourier | None = None
        self._runner: web.AppRunner | None = None
        _furnish(self._core.state)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Serves until stop(); port 0 takes a free one."""
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        bound = self._runner.addresses[0][1]
        self._core.origin = f"http://{host}:{bound}"

    async def stop(self) -> None:
        """Closes every connection and the port."""
        await self._page.stop()
        await self._people.stop()
        await self._sockets.stop()
        if self._http is not None:
            await self._http.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    def _application(self) -> web.Application:
        async def response_url(request: web.Request) -> web.Response:
            return await handle_response_url(self._core, request)

        async def upload(request: web.Request) -> web.Response:
            return await receive_upload(self._core, request)

        app = web.Application(client_max_size=UPLOAD_LIMIT)
        app.router.add_route("*", "/api/{method}", self._api.handle)
        app.router.add_get("/link/", self._sockets.handle)
        app.router.add_post("/{kind:commands|actions}/{team}/{key}", response_url)
        app.router.add_post("/upload/{file}", upload)
        self._page.routes(app)
        return app

    @property
    def url(self) -> str:
        """Where the workspace is: http://HOST:PORT, without a slash at the end."""
        return self._core.origin

    @property
    def page_url(self) -> str:
        """The page in a browser, with this start's token."""
        return f"{self._core.origin}/?t={self._page.token}"

    @property
    def api_url(self) -> str:
        """The base_url for a Slack client."""
        return f"{self._core.origin}/api/"

    @property
    def bot_token(self) -> str:
        """The xoxb- token of the installed app."""
        return self._core.bot_token

    @property
    def app_token(self) -> str:
        """The xapp- token with connections:write."""
        return self._core.app_token

    @property
    def signing_secret(self) -> str:
        """What requests over HTTP are signed with."""
        return self._core.signing_secret

    @property
    def state(self) -> State:
        """Channels, people, messages with their history, and views."""
        return self._core.state

    @property
    def hurt(self) -> Hurt:
        """Ways to hurt the bot."""
        return self._core.hurt

    @property
    def bot(self) -> User:
        """The bot's own user."""
        return self._core.bot

    @property
    def calls(self) -> deque[tuple[str, Json]]:
        """The latest Web API calls, oldest first: (method, arguments), tokens left out."""
        return self._api.calls

    def changes(self) -> Changes:
        """A stream of everything that happens from now on; use it in a `with` block."""
        return self._core.state.changes()

    def user(self, name: str) -> User:
        """A user by name or id; LookupError for an unknown one."""
        return self._core.state.user_named(name)

    def channel(self, name: str = DEFAULT_CHANNEL) -> Channel:
        """A channel by name or id; LookupError for an unknown one."""
        return self._acts.channel(name)

    def messages(self, channel: str = DEFAULT_CHANNEL, user: str = "host") -> list[Message]:
        """What this person sees in a channel, oldest first."""
        return self._core.state.seen_by(self.user(user).id, self.channel(channel).id)

    async def command(self, user: str, channel: str, line: str) -> Typed:
        """Someone types a slash command; returns once it is acknowledged or has failed."""
        return await self._acts.command(user, channel, line)

    async def click(
        self, user: str, message: Message, label: str, value: str | None = None, state: Json | None = None
    ) -> Typed:
        """Someone presses a button, by text or action_id, or picks an option; LookupError if it is not there.

        `state` is what the inputs around it hold, as state.values has it; the others have their initial values.
        """
        return await self._acts.click(user, message, label, value, state)

    async def click_view(
        self, user: str, view: View, label: str, value: str | None = None, state: Json | None = None
    ) -> Typed:
        """Someone presses a button or picks an option in a modal or in App Home."""
        return await self._acts.click_view(user, view, label, value, state)

    def modals(self, user: str) -> list[View]:
        """The modals on someone's screen, the one in front last."""
        wanted = self.user(user).id
        return [view for view in self.state.views.values() if view.open and view.user == wanted]

    def home(self, user: str) -> View | None:
        """What stands on someone's Home tab."""
        return self.state.homes.get(self.user(user).id)

    async def submit_view(self, user: str, view: View, values: Json | None = None) -> Typed:
        """Someone submits a modal; `values` is state.values: block_id → action_id → value object."""
        return await self._acts.submit_view(user, view, values)

    async def close_view(self, user: str, view: View, *, everything: bool = False) -> Typed:
        """Someone closes a modal without submitting it, or `everything` that is stacked in it."""
        return await self._acts.close_view(user, view, everything=everything)

    async def say(self, user: str, channel: str, text: str, thread: str = "") -> Message:
        """Someone writes a plain message, of which the bot hears only if it is mentioned."""
        return await self._acts.say(user, channel, text, thread)

    async def write(self, user: str, channel: str, line: str, thread: str = "") -> Typed:
        """Someone sends a line as it is typed: a command, a mention of the bot, or plain talk."""
        return await self._acts.write(user, channel, line, thread)

    async def mention(self, user: str, channel: str, text: str, thread: str = "") -> Typed:
        """Someone writes a message that mentions the bot, in the channel or in the thread of a message."""
        return await self._acts.mention(user, channel, text, thread)

    async def open_home(self, user: str) -> Typed:
        """Someone opens the app's Home tab, which has to be switched on in its manifest."""
        return await self._acts.open_home(user)

    @property
    def request_url(self) -> str:
        """Where requests go over HTTP; "" in Socket Mode."""
        return self._http.url if self._http is not None else ""

    @property
    def retries(self) -> int:
        """Events of which further deliveries are still to come."""
        return self._people.retries

    @property
    def connections(self) -> int:
        """Socket Mode connections that can be delivered to."""
        return self._sockets.open_connections

    def on_connections(self, listener: Callable[[], None]) -> None:
        """Calls this whenever a Socket Mode connection has come or gone."""
        self._sockets.listeners.append(listener)

    async def wait_connected(self, count: int = 1) -> None:
        """Returns once the bot holds this many Socket Mode connections."""
        await self._sockets.wait_connected(count)

    async def drop(self, how: Loss = "close") -> None:
        """Loses every Socket Mode connection: "close" (a close frame), "abort" (TCP), or "half_open" (silence)."""
        await self._sockets.drop(how)

    async def refresh(self, reason: str = "refresh_requested") -> None:
        """Asks every Socket Mode connection to reconnect, as Slack does every few hours."""
        await self._sockets.refresh(reason)

    async def deliver_over_http(self, request_url: str) -> None:
        """From now on sends signed requests to this URL instead of using Socket Mode."""
        if self._http is not None:
            await self._http.stop()
        self._http = HttpCourier(request_url, self._core.signing_secret, patience=self._core.patience)
        self._people.courier = self._http


def _furnish(state: State) -> None:
    people = [
        User("U0HOST", "host", "Workshop host"),
        User("U0ALICE", "alice", "Alice"),
        User("U0BOB", "bob", "Bob"),
        User("U0MESHBOT", "meshbot", "meshbot", is_bot=True),
        User(SLACKBOT, "slackbot", "Slackbot"),
    ]
    state.users = {user.id: user for user in people}
    members = {user.id for user in people if user.id != SLACKBOT}
    state.channels = {"C0MESH": Channel("C0MESH", DEFAULT_CHANNEL, members)}
    state.groups = {"S0HOSTS": Group("S0HOSTS", "hosts", ["U0HOST"])}
