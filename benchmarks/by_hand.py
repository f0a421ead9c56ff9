"""Each step of the workshop by the bot, beside the same typed by hand: kubectl and istioctl on a
real control plane.

Needs a real control plane (KUBECONFIG, ISTIO_HOME, GATEWAY_API_CRDS; pods at local addresses) and
kubectl. By hand means the commands of the workshop's text, each followed by the wait that a careful
person types (`rollout status`, `wait`); nobody looks whether it took effect, which the bot does, so
its figure holds more. Each is done once, first by hand, then by the bot on the same, emptied
cluster.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

TRACING = (
    "--set values.meshConfig.enableTracing=true"
    " --set values.meshConfig.defaultConfig.tracing.zipkin.address=zipkin.istio-system:9411"
    " --set values.meshConfig.defaultConfig.tracing.sampling=100.0"
)
ADDONS = "$ISTIO_HOME/samples/addons"
BOOKINFO = "$ISTIO_HOME/samples/bookinfo"
ROLLED = (
    "for d in $(kubectl get deployment -n bookinfo -o name); do kubectl rollout status -n "
    "bookinfo $d; done"
)
RESTART = f"kubectl rollout restart deployment -n bookinfo && {ROLLED}"
AVAILABLE = "kubectl wait -n istio-system --timeout=180s --for=condition=Available"

STEPS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "install",
        f"istioctl install -y {TRACING} && kubectl apply --server-side -f $GATEWAY_API_CRDS",
        ("/mesh install",),
    ),
    (
        "addons",
        f"kubectl apply -f {ADDONS}/prometheus.yaml -f {ADDONS}/grafana.yaml -f "
        f"{ADDONS}/jaeger.yaml"
        f" && {AVAILABLE} deployment/prometheus deployment/grafana deployment/jaeger",
        ("/mesh addons",),
    ),
    (
        "kiali",
        f"kubectl apply -f {ADDONS}/kiali.yaml && {AVAILABLE} deployment/kiali",
        ("/mesh kiali",),
    ),
    (
        "bookinfo",
        f"kubectl create ns bookinfo && kubectl apply -n bookinfo -f "
        f"{BOOKINFO}/platform/kube/bookinfo.yaml"
        f" && {ROLLED}",
        ("/mesh bookinfo",),
    ),
    (
        "inject",
        f"kubectl label namespace bookinfo istio-injection=enabled && {RESTART}",
        ("/mesh inject",),
    ),
    (
        "expose",
        f"kubectl apply -n bookinfo -f {BOOKINFO}/gateway-api/bookinfo-gateway.yaml"
        " && kubectl annotate gateway bookinfo-gateway networking.istio.io/service-type=ClusterIP "
        "-n bookinfo"
        " && kubectl wait -n bookinfo --timeout=120s --for=condition=Programmed "
        "gateway/bookinfo-gateway",
        ("/mesh expose",),
    ),
    (
        "route",
        f"kubectl apply -n bookinfo -f {BOOKINFO}/networking/destination-rule-reviews.yaml"
        f" && kubectl apply -n bookinfo -f "
        f"{BOOKINFO}/networking/virtual-service-reviews-test-v2.yaml",
        ("/mesh route jason v2",),
    ),
    (
        "fault",
        f"kubectl apply -n bookinfo -f {BOOKINFO}/networking/destination-rule-all.yaml"
        f" && kubectl apply -n bookinfo -f "
        f"{BOOKINFO}/networking/virtual-service-ratings-test-abort.yaml",
        ("/mesh fault jason",),
    ),
    (
        "rules off",
        "kubectl delete virtualservice,destinationrule --all -n bookinfo",
        ("/mesh fault off", "/mesh route off"),
    ),
    (
        "ambient",
        f"istioctl upgrade -y --set profile=ambient {TRACING}"
        f" && kubectl label ns bookinfo istio-injection- && {RESTART}"
        " && kubectl label namespace bookinfo istio.io/dataplane-mode=ambient",
        ("/mesh ambient", 'click "Go ambient"'),
    ),
    (
        "waypoint",
        "istioctl waypoint apply -n bookinfo --enroll-namespace --wait",
        ("/mesh waypoint",),
    ),
    (
        "uninstall",
        "istioctl uninstall -y --purge && kubectl delete namespace istio-system bookinfo"
        " && kubectl delete --ignore-not-found -f $GATEWAY_API_CRDS"
        " && kubectl delete --ignore-not-found clusterrole,clusterrolebinding kiali prometheus",
        ("/mesh uninstall app", 'click "Confirm"'),
    ),
)


async def by_hand(line: str) -> float:
    """Seconds for a line in a shell; stops the program when it fails."""
    began = time.monotonic()
    program = await asyncio.create_subprocess_shell(
        line,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        executable="/bin/bash",
    )
    said, _ = await program.communicate()
    if program.returncode:
        sys.exit(f"by hand: {line}\n{said.decode()[-2000:]}")
    return time.monotonic() - began


async def by_bot() -> dict[str, float]:
    """Seconds for each line of the same steps, read off a transcript's own lines as they come."""
    lines = [line for _, _, typed in STEPS for line in typed]
    with tempfile.TemporaryDirectory() as home:
        script = Path(home) / "steps.mesh"
        script.write_text("\n".join(lines) + "\n")
        program = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-m",
                "bot",
                "sandbox",
                "--cluster",
                "kubeconfig",
                "--data-plane",
                "embedded",
            ),
            *("--play", str(script)),
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        assert program.stdout is not None
        began: list[float] = []
        async for raw in program.stdout:
            if raw.startswith(b"host: "):
                began.append(time.monotonic())
        ended = time.monotonic()
        if await program.wait():
            sys.exit("by the bot: a line did not end as expected; play it by hand to see which")
    times = [after - before for before, after in zip(began, [*began[1:], ended], strict=True)]
    found: dict[str, float] = {}
    for title, _, typed in STEPS:
        found[title] = sum(times.pop(0) for _ in typed)
    return found


async def compare() -> None:
    """Prints seconds and ratios."""
    hand = {title: await by_hand(line) for title, line, _ in STEPS}
    bot = await by_bot()
    print(
        f"{'step':12}{'by hand':>10}{'by the bot':>12}{'ratio':>8}   (seconds; the bot's hold its "
        f"proof)"
    )
    for title in hand:
        print(f"{title:12}{hand[title]:10.1f}{bot[title]:12.1f}{bot[title] / hand[title]:8.2f}")
    total = sum(bot.values()) / sum(hand.values())
    print(f"{'all':12}{sum(hand.values()):10.1f}{sum(bot.values()):12.1f}{total:8.2f}")


def main() -> None:
    """Checks that a real control plane is there."""
    argparse.ArgumentParser(prog="benchmarks.by_hand", description=__doc__).parse_args()
    missing = [
        name for name in ("KUBECONFIG", "ISTIO_HOME", "GATEWAY_API_CRDS") if name not in os.environ
    ]
    if missing:
        sys.exit(f"a real control plane is needed: {', '.join(missing)} not set")
    asyncio.run(compare())


if __name__ == "__main__":
    main()
