"""The embedded workspace as one object: start it, point a bot at it, and act as its people."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from bot.sandbox.clock import Clock
from bot.sandbox.workspace.core import PATIENCE, Core
from bot.sandbox.workspace.delivery import Typed
from bot.sandbox.workspace.http import HttpCourier
from bot.sandbox.workspace.hurt import Hurt
from bot.sandbox.workspace.installed import Installed
from bot.sandbox.workspace.methods.files import receive_upload
from bot.sandbox.workspace.people import People, unique_client_id
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
        return app

    @property
    def url(self) -> str:
        """Where the workspace is: http://HOST:PORT, without a slash at the end."""
        return self._core.origin

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
    def calls(self) -> list[tuple[str, Json]]:
        """Every Web API call so far: (method, arguments), tokens left out."""
        return self._api.calls

    def changes(self) -> Changes:
        """A stream of everything that happens from now on; use it in a `with` block."""
        return self._core.state.changes()

    def user(self, name: str) -> User:
        """A user by name or id; KeyError for an unknown one."""
        return self._core.state.user_named(name)

    def channel(self, name: str = DEFAULT_CHANNEL) -> Channel:
        """A channel by name or id; KeyError for an unknown one."""
        found = self._core.state.channel_named(name)
        if found is None:
            raise KeyError(f"no channel {name} in this workspace")
        return found

    def messages(self, channel: str = DEFAULT_CHANNEL, user: str = "host") -> list[Message]:
        """What this person sees in a channel, oldest first."""
        return self._core.state.seen_by(self.user(user).id, self.channel(channel).id)

    async def command(self, user: str, channel: str, line: str) -> Typed:
        """Someone types a slash command; returns once it is acknowledged or has failed."""
        return await self._people.command(self.user(user), self.channel(channel), line)

    async def click(self, user: str, message: Message, label: str, value: str | None = None) -> Typed:
        """Someone presses a button, by text or action_id; LookupError if it is not there."""
        return await self._people.click(self.user(user), message, label, value)

    async def click_view(self, user: str, view: View, label: str, value: str | None = None) -> Typed:
        """Someone presses a button in a modal or in App Home."""
        return await self._people.click_view(self.user(user), view, label, value)

    async def submit_view(self, user: str, view: View, values: Json | None = None) -> Typed:
        """Someone submits a modal; `values` is state.values: block_id → action_id → value object."""
        return await self._people.submit(self.user(user), view, values or {})

    async def say(self, user: str, channel: str, text: str) -> Message:
        """Someone writes a plain message, of which the bot hears only if it is mentioned."""
        speaker, place = self.user(user), self.channel(channel)
        return self._core.state.post(self._core.state.draft(place.id, speaker.id, text))

    async def mention(self, user: str, channel: str, text: str) -> Typed:
        """Someone writes a message that mentions the bot."""
        message = await self.say(user, channel, f"<@{self.bot.id}> {text}")
        body = {"type": "app_mention", "user": message.user, "text": message.text, "ts": message.ts}
        body |= {"channel": message.channel, "event_ts": message.ts, "client_msg_id": unique_client_id()}
        return await self._people.event(self.user(user), body, message.channel)

    async def open_home(self, user: str) -> Typed:
        """Someone opens the app's Home tab."""
        person = self.user(user)
        body: Json = {"type": "app_home_opened", "user": person.id, "tab": "home"}
        body |= {"channel": self._core.state.direct(self.bot.id, person.id).id, "event_ts": self._core.state.next_ts()}
        return await self._people.event(person, body)

    @property
    def connections(self) -> int:
        """Socket Mode connections that can be delivered to."""
        return self._sockets.open_connections

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
