"""The Web API's answers and refusals, called through Slack's own client."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from sandbox.workspace import Channel, InstalledApp, Workspace

CHANNEL = "C0MESH"
Json = dict[str, Any]


def section(text: str) -> list[Json]:
    """One section."""
    return [{"type": "section", "text": {"type": "mrkdwn", "text": text}}]


async def refusal(call: Any) -> AsyncSlackResponse:
    """The answer of a call that Slack refuses."""
    with pytest.raises(SlackApiError) as caught:
        await call
    response: AsyncSlackResponse = caught.value.response
    return response


@pytest.fixture
async def posted(client: AsyncWebClient) -> str:
    """The ts of a message of the bot."""
    return str(
        (await client.chat_postMessage(channel=CHANNEL, text="first", blocks=section("first")))[
            "ts"
        ]
    )


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        ("chat.postMessage", {"channel": "C404", "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": CHANNEL}, "no_text"),
        ("chat.postMessage", {"channel": CHANNEL, "text": "x" * 40_001}, "msg_too_long"),
        (
            "chat.postMessage",
            {"channel": CHANNEL, "text": "x", "blocks": [{"type": "nope"}]},
            "invalid_blocks",
        ),
        (
            "chat.postMessage",
            {"channel": CHANNEL, "blocks": section("x" * 2900) * 5},
            "msg_blocks_too_long",
        ),
        (
            "chat.postMessage",
            {"channel": CHANNEL, "text": "x", "thread_ts": "1.0"},
            "thread_not_found",
        ),
        ("chat.update", {"channel": CHANNEL, "ts": "1.0", "text": "x"}, "message_not_found"),
        (
            "chat.update",
            {"channel": "mesh-workshop", "ts": "1.0", "text": "x"},
            "channel_not_found",
        ),
        (
            "chat.postEphemeral",
            {"channel": CHANNEL, "user": "U404", "text": "x"},
            "user_not_in_channel",
        ),
        ("chat.getPermalink", {"channel": CHANNEL, "message_ts": "1.0"}, "message_not_found"),
        (
            "views.open",
            {"trigger_id": "1.2.3", "view": {"type": "home", "blocks": []}},
            "invalid_trigger_id",
        ),
        (
            "views.open",
            {"trigger_id": "1.2.3", "view": {"type": "modal", "blocks": []}},
            "invalid_arguments",
        ),
        (
            "views.publish",
            {"user_id": "U404", "view": {"type": "home", "blocks": []}},
            "user_not_found",
        ),
        ("users.info", {"user": "U404"}, "user_not_found"),
        ("usergroups.users.list", {"usergroup": "S404"}, "no_such_subteam"),
        ("conversations.history", {"channel": CHANNEL}, "missing_scope"),
        ("files.completeUploadExternal", {"files": [{"id": "F404"}]}, "file_not_found"),
        ("no.such.method", {}, "unknown_method"),
    ],
)
async def test_what_slack_refuses(
    client: AsyncWebClient, method: str, arguments: Json, error: str
) -> None:
    """Each mistake gets Slack's own error code."""
    response = await refusal(client.api_call(method, json=arguments))
    assert response["error"] == error


async def test_invalid_blocks_are_pointed_at(client: AsyncWebClient) -> None:
    """A refusal of blocks carries a line with a JSON pointer for each problem."""
    response = await refusal(
        client.chat_postMessage(channel=CHANNEL, text="x", blocks=section("x" * 3001))
    )
    assert response["response_metadata"]["messages"] == [
        "[ERROR] text must be less than 3001 characters [json-pointer:/blocks/0/text/text]"
    ]


async def test_an_update_keeps_or_drops_blocks(
    workspace: Workspace, client: AsyncWebClient, posted: str
) -> None:
    """Leaving blocks out keeps the old ones, an empty list removes them, and the history is kept."""
    await client.chat_update(channel=CHANNEL, ts=posted, text="second")
    message = workspace.state.messages[CHANNEL, posted]
    assert (message.text, message.blocks[0]["text"]["text"]) == ("second", "first")
    await client.chat_update(channel=CHANNEL, ts=posted, text="third", blocks=[])
    assert (message.text, message.blocks, [edit.text for edit in message.edits]) == (
        "third",
        [],
        ["first", "second"],
    )


