"""The embedded workspace as one object: start it, connect a bot to it, and act as its
users.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from aiohttp import web

from sandbox.clock import Clock
from sandbox.workspace.core import PATIENCE, Core
from sandbox.workspace.delivery import ActionResult
from sandbox.workspace.fault_injection import FaultInjector
from sandbox.workspace.http import HttpTransport
from sandbox.workspace.installed_app import InstalledApp
from sandbox.workspace.interactions import InteractionSender
from sandbox.workspace.methods.files import receive_upload
from sandbox.workspace.page import Page, Sidebar
from sandbox.workspace.replies import handle_response_url
from sandbox.workspace.socket_mode import Loss, SocketModeServer
from sandbox.workspace.state import SLACKBOT, Changes, Channel, Group, Message, State, User, View
from sandbox.workspace.user_actions import UserActions
from sandbox.workspace.webapi import WebApi

Json = dict[str, Any]
UPLOAD_LIMIT = 64 * 1024 * 1024
FULL = InstalledApp()
DEFAULT_CHANNEL = "mesh-workshop"


class Workspace:
    """A Slack workspace on a loopback port: team, #mesh-workshop, host, alice and bob, and the
    group @hosts.

    `clock` gives simulated time to response URLs and event retries; `patience`, Slack's three
    seconds for an acknowledgement or a trigger_id, is in wall time.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        installed: InstalledApp = FULL,
        *,
        enforce_limits: bool = True,
        patience: float = PATIENCE,
    ) -> None:
        self._core = Core(
            clock or Clock(), installed, enforce_limits=enforce_limits, patience=patience
        )
        self._api = WebApi(self._core)
        self._sockets = SocketModeServer(self._core)
        self._people = InteractionSender(self._core)
        self._people.transport = self._sockets
        self._acts = UserActions(self._core, self._people)
        self.side = Sidebar()
        """What stands beside the channel on the page, and what can be done there."""
        self._page = Page(self._core, self._acts, self.side)
        self._http: HttpTransport | None = None
        self._runner: web.AppRunner | None = None
        _populate_state(self._core.state)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Serve until stop() is called; port 0 takes a free one."""
        self._runner = web.AppRunner(
            self._build_application(), access_log=None, shutdown_timeout=0.5
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        bound = self._runner.addresses[0][1]
        self._core.origin = f"http://{host}:{bound}"

    async def stop(self) -> None:
        """Close every connection and the port."""
        await self._page.stop()
        await self._people.stop()
        await self._sockets.stop()
        if self._http is not None:
            await self._http.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    def _build_application(self) -> web.Application:
        async def response_url(request: web.Request) -> web.Response:
            return await handle_response_url(self._core, request)

        async def upload(request: web.Request) -> web.Response:
            return await receive_upload(self._core, request)

        app = web.Application(client_max_size=UPLOAD_LIMIT)
        app.router.add_route("*", "/api/{method}", self._api.handle_call)
        app.router.add_get("/link/", self._sockets.handle_connection)
        app.router.add_post("/{kind:commands|actions}/{team}/{key}", response_url)
        app.router.add_post("/upload/{file}", upload)
        self._page.add_routes(app)
        return app

    @property
    def url(self) -> str:
        """The workspace's address: http://HOST:PORT, without a slash at the end."""
        return self._core.origin

    @property
    def page_url(self) -> str:
        """The page's address for a browser, with this start's token."""
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
        """The secret that requests over HTTP are signed with."""
        return self._core.signing_secret

    @property
    def state(self) -> State:
        """Channels, people, messages with their history, and views."""
        return self._core.state

    @property
    def faults(self) -> FaultInjector:
        """The fault injector of the Slack side."""
        return self._core.faults

    @property
    def bot(self) -> User:
        """The bot's own user."""
        return self._core.bot

    @property
    def calls(self) -> deque[tuple[str, Json]]:
        """The latest Web API calls, oldest first: (method, arguments), tokens left out."""
        return self._api.calls

    def watch_changes(self) -> Changes:
        """Return a stream of everything that happens from now on; use it in a `with` block."""
        return self._core.state.watch_changes()

    def get_user(self, name: str) -> User:
        """Return a user by name or id.

        Raises LookupError for an unknown one.
        """
        return self._core.state.get_user(name)

    def get_channel(self, name: str = DEFAULT_CHANNEL) -> Channel:
        """Return a channel by name or id.

        Raises LookupError for an unknown one.
        """
        return self._acts.get_channel(name)

    def list_messages(self, channel: str = DEFAULT_CHANNEL, user: str = "host") -> list[Message]:
        """Return the messages that this user sees in a channel, oldest first."""
        return self._core.state.list_visible_messages(
            self.get_user(user).id, self.get_channel(channel).id
        )

    async def send_command(self, user: str, channel: str, line: str) -> ActionResult:
        """Send a slash command; return once it is acknowledged or has failed."""
        return await self._acts.send_command(user, channel, line)

    async def click_element(
        self,
        user: str,
        message: Message,
        label: str,
        value: str | None = None,
        state: Json | None = None,
    ) -> ActionResult:
        """Press a button, by its text or action_id, or pick an option.

        `state` is what the inputs around it hold, as state.values has it; the others have their
        initial values. Raises LookupError if the element is not there.
        """
        return await self._acts.click_element(user, message, label, value, state)

    async def click_view_element(
        self, user: str, view: View, label: str, value: str | None = None, state: Json | None = None
    ) -> ActionResult:
        """Press a button or pick an option in a modal or in App Home."""
        return await self._acts.click_view_element(user, view, label, value, state)

    def list_modals(self, user: str) -> list[View]:
        """Return the modals on a user's screen, the one in front last."""
        wanted = self.get_user(user).id
        return [view for view in self.state.views.values() if view.open and view.user == wanted]

    def get_home_view(self, user: str) -> View | None:
        """Return the view on a user's Home tab, or None."""
        return self.state.homes.get(self.get_user(user).id)

    async def submit_view(self, user: str, view: View, values: Json | None = None) -> ActionResult:
        """Submit a modal; `values` is state.values: block_id → action_id → value object."""
        return await self._acts.submit_view(user, view, values)

    async def close_view(self, user: str, view: View, *, everything: bool = False) -> ActionResult:
        """Close a modal without submitting it, or `everything` that is stacked in it."""
        return await self._acts.close_view(user, view, everything=everything)

    async def post_message(self, user: str, channel: str, text: str, thread: str = "") -> Message:
        """Post a plain message, of which the bot hears only if it is mentioned."""
        return await self._acts.post_message(user, channel, text, thread)

    async def send_line(self, user: str, channel: str, line: str, thread: str = "") -> ActionResult:
        """Send a line as it is typed: a command, a mention of the bot, or plain talk."""
        return await self._acts.send_line(user, channel, line, thread)

    async def mention_bot(
        self, user: str, channel: str, text: str, thread: str = ""
    ) -> ActionResult:
        """Post a message that mentions the bot, in the channel or in a message's thread."""
        return await self._acts.mention_bot(user, channel, text, thread)

    async def open_home(self, user: str) -> ActionResult:
        """Open the app's Home tab, which has to be switched on in its manifest."""
        return await self._acts.open_home(user)

    @property
    def request_url(self) -> str:
        """The URL that requests go to over HTTP; "" in Socket Mode."""
        return self._http.url if self._http is not None else ""

    @property
    def retries(self) -> int:
        """The number of events of which further deliveries are still to come."""
        return self._people.retries

    @property
    def connections(self) -> int:
        """The number of Socket Mode connections that can be delivered to."""
        return self._sockets.open_connections

    def add_connection_listener(self, listener: Callable[[], None]) -> None:
        """Call this listener whenever a Socket Mode connection has come or gone."""
        self._sockets.listeners.append(listener)

    async def wait_for_connections(self, count: int = 1) -> None:
        """Wait until the bot holds this many Socket Mode connections."""
        await self._sockets.wait_for_connections(count)

    async def drop_connections(self, how: Loss = "close") -> None:
        """Drop every Socket Mode connection.

        `how` is "close" (a close frame), "abort" (TCP), or "half_open" (silence).
        """
        await self._sockets.drop_connections(how)

    async def refresh_connections(self, reason: str = "refresh_requested") -> None:
        """Ask every Socket Mode connection to reconnect, as Slack does every few hours."""
        await self._sockets.refresh_connections(reason)

    async def deliver_over_http(self, request_url: str) -> None:
        """Send signed requests to this URL from now on, instead of using Socket Mode."""
        if self._http is not None:
            await self._http.stop()
        self._http = HttpTransport(
            request_url, self._core.signing_secret, patience=self._core.patience
        )
        self._people.transport = self._http


def _populate_state(state: State) -> None:
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
