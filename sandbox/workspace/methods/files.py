"""files.*: the upload in three steps; the bytes themselves arrive at /upload/FILE."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from bot.slackrules import check_message
from sandbox.workspace.core import Core
from sandbox.workspace.methods.call import Call, Json, Method
from sandbox.workspace.refusals import Refusal, raise_for_problems
from sandbox.workspace.state import Channel, generate_id

ALT_TEXT = 1000


async def _get_upload_url(call: Call) -> Json:
    name, length = call.get_required("filename"), str(call.args.get("length") or "")
    if not length.isdigit() or int(length) == 0:
        raise Refusal("invalid_arguments")
    alt = str(call.args.get("alt_txt") or "")
    if len(alt) > ALT_TEXT:
        raise Refusal("alt_txt_too_large")
    file_id = generate_id("F")
    entry: Json = {
        "id": file_id,
        "name": name,
        "length": int(length),
        "alt_txt": alt,
        "bytes": None,
    }
    entry |= {"finished": None, "shared": set()}
    call.state.files[file_id] = entry
    return {"upload_url": f"{call.core.origin}/upload/{file_id}", "file_id": file_id}


async def receive_upload(core: Core, request: web.Request) -> web.Response:
    """Store the bytes of a file whose upload URL was given out."""
    entry = core.state.files.get(request.match_info["file"])
    if entry is None or entry["bytes"] is not None:
        return web.Response(status=404, text="no such upload")
    data = await request.read()
    if request.content_type == "multipart/form-data" or len(data) != entry["length"]:
        return web.Response(status=400, text=f"expected {entry['length']} bytes, got {len(data)}")
    entry["bytes"] = data
    return web.Response(text=f"OK - {len(data)}")


def _finish_uploads(call: Call) -> list[Json]:
    wanted: Any = call.args.get("files")
    if not isinstance(wanted, list) or not wanted:
        raise Refusal("invalid_arguments")
    entries = []
    for item in wanted:
        entry = call.state.files.get(item.get("id", "")) if isinstance(item, dict) else None
        if entry is None or entry["bytes"] is None or entry["finished"] is not None:
            raise Refusal("file_not_found")
        entry["finished"] = time.monotonic()
        entry["title"] = item.get("title") or entry["name"]
        entries.append(entry)
    return entries


def _resolve_channels(call: Call) -> list[Channel]:
    names = [call.args.get("channel_id"), *str(call.args.get("channels") or "").split(",")]
    channels = []
    for name in filter(None, names):
        channel = call.state.channels.get(name)
        if channel is None:
            raise Refusal("channel_not_found")
        if call.core.bot.id not in channel.members:
            raise Refusal("not_in_channel")
        channels.append(channel)
    return channels


async def _complete_upload(call: Call) -> Json:
    entries, channels = _finish_uploads(call), _resolve_channels(call)
    comment, blocks = str(call.args.get("initial_comment") or ""), call.args.get("blocks")
    if blocks and not comment:
        raise_for_problems(check_message({"blocks": blocks}))
    shown = [
        {"id": e["id"], "name": e["name"], "title": e["title"], "alt_txt": e["alt_txt"]}
        for e in entries
    ]
    for channel in channels:
        message = call.state.draft_message(
            channel.id, call.core.bot.id, comment, None if comment else blocks
        )
        message.files, message.thread_ts = shown, str(call.args.get("thread_ts") or "")
        call.state.post_message(message)
        for entry in entries:
            entry["shared"].add(channel.id)
    return {"files": [{"id": entry["id"], "title": entry["title"]} for entry in entries]}


async def _get_file_info(call: Call) -> Json:
    entry = call.state.files.get(call.get_required("file"))
    if entry is None:
        raise Refusal("file_not_found")
    return {
        "file": {
            key: value for key, value in entry.items() if key not in ("bytes", "finished", "shared")
        }
    }


METHODS: Mapping[str, Method] = {
    "files.completeUploadExternal": Method(_complete_upload, "files:write", 4),
    "files.getUploadURLExternal": Method(_get_upload_url, "files:write", 4),
    "files.info": Method(_get_file_info, "files:read", 4),
}