async def test_the_bot_edits_only_its_own(workspace: Workspace, client: AsyncWebClient) -> None:
    """Someone else's message and an ephemeral one cannot be updated or deleted."""
    said = await workspace.actions.post_message("bob", "mesh-workshop", "hello")
    whisper = await client.chat_postEphemeral(channel=CHANNEL, user="U0BOB", text="psst")
    for ts, method, error in (
        (said.ts, "chat.update", "cant_update_message"),
        (said.ts, "chat.delete", "cant_delete_message"),
        (whisper["message_ts"], "chat.update", "message_not_found"),
    ):
        response = await refusal(
            client.api_call(method, json={"channel": CHANNEL, "ts": ts, "text": "x"})
        )
        assert response["error"] == error


async def test_a_permalink_has_slacks_shape(client: AsyncWebClient, posted: str) -> None:
    """The link names channel and ts without its dot."""
    answer = await client.chat_getPermalink(channel=CHANNEL, message_ts=posted)
    assert answer["permalink"].endswith(f".slack.com/archives/{CHANNEL}/p{posted.replace('.', '')}")


async def test_posting_needs_membership_or_the_public_scope() -> None:
    """A public channel is open to chat:write.public; without it, and in private ones, the bot must
    be a member."""
    workspace = Workspace(installed=InstalledApp(scopes=frozenset({"chat:write"})))
    workspace.state.channels["C1"] = Channel("C1", "open", {"U0HOST"})
    workspace.state.channels["C2"] = Channel("C2", "closed", {"U0HOST"}, is_private=True)
    await workspace.start()
    client = AsyncWebClient(token=workspace.bot_token, base_url=workspace.api_url)
    errors = [
        (await refusal(client.chat_postMessage(channel=name, text="x")))["error"]
        for name in ("C1", "C2")
    ]
    await workspace.stop()
    assert errors == ["not_in_channel", "channel_not_found"]


async def test_scopes_are_told_and_held(client: AsyncWebClient) -> None:
    """auth.test's header lists the granted scopes; a method without its scope names the one it
    needs."""
    answer = await client.auth_test()
    assert "chat:write" in answer.headers["x-oauth-scopes"].split(",")
    assert (answer["user_id"], answer["bot_id"]) == ("U0MESHBOT", "B0MESHBOT")
    assert (await refusal(client.conversations_history(channel=CHANNEL)))[
        "needed"
    ] == "channels:history"


async def test_people_channels_and_groups_are_listed(client: AsyncWebClient) -> None:
    """The default furniture is found by the calls that a bot makes for it, page by page."""
    names = [
        user["name"] async for page in await client.users_list(limit=2) for user in page["members"]
    ]
    groups = (await client.usergroups_list(include_users=True))["usergroups"]
    assert names == ["host", "alice", "bob", "meshbot", "slackbot"]
    assert [(group["handle"], group["users"]) for group in groups] == [("hosts", ["U0HOST"])]
    assert (await client.usergroups_users_list(usergroup="S0HOSTS"))["users"] == ["U0HOST"]
    assert (await client.conversations_info(channel=CHANNEL))["channel"]["name"] == "mesh-workshop"
    assert (await client.conversations_members(channel=CHANNEL))["members"][0] == "U0ALICE"
    opened = (await client.conversations_open(users="U0BOB"))["channel"]["id"]
    assert (await client.chat_postMessage(channel="U0BOB", text="hi"))["channel"] == opened


