"""What is promised of messages: all that people read is said in their language, and nothing else is
touched."""

from __future__ import annotations

from typing import Any

import pytest

from bot.language import tongue
from bot.ports import Part
from bot.slackrules import check_message
from bot.steps import Link, Plan, State, Verdict
from bot.view import messages
from bot.view.messages import Heading, RunProgress
from tests.language.leftovers import left, said

HEADING = Heading("r1", "Inject a fault", "U1", seconds=80, typed="/mesh fault jason", attempt=2)
VERDICT = Verdict(
    State.NOT_YET,
    "the fault for jason is applied, its effect was not seen.",
    "istiod has 0 of 1 pods: ImagePullBackOff: Back-off pulling; web has 1 of 2 pods: starting.",
    ("VirtualService ratings made", "obeyed by sidecars"),
    (Link("Kiali: workloads", "http://localhost:20001/kiali?a=1&b=2"),),
    ("fault off", "status"),
    ("kubectl port-forward -n istio-system svc/kiali 20001:20001",),
    ("Kiali may lag behind for a minute.",),
)
PLAN = Plan(
    "this will be removed.",
    ("removes Service istio-ingressgateway",),
    ("With it go Gateway x.",),
    "Confirm",
)
PARTS = (
    Part("istiod", 0, 1, "starting"),
    Part("rules and gateways", done=True),
    Part("web", 1, 2, "no such node & <x>"),
)
SPANISH = tongue("es")
MESSAGES = {
    "running": messages.render_running(HEADING, RunProgress("checking that it took effect", PARTS)),
    "asks": messages.render_question(HEADING, PLAN, 5),
    "ended": messages.render_verdict(HEADING, VERDICT, command="/mesh"),
    "failed": messages.render_failure(
        HEADING,
        "istioctl failed: exit 1",
        turn="Mend what it names, then type it again.",
        command="/mesh",
        again="status",
    ),
    "mistake": messages.render_user_error(
        "There is no step called “x”.", "Did you mean `/mesh expose`?"
    ),
    "busy": messages.render_busy("Install Istio", "U1", 61, "https://x.slack.com/archives/C1/p1"),
    "denied": messages.render_role_denial(
        "Install Istio", "attendee", "host", ("U2", "U3"), "/mesh"
    ),
    "answer": messages.render_answer(
        "Status",
        Verdict(State.DONE, "open them.", evidence=("▫️ not yet: kiali — not installed",)),
        command="/mesh",
    ),
}


def unread(value: Any) -> Any:
    """Everything of blocks but their texts."""
    if isinstance(value, dict):
        return {
            key: unread(each)
            for key, each in value.items()
            if not (key == "text" and isinstance(each, str))
        }
    return [unread(each) for each in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_is_said_whole(name: str) -> None:
    """No English of the bot's own is left in it, and Slack takes it."""
    payload = SPANISH.message(MESSAGES[name]).to_payload()
    assert left("es", said(payload)) == []
    assert check_message(payload) == []


@pytest.mark.parametrize("name", MESSAGES)
def test_what_nobody_reads_stays(name: str) -> None:
    """Ids, values, kinds of blocks and addresses are those of the English message."""
    assert unread(SPANISH.message(MESSAGES[name]).blocks) == unread(MESSAGES[name].blocks)


@pytest.mark.parametrize("name", MESSAGES)
def test_english_is_as_it_is_written(name: str) -> None:
    """Without another language a message is handed on itself."""
    assert tongue("en").message(MESSAGES[name]) is MESSAGES[name]


def test_a_verdict_in_spanish() -> None:
    """Outcome, cause, evidence, links and small print; what the pod says, and what is to be typed,
    stay."""
    lines = list(said(SPANISH.message(MESSAGES["ended"]).to_payload()))
    assert lines[1:] == [
        "🟡 *Inyectar un fallo* — Todavía no: el fallo para jason está aplicado, pero no se ha visto su efecto.",
        "*Porque* istiod tiene 0 de 1 pods: ImagePullBackOff: Back-off pulling; web tiene 1 de 2 pods: empezando.",
        "• creado: VirtualService ratings",
        "• las aplica: sidecars",
        "⚠️ Kiali puede ir un minuto por detrás.",
        "🔗 <http://localhost:20001/kiali?a=1&amp;b=2|Kiali: cargas>",
        "👉 Siguiente: `/mesh fault off` o `/mesh status`",
        "/mesh fault off",
        "/mesh status",
        "<@U1> escribió `/mesh fault jason` · 1 min 20 s · retomado tras un reinicio",
    ]


def test_what_a_terminal_takes_stays() -> None:
    """Lines between fences are for a shell, whatever they say."""
    block = messages.section("open them.\n```\nnot installed\n```\nopen them.")
    assert (
        SPANISH.blocks([block])[0]["text"]["text"] == "ábrelos.\n```\nnot installed\n```\nábrelos."
    )


def test_views_are_said_too() -> None:
    """Titles, labels, placeholders, options and what pictures show; the values that come back stay."""
    option: dict[str, Any] = {"text": {"type": "plain_text", "text": "Confirm"}, "value": "Confirm"}
    menu: dict[str, Any] = {"type": "static_select", "action_id": "Cancel", "options": [option]}
    view = {
        "type": "modal",
        "title": {"type": "plain_text", "text": "Inject a fault"},
        "blocks": [menu],
    }
    found = SPANISH.blocks([view, {"type": "image", "alt_text": "no requests were sent lately"}])
    assert found[0]["title"]["text"] == "Inyectar un fallo"
    assert found[0]["blocks"][0] == menu | {
        "options": [option | {"text": option["text"] | {"text": "Confirmar"}}]
    }
    assert found[1]["alt_text"].startswith("últimamente")


def test_a_translation_is_cut_where_slack_cuts() -> None:
    """Spanish is longer than English; a button's label may not be."""
    label = {"type": "plain_text", "text": f"traces go to {'9' * 43}, 100 % of requests"}
    button = SPANISH.blocks([{"type": "button", "text": label}])[0]
    assert (len(label["text"]), len(button["text"]["text"])) == (75, 75)
    assert button["text"]["text"].startswith("las trazas van a 999")
    view = {"type": "modal", "title": {"type": "plain_text", "text": "Take the last change back"}}
    assert SPANISH.blocks([view])[0]["title"]["text"] == "Take the last change ba…"
