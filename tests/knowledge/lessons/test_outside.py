"""A caller outside the mesh: what counts as a refusal, and what proves nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.kinds import Object
from bot.knowledge.lessons.looks import Look, Proof
from bot.knowledge.lessons.mutual_tls import is_let_in_by_node
from bot.knowledge.lessons.outside import ask_from_outside, judge_answer, judge_silence
from bot.ports import HttpResponse
from bot.text import verbatim
from tests.knowledge.observe.stage import asking
from tests.knowledge.test_rules import pod, snapshot

PREFIX = "error trying to reach service: "


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        (f"{PREFIX}read tcp 10.0.0.1:4711->10.244.0.9:9080: read: connection reset by peer", True),
        (f"{PREFIX}EOF", True),
        (f"{PREFIX}dial tcp 10.244.0.9:9080: connect: connection refused", False),
        (f"{PREFIX}dial tcp 10.244.0.9:9080: i/o timeout", False),
        ('no endpoints available for service "productpage:9080"', False),
        ('services "productpage" not found', False),
    ],
)
def test_only_a_cut_connection_is_a_refusal(words: str, refused: bool) -> None:
    """That nothing listens, or that nothing is there, says nothing of a proxy's mind."""
    met = judge_silence("productpage", verbatim(words))
    assert met.is_refused is refused
    assert PREFIX not in str(met.words)


@pytest.mark.parametrize(
    ("status", "body", "refused"),
    [
        (403, b"RBAC: access denied", True),
        (403, b"forbidden by the application", False),
        (200, b"{}", False),
        (503, b"upstream connect error", False),
    ],
)
def test_only_a_policy_denies(status: int, body: bytes, refused: bool) -> None:
    """A 403 of the application's own is none of the mesh."""
    assert judge_answer("reviews", HttpResponse(status, {}, body)).is_refused is refused


def captured(app: str) -> Object:
    """A pod in the ambient mesh."""
    found = pod(app)
    found["metadata"]["annotations"]["ambient.istio.io/redirection"] = "enabled"
    return found


@pytest.mark.parametrize(
    ("pods", "pages", "outside", "exempt"),
    [
        ((captured("reviews"),), True, False, True),
        ((captured("reviews"),), False, False, False),
        ((captured("reviews"), pod("ratings", sidecar=True)), True, False, False),
    ],
)
def test_a_node_s_own_connection_is_let_in_by_ambient_alone(
    pods: tuple[Object, ...], pages: bool, outside: bool, exempt: bool
) -> None:
    """Sidecars have no such exception, and pages that fail have another cause."""
    proof = Proof((Look(pages, ()), Look(outside, ())))
    assert is_let_in_by_node(snapshot(pods=pods), proof) is exempt
    refused = Proof((*proof.looks, Look(False, ())))
    assert not is_let_in_by_node(snapshot(pods=pods), refused)


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        ("healthy", False),
        ((403, "RBAC: access denied"), True),
        (
            (
                503,
                {
                    "kind": "Status",
                    "apiVersion": "v1",
                    "message": f"{PREFIX}read tcp 10.0.0.1:1->10.0.0.2:9080: read: connection reset by "
                    "peer",
                },
            ),
            True,
        ),
    ],
    ids=["answered", "denied", "cut"],
)
async def test_the_api_server_carries_the_question(
    tmp_path: Path, answer: object, refused: bool
) -> None:
    """Straight to the Service, in plain text."""
    path = "/api/v1/namespaces/bookinfo/services/reviews:9080/health"
    async with asking({path: answer}, tmp_path) as context:
        met = await ask_from_outside(context, "reviews")
    assert met.is_refused is refused
