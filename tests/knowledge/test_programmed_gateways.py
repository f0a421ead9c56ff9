"""Gateways that say they are programmed, and have no pods."""

from __future__ import annotations

from bot.knowledge.bookinfo.gateway import judge_gateway
from bot.knowledge.observe.probes import PollResult, explain_silence
from bot.ports import Part
from bot.text import verbatim

PROGRAMMED = {
    "metadata": {"name": "bookinfo-gateway"},
    "status": {
        "conditions": [{"type": "Programmed", "status": "True", "message": "Resource programmed"}],
        "listeners": [{"name": "http", "attachedRoutes": 1}],
    },
}


def build_part(pods: int) -> Part:
    """The gateway's Deployment, as ready as it is wanted."""
    return Part(verbatim("bookinfo-gateway-istio"), pods, pods, done=True)


def test_a_deployment_without_pods_is_not_waited_for() -> None:
    """The status stays as it was; only the Deployment tells."""
    good = judge_gateway([PROGRAMMED], [], [build_part(1)])
    assert (good.causes, good.empty) == ((), False)
    found = judge_gateway([PROGRAMMED], [], [build_part(0)])
    assert [str(cause) for cause in found.causes] == ["bookinfo-gateway-istio is scaled to 0 pods"]
    assert found.empty


def test_nobody_calls_pods_ready_that_are_not_there() -> None:
    """A Service without endpoints has no ready pod; elsewhere the pods are ready and silent."""
    gone = PollResult(good=False, why=verbatim('no endpoints available for service "page"'))
    assert str(explain_silence("page", gone)) == "nothing answers for page: it has no ready pod"
    silent = PollResult(good=False, why=verbatim("connection refused"))
    assert "calls the pods of page ready" in str(explain_silence("page", silent))
