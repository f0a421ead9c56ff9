"""Who asked for a run and how, how long it took, and what comes next: each said once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.diagnosis.repeats import omit_repeated
from bot.knowledge.objects.quotes import quote_reason, shorten_message
from bot.language import ENGLISH, Localizer
from bot.messages import Message
from bot.steps import Link, State, Verdict
from bot.text import Text, join, verbatim
from bot.view import result_messages
from bot.view.result_messages import Heading

HEADING = Heading("run1", Text("Install Istio"), "U0HOST", 83.0, "/mesh install")
IMAGE = "registry.istio.io/release/examples-bookinfo-reviews-v3:1.20.3"
LIMIT = "toomanyrequests: You have reached your pull rate limit"
CONTAINERD = f'failed to pull and unpack image "{IMAGE}": {LIMIT}'
KUBELET = f'Back-off pulling image "{IMAGE}": ErrImagePull: rpc error: code = NotFound desc = '


def show(verdict: Verdict, heading: Heading = HEADING) -> Message:
    """The message of a run that ended so."""
    return result_messages.render_verdict(ENGLISH, heading, verdict, command="/mesh")


def read_footer(**heading: object) -> str:
    """The small print under a run's message."""
    shown = show(Verdict(State.DONE, Text("so")), replace(HEADING, **heading))  # type: ignore[arg-type]
    return str(shown.blocks[-1]["elements"][0]["text"])


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("123.456.abc", "<@U0HOST> typed `/mesh install` · 1 min 23 s"),
        ("click:123.456.abc", "<@U0HOST> clicked `/mesh install` · 1 min 23 s"),
        ("tour:17.5:install:click:123", "<@U0HOST> clicked `/mesh install` · 1 min 23 s"),
        ("form:V123", "<@U0HOST> chose `/mesh install` in its form · 1 min 23 s"),
        ("tour:17.5:install:form:V123", "<@U0HOST> chose `/mesh install` in its form · 1 min 23 s"),
        ("tour:17.5:install:123", "<@U0HOST> typed `/mesh install` · 1 min 23 s"),
    ],
)
def test_the_footer_says_how_it_was_asked_for(key: str, said: str) -> None:
    """Who pressed a button is not said to have typed."""
    assert read_footer(request_key=key) == said


@pytest.mark.parametrize(("seconds", "said"), [(0.0, ""), (0.4, ""), (0.99, ""), (1.0, " · 1 s")])
def test_no_time_is_not_said(seconds: float, said: str) -> None:
    """Less than a second is no news."""
    assert read_footer(seconds=seconds) == f"<@U0HOST> typed `/mesh install`{said}"


def test_the_next_command_is_said_once() -> None:
    """A button says it; words do where its label would not show all of the command."""
    short = show(Verdict(State.DONE, Text("so"), next=("addons", "status")))
    assert str(short.blocks).count("`/mesh addons`") == 0
    assert [e["text"]["text"] for e in short.blocks[-2]["elements"]] == [
        "/mesh addons",
        "/mesh status",
    ]
    long = f"route {'x' * 80} v2"
    shown = show(Verdict(State.DONE, Text("so"), next=("addons", long)))
    assert f"`/mesh {long}`" in str(shown.blocks)


def test_a_link_needs_no_words_where_a_button_leads_there() -> None:
    """The port-forwards are named once."""
    link = Link(Text("Kiali"), "http://localhost:20001")
    verdict = Verdict(
        State.DONE, Text("so"), links=(link,), lines=("kubectl port-forward svc/kiali 20001",)
    )
    assert str(show(verdict)).count("/mesh links") > 0
    shown = show(replace(verdict, next=("links",)))
    assert "first the port-forward" not in str(shown)


@pytest.mark.parametrize(
    ("said", "short"),
    [
        (KUBELET + CONTAINERD, LIMIT),
        (CONTAINERD, LIMIT),
        (f'Back-off pulling image "{IMAGE}"', f'Back-off pulling image "{IMAGE}"'),
        (
            f'rpc error: code = Unknown desc = failed to pull image "{IMAGE}": failed to do '
            f'request: Head "https://registry": dial tcp: i/o timeout',
            'Head "https://registry": dial tcp: i/o timeout',
        ),
        (
            "0/2 nodes are available:\n2 Insufficient cpu.",
            "0/2 nodes are available: 2 Insufficient cpu.",
        ),
    ],
)
def test_a_quotation_leaves_out_who_passed_it_on(said: str, short: str) -> None:
    """The reason at the end of a chain is what a person needs."""
    assert shorten_message(said) == short


def test_a_long_quotation_is_cut() -> None:
    """One line, of at most LONGEST characters, behind its reason."""
    quoted = quote_reason("FailedCreate", "x " * 300)
    assert quoted.startswith("FailedCreate: x x")
    assert (len(quoted), quoted[-1]) == (200 + len("FailedCreate: "), "…")


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_pods_words_are_quoted_once(language: str) -> None:
    """What the cause has quoted stays out of the step's own words, and the rest of them stays."""
    own = Text(
        "{name} has {ready} of {wanted} pods: {note}",
        name="reviews-v3",
        ready=0,
        wanted=1,
        note=verbatim(f"ImagePullBackOff: {LIMIT}"),
    )
    said = f"The registry refuses it. Seen: Pod reviews-v3-x: ErrImagePull: {LIMIT}."
    left = Localizer(language)(omit_repeated(join("sentences", own), said))
    assert LIMIT not in left
    assert "reviews-v3" in left
    assert "ImagePullBackOff" in left
    assert omit_repeated(own, "something else") == own
