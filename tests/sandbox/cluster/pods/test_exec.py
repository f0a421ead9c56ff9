"""`kubectl exec`: commands in pods, over both protocols that kubectl speaks."""

from __future__ import annotations

import pytest

from tests.sandbox.cluster.pods.conftest import Run

OVER_SPDY = {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false"}


@pytest.mark.parametrize("protocol", [{}, OVER_SPDY], ids=["websocket", "spdy"])
async def test_output_errors_and_code(kubectl: Run, protocol: dict[str, str]) -> None:
    """Both streams and the exit code arrive."""
    script = "curl -sS web/hello; curl -sS nowhere; exit 3"
    code, out, err = await kubectl("exec", "deploy/web", "--", "sh", "-c", script, **protocol)
    assert (code, out) == (3, "GET /hello \n")
    assert "curl: (6) Could not resolve host: nowhere" in err
    assert "command terminated with exit code 3" in err


@pytest.mark.parametrize("protocol", [{}, OVER_SPDY], ids=["websocket", "spdy"])
async def test_input(kubectl: Run, protocol: dict[str, str]) -> None:
    """What is typed reaches the command, a shell too."""
    ran = await kubectl("exec", "-i", "deploy/web", "--", "cat", typed="hello\n", **protocol)
    assert ran[:2] == (0, "hello\n")
    ran = await kubectl("exec", "-i", "deploy/web", "--", "sh", typed="echo $VERSION\n", **protocol)
    assert ran[:2] == (0, "v1\n")


async def test_what_a_pod_has(kubectl: Run) -> None:
    """Environment and files are the pod's own."""
    _, out, _ = await kubectl("exec", "deploy/web", "--", "env")
    assert {"VERSION=v1", "WEB_SERVICE_PORT=80"} <= set(out.splitlines())
    account = "/var/run/secrets/kubernetes.io/serviceaccount"
    assert (await kubectl("exec", "deploy/web", "--", "cat", f"{account}/namespace"))[1] == "demo"


async def test_refusals(kubectl: Run) -> None:
    """A program that is not played, and a container that is not there, are named."""
    code, _, err = await kubectl("exec", "deploy/web", "--", "python3")
    assert (code, err.partition(":")[0]) == (127, "python3")
    assert "not found: the sandbox's containers have only" in err
    code, _, err = await kubectl("exec", "deploy/web", "-c", "other", "--", "env")
    assert code == 1
    assert "container other" in err
