"""The embedded workspace as one object: start it, connect a bot to it, and act as its
users.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from sandbox.clock import Clock
from sandbox.workspace.channel_actions import ChannelActions
from sandbox.workspace.connections import ConnectionPool
from sandbox.workspace.core import PATIENCE, Core
from sandbox.workspace.http import HttpTransport
from sandbox.workspace.installed_app import InstalledApp
from sandbox.workspace.interactions import InteractionSender
from sandbox.workspace.methods.files import receive_upload
from sandbox.workspace.page import Page, Sidebar
from sandbox.workspace.page.request_guard import refuse_foreign_requests
from sandbox.workspace.replies import handle_response_url
from sandbox.workspace.socket_mode import SocketModeServer
from sandbox.workspace.state import SLACKBOT, Changes, Channel, Group, Message, State, User, View
from sandbox.workspace.user_actions import UserActions
from sandbox.workspace.webapi import WebApi
from sandbox.workspace.words import Words

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
        language: str = "en",
    ) -> None:
        self._core = Core(
            clock or Clock(), installed, enforce_limits=enforce_limits, patience=patience
        )
        self._core.words = Words(language)
        _populate_state(self._core.state)
        self._api = WebApi(self._core)
        self.connections = ConnectionPool()
        """The bot's Socket Mode connections."""
        self._socket_mode = SocketModeServer(self._core, self.connections)
        self._interactions = InteractionSender(self._core)
        self._interactions.transport = self._socket_mode
        self.actions = UserActions(self._core, self._interactions)
        """What users do: commands, clicks, submissions, messages."""
        self.channel_actions = ChannelActions(self._core, self._interactions)
        """What users do to channels and messages: archive, invite, edit, delete."""
        self.side = Sidebar()
        """What stands beside the channel on the page, and what can be done there."""
        self._page = Page(self._core, self.actions, self.side)
        self._http: HttpTransport | None = None
        self._runner: web.AppRunner | None = None
        self.state = self._core.state
        """Channels, people, messages with their history, and views."""
        self.faults = self._core.faults
        """The fault injector of the Slack side."""
        self.bot = self._core.bot
        """The bot's own user."""
        self.calls = self._api.calls
        """The latest Web API calls, oldest first: (method, arguments), tokens left out."""
        self.bot_token, self.app_token = self._core.bot_token, self._core.app_token
        """The xoxb- token of the installed app, and the xapp- token with connections:write."""
        self.signing_secret = self._core.signing_secret
        """The secret that requests over HTTP are signed with."""

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
        await self._interactions.stop()
        await self.connections.close_all()
        if self._http is not None:
            await self._http.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    def _build_application(self) -> web.Application:
        async def response_url(request: web.Request) -> web.Response:
            return await handle_response_url(self._core, request)

        async def upload(request: web.Request) -> web.Response:
            return await receive_upload(self._core, request)

        app = web.Application(client_max_size=UPLOAD_LIMIT, middlewares=[refuse_foreign_requests])
        app.router.add_route("*", "/api/{method}", self._api.handle_call)
        app.router.add_get("/link/", self._socket_mode.handle_connection)
        app.router.add_post("/{kind:commands|actions|app}/{team}/{key}", response_url)
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
        return self.actions.get_channel(name)

    def list_messages(self, channel: str = DEFAULT_CHANNEL, user: str = "host") -> list[Message]:
        """Return the messages that this user sees in a channel, oldest first."""
        return self._core.state.list_visible_messages(
            self.get_user(user).id, self.get_channel(channel).id
        )

    def list_modals(self, user: str) -> list[View]:
        """Return the modals on a user's screen, the one in front last."""
        wanted = self.get_user(user).id
        return [view for view in self.state.views.values() if view.open and view.user == wanted]

    def get_home_view(self, user: str) -> View | None:
        """Return the view on a user's Home tab, or None."""
        return self.state.homes.get(self.get_user(user).id)

    @property
    def request_url(self) -> str:
        """The URL that requests go to over HTTP; "" in Socket Mode."""
        return self._http.url if self._http is not None else ""

    @property
    def retries(self) -> int:
        """The number of events of which further deliveries are still to come."""
        return self._interactions.retries

    async def deliver_over_http(self, request_url: str) -> None:
        """Send signed requests to this URL from now on, instead of using Socket Mode."""
        if self._http is not None:
            await self._http.stop()
        self._http = HttpTransport(
            request_url, self._core.signing_secret, patience=self._core.patience
        )
        self._interactions.transport = self._http


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
