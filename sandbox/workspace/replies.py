"""Messages without a token: those sent to a response_url or in the acknowledgement of a
command.
"""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from bot.slackrules import check_message
from sandbox.workspace.core import RESPONSE_LIFE, RESPONSE_USES, Core, ResponseUrl
from sandbox.workspace.refusals import Refusal, raise_for_problems
from sandbox.workspace.shared import check_shown_files
from sandbox.workspace.state import SLACKBOT, Message

Json = dict[str, Any]


async def handle_response_url(core: Core, request: web.Request) -> web.Response:
    """Answer one POST to a response_url; refusals are 4xx with Slack's word as the body."""
    reply = core.response_urls.get(request.match_info["key"])
    if reply is None:
        return web.Response(status=404, text="no_service")
    if core.clock.now() - reply.made > RESPONSE_LIFE:
        return web.Response(status=404, text="expired_url")
    if reply.used >= RESPONSE_USES:
        return web.Response(status=404, text="used_url")
    channel = core.state.channels.get(reply.channel)
    if channel is None or channel.is_archived:
        # What Slack documents for incoming webhooks, which take messages in the same way.
        word = "channel_is_archived" if channel is not None else "channel_not_found"
        return web.Response(status=410 if channel is not None else 404, text=word)
    try:
        body = json.loads(await request.text())
    except ValueError:
        return web.Response(status=400, text="invalid_payload")
    if not isinstance(body, dict):
        return web.Response(status=400, text="invalid_payload")
    try:
        apply_reply(core, reply, body)
    except Refusal as refusal:
        return web.json_response({"ok": False, "error": refusal.code, **refusal.extra}, status=400)
    reply.used += 1
    return web.Response(text="ok")


def apply_reply(core: Core, reply: ResponseUrl, body: Json) -> None:
    """Post, replace or delete a message, as the body says.

    Raises Refusal.
    """
    original = core.state.messages.get((reply.channel, reply.ts))
    if body.get("delete_original"):
        if original is None or original.deleted:
            raise Refusal("message_not_found")
        core.state.delete_message(original)
        return
    # A response_url does not hold the cumulative cap that chat.postMessage has.
    raise_for_problems(
        [problem for problem in check_message(body) if problem.code != "msg_blocks_too_long"]
    )
    check_shown_files(core, body.get("blocks"), channel=reply.channel)
    if body.get("replace_original") and original is not None and not original.deleted:
        core.state.edit_message(original, body.get("text"), body.get("blocks"))
        return
    message = core.state.draft_message(
        reply.channel, core.bot.id, body.get("text") or "", body.get("blocks")
    )
    message.thread_ts = str(body.get("thread_ts") or "")
    if body.get("response_type") != "in_channel":
        message.ephemeral_to = reply.user
    core.state.post_message(message)


def post_slackbot_notice(
    core: Core, channel: str, user: str, text: str, *, thread: str = ""
) -> Message:
    """Post an ephemeral message of Slackbot to one user."""
    message = core.state.draft_message(channel, SLACKBOT, text)
    message.ephemeral_to, message.thread_ts = user, thread
    return core.state.post_message(message)
