"""A small app for the page's tests: it opens a window, publishes a Home tab, and answers what is
pressed there."""

from __future__ import annotations

from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

Json = dict[str, Any]


def plain(text: str) -> Json:
    """A plain text object."""
    return {"type": "plain_text", "text": text}


def option(value: str) -> Json:
    """An option that reads as its value."""
    return {"text": plain(value), "value": value}


def button(label: str, action: str, **more: Any) -> Json:
    """A button."""
    return {"type": "button", "text": plain(label), "action_id": action, **more}


def asks(block: str, label: str, element: Json, **more: Any) -> Json:
    """An input block."""
    return {
        "type": "input",
        "block_id": block,
        "label": plain(label),
        "element": {"action_id": "it", **element},
        **more,
    }


FAULT: list[Json] = [
    asks(
        "user",
        "User",
        {"type": "plain_text_input", "placeholder": plain("jason")},
        hint=plain("Who meets it"),
    ),
    asks("kind", "Kind", {"type": "static_select", "options": [option("abort"), option("delay")]}),
    asks("share", "Share", {"type": "radio_buttons", "options": [option("50 %"), option("100 %")]}),
    asks(
        "parts",
        "Parts",
        {"type": "checkboxes", "options": [option("v1"), option("v2")]},
        optional=True,
    ),
    asks("at", "At", {"type": "timepicker", "initial_time": "09:30"}),
    {"type": "actions", "block_id": "more", "elements": [button("Explain", "explain")]},
]


def window(title: str, blocks: list[Json], **more: Any) -> Json:
    """A modal."""
    return {
        "type": "modal",
        "callback_id": "fault",
        "title": plain(title),
        "blocks": blocks,
        **more,
    }


class Heard:
    """What the app was told."""

    def __init__(self) -> None:
        self.values: list[Json] = []
        self.closed: list[bool] = []
        self.actions: list[Json] = []
        self.mentions: list[Json] = []


def listen(app: AsyncApp) -> Heard:
    """Gives the app its listeners."""
    heard = Heard()
    _modals(app, heard)

    @app.event("app_home_opened")
    async def opened(event: Json, client: AsyncWebClient) -> None:
        await client.views_publish(user_id=event["user"], view=home("Nothing picked"))

    @app.action("step")
    async def step(ack: AsyncAck, body: Json, client: AsyncWebClient) -> None:
        await ack()
        heard.actions.append(body["actions"][0])
        picked = body["actions"][0]["selected_option"]["value"]
        await client.views_publish(user_id=body["user"]["id"], view=home(f"Picked {picked}"))

    @app.action("go")
    async def go(ack: AsyncAck, body: Json, client: AsyncWebClient) -> None:
        await ack()
        heard.actions.append(body["actions"][0])
        await client.chat_update(
            channel=body["channel"]["id"], ts=body["message"]["ts"], text="gone", blocks=[]
        )

    @app.event("app_mention")
    async def mentioned(event: Json, client: AsyncWebClient) -> None:
        heard.mentions.append(event)
        thread = event.get("thread_ts") or event["ts"]
        await client.chat_postMessage(
            channel=event["channel"], text="Because of *mTLS*.", thread_ts=thread
        )

    return heard


def home(text: str) -> Json:
    """What stands on the Home tab."""
    menu = {
        "type": "static_select",
        "action_id": "step",
        "options": [option("install"), option("kiali")],
    }
    said = {"type": "section", "text": {"type": "mrkdwn", "text": f"*{text}*"}}
    return {
        "type": "home",
        "blocks": [
            said,
            {"type": "actions", "elements": [{**menu, "placeholder": plain("A step")}]},
        ],
    }


def _modals(app: AsyncApp, heard: Heard) -> None:
    @app.command("/mesh")
    async def mesh(ack: AsyncAck, body: Json, client: AsyncWebClient) -> None:
        await ack()
        view = window("Fault", FAULT, submit=plain("Apply"), notify_on_close=True)
        await client.views_open(trigger_id=body["trigger_id"], view=view)

    @app.action("explain")
    async def explain(ack: AsyncAck, body: Json, client: AsyncWebClient) -> None:
        await ack()
        text = [
            {"type": "section", "text": {"type": "mrkdwn", "text": "An *abort* answers at once."}}
        ]
        await client.views_push(trigger_id=body["trigger_id"], view=window("Why", text))

    @app.view("fault")
    async def fault(ack: AsyncAck, view: Json) -> None:
        values = view["state"]["values"]
        if values["user"]["it"]["value"] == "nobody":
            await ack(response_action="errors", errors={"user": "There is no such user."})
            return
        heard.values.append(values)
        await ack()

    @app.view_closed("fault")
    async def closed(ack: AsyncAck, body: Json) -> None:
        heard.closed.append(body["is_cleared"])
        await ack()