async def test_a_file_is_uploaded_in_three_steps(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    """Slack's client uploads bytes and shares them with a comment in the channel."""
    await client.files_upload_v2(
        filename="a.txt", content="hello", channel=CHANNEL, initial_comment="here"
    )
    message = workspace.list_messages()[-1]
    assert (message.text, message.files[0]["name"]) == ("here", "a.txt")
    assert workspace.state.files[message.files[0]["id"]]["bytes"] == b"hello"


async def test_reactions_and_validation(client: AsyncWebClient, posted: str) -> None:
    """A reaction is added once; blocks.validate says what is wrong without a token."""
    await client.reactions_add(channel=CHANNEL, timestamp=posted, name="eyes")
    again = await refusal(client.reactions_add(channel=CHANNEL, timestamp=posted, name="eyes"))
    anonymous = AsyncWebClient(base_url=client.base_url)
    invalid = await refusal(
        anonymous.api_call(
            "blocks.validate", params={"blocks": '[{"type":"actions","elements":[]}]'}
        )
    )
    assert (again["error"], invalid["errors"][0]["pointer"]) == (
        "already_reacted",
        "/blocks/0/elements",
    )


async def test_a_burst_of_messages_is_throttled(client: AsyncWebClient) -> None:
    """Beyond a short burst a channel takes one message a second: 429 with Retry-After."""
    for number in range(10):
        await client.chat_postMessage(channel=CHANNEL, text=str(number))
    response = await refusal(client.chat_postMessage(channel=CHANNEL, text="one more"))
    assert (response.status_code, response["error"], response.headers["Retry-After"]) == (
        429,
        "ratelimited",
        "1",
    )


async def test_updates_are_throttled_at_fifty_a_minute(client: AsyncWebClient, posted: str) -> None:
    """chat.update is in tier 3: the fifty-first within a minute is refused."""
    for number in range(50):
        await client.chat_update(channel=CHANNEL, ts=posted, text=str(number))
    response = await refusal(client.chat_update(channel=CHANNEL, ts=posted, text="one more"))
    assert response.status_code == 429
    assert 1 <= int(response.headers["Retry-After"]) <= 2


async def test_429_on_demand_is_over_after_so_many(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    """A demanded 429 hits exactly so many calls, and Slack's retry handler gets past it."""
    workspace.faults.rate_limit_method("auth.test", times=2, retry_after=0)
    client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=3))
    assert (await client.auth_test())["ok"]
    assert [name for name, _ in workspace.calls] == ["auth.test"] * 3


async def test_5xx_and_slow_answers_on_demand(workspace: Workspace, client: AsyncWebClient) -> None:
    """A demanded 503 and a demanded delay each befall one call."""
    workspace.faults.fail_method("auth.test")
    workspace.faults.slow_method("auth.test", seconds=0.2)
    url, headers = (
        f"{workspace.api_url}auth.test",
        {"Authorization": f"Bearer {workspace.bot_token}"},
    )
    async with aiohttp.ClientSession(headers=headers) as session, session.post(url) as response:
        assert response.status == 503
    started = time.monotonic()
    await client.auth_test()
    assert time.monotonic() - started >= 0.2


@pytest.fixture
async def raw(workspace: Workspace) -> AsyncIterator[aiohttp.ClientSession]:
    """A bare HTTP client with the bot's token."""
    headers = {"Authorization": f"Bearer {workspace.bot_token}"}
    async with aiohttp.ClientSession(workspace.api_url, headers=headers) as session:
        yield session


@pytest.mark.parametrize(
    ("body", "error"),
    [("{", "invalid_json"), ("[]", "json_not_object"), ("{}", "invalid_arguments")],
)
async def test_bodies_that_are_no_arguments(
    raw: aiohttp.ClientSession, body: str, error: str
) -> None:
    """Broken JSON, a list and an empty object are each told apart."""
    async with raw.post(
        "chat.postMessage", data=body, headers={"Content-Type": "application/json"}
    ) as response:
        assert (await response.json())["error"] == error


@pytest.mark.parametrize("way", ["params", "data", "json"])
async def test_arguments_come_three_ways(raw: aiohttp.ClientSession, way: str) -> None:
    """Query, form and JSON are all read; blocks may be JSON within a form."""
    blocks: Any = section("hi") if way == "json" else '[{"type":"divider"}]'
    arguments: Json = {way: {"channel": CHANNEL, "blocks": blocks}}
    async with raw.post("chat.postMessage", **arguments) as response:
        assert (await response.json())["ok"]
