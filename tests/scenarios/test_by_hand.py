"""The workshop as its text has it, typed by hand: an ordinary kubectl, and the release's istioctl,
against the embedded cluster."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.clock import Clock
from sandbox.cluster.embedded import EmbeddedCluster
from sandbox.istio.release_directory import write_release
from sandbox.programs import create_programs

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed"),
]

RELEASES = ("1.30.3", "1.23.2")
SPEED = 50.0
TRACING = (
    "--set values.meshConfig.enableTracing=true "
    "--set values.meshConfig.defaultConfig.tracing.zipkin.address=zipkin.istio-system:9411 "
    "--set values.meshConfig.defaultConfig.tracing.sampling=100.0"
)
RATINGS = (
    '"$(kubectl get pod -l app=ratings -n bookinfo '
    "-o jsonpath='{.items[0].metadata.name}')\" -c ratings -n bookinfo"
)
TRAFFIC = (
    f'kubectl exec {RATINGS} -- curl -sS productpage:9080/productpage | grep -o "<title>.*</title>"'
)
TITLE = "<title>Simple Bookstore App</title>"
READY = "kubectl wait pods --all -n {} --for=condition=Ready --timeout=60s"
RULES = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ratings}
spec:
  hosts: [ratings]
  http:
  - match: [{headers: {end-user: {exact: jason}}}]
    fault: {abort: {percentage: {value: 100}, httpStatus: 500}}
    route: [{destination: {host: ratings, subset: v1}}]
  - route: [{destination: {host: ratings, subset: v1}}]
"""


class Terminal:
    """A terminal in the release's folder; `type` runs a line of the workshop."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self._home, self._environment = home, environment

    async def type(self, line: str, *printed: str, code: int = 0, answer: str = "") -> str:
        """Type a line; fails unless it ends with that code and prints those texts (patterns)."""
        process = await self.start(line)
        out, _ = await asyncio.wait_for(process.communicate(answer.encode()), 90)
        text = out.decode()
        assert process.returncode == code, f"$ {line}\n{text}"
        for each in printed:
            assert re.search(each, text), f"$ {line}\n{text}\n(no {each})"
        return text

    async def start(self, line: str) -> asyncio.subprocess.Process:
        """Type a line that goes on."""
        return await asyncio.create_subprocess_exec(
            "bash",
            "-o",
            "pipefail",
            "-c",
            line,
            cwd=self._home,
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )

    async def open(self, line: str, path: str, *printed: str) -> None:
        """Type a line that forwards a port; fails unless the address it prints answers there."""
        process = await self.start(f"exec {line}")
        try:
            assert process.stdout is not None
            first = (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
            found = re.search(r"(?:http://localhost|127\.0\.0\.1):(\d+)", first)
            assert found, f"$ {line}\n{first}"
            url = f"http://127.0.0.1:{found[1]}{path}"
            await self.type(f"curl -sSfL --retry 5 --retry-all-errors {url}", *printed)
        finally:
            process.kill()
            await process.wait()


@pytest.fixture(params=RELEASES)
async def terminal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Terminal]:
    """A fresh cluster, and a release beside it."""
    clock = Clock(SPEED)
    cluster = EmbeddedCluster(clock, programs=create_programs(clock))
    await cluster.start()
    version = request.param
    release = await asyncio.to_thread(write_release, tmp_path / "istio", version, speed=SPEED)
    environment = {
        **os.environ,
        "KUBECONFIG": str(cluster.write_kubeconfig(tmp_path / "kubeconfig")),
        "KUBECACHEDIR": str(tmp_path / "cache"),
        "ISTIO_HOME": str(release.home),
        "PATH": f"{release.istioctl.parent}:{os.environ['PATH']}",
    }
    (tmp_path / "rules.yaml").write_text(RULES)
    yield Terminal(tmp_path, environment)
    await cluster.stop()


async def test_the_workshop_typed(terminal: Terminal) -> None:
    """Every line works, and prints what it should."""
    await install(terminal)
    await deploy(terminal)
    await expose(terminal)
    await look(terminal)
    await use_ambient(terminal)
    await remove(terminal)


async def install(terminal: Terminal) -> None:
    """Istio, the Gateway API and the addons."""
    await terminal.type("kubectl create ns istio-system", "created")
    await terminal.type(f"istioctl install {TRACING}", "Installation complete", answer="y\n")
    await terminal.type("kubectl get pods -n istio-system", r"istiod-\S+ +1/1 +Running")
    apply = "kubectl apply -f ${ISTIO_HOME}"
    await terminal.type(f"{apply}/gateway-api/standard-install.yaml", "created")
    for addon in ("prometheus", "grafana", "jaeger", "kiali"):
        await terminal.type(f"{apply}/samples/addons/{addon}.yaml", f"{addon} created")
    await terminal.type(READY.format("istio-system"), "condition met")
    await terminal.type(
        "kubectl get all -n istio-system", "service/kiali", "deployment.apps/istiod"
    )
    await terminal.open("istioctl dashboard kiali", "/kiali", "Kiali")


async def deploy(terminal: Terminal) -> None:
    """Bookinfo without sidecars, then with them."""
    await terminal.type("kubectl create ns bookinfo", "created")
    bookinfo = "$ISTIO_HOME/samples/bookinfo/platform/kube/bookinfo.yaml"
    await terminal.type(f"kubectl apply -f {bookinfo} -n bookinfo", "deployment.apps/reviews-v3")
    watching = await terminal.start("exec kubectl get pods -n bookinfo --watch")
    await terminal.type(READY.format("bookinfo"), "condition met")
    watching.kill()
    seen, _ = await watching.communicate()
    assert b"NAME" in seen
    await terminal.type(TRAFFIC, TITLE)
    await terminal.type("kubectl label namespace bookinfo istio-injection=enabled", "labeled")
    await restart(terminal)
    await terminal.type("kubectl get pods -n bookinfo", r"ratings-v1-\S+ +2/2 +Running")
    await terminal.type(TRAFFIC, TITLE)


async def restart(terminal: Terminal) -> None:
    """Restart all Deployments, and wait for them."""
    await terminal.type("kubectl rollout restart deployment -n bookinfo", "restarted")
    for name in ("productpage-v1", "details-v1", "ratings-v1", "reviews-v1"):
        line = f"kubectl rollout status deployment/{name} -n bookinfo --timeout=60s"
        await terminal.type(line, "successfully rolled out")
    gone = "kubectl wait pods -n bookinfo -l app=ratings --for=jsonpath={.status.phase}=Running"
    await terminal.type(gone, "condition met")


async def expose(terminal: Terminal) -> None:
    """The gateway, and traffic through it."""
    gateway = "$ISTIO_HOME/samples/bookinfo/gateway-api/bookinfo-gateway.yaml"
    await terminal.type(f"kubectl apply -f {gateway} -n bookinfo", "httproute")
    service_type = "networking.istio.io/service-type=ClusterIP"
    await terminal.type(
        f"kubectl annotate gateway bookinfo-gateway {service_type} --namespace=bookinfo",
        "annotated",
    )
    wait = "kubectl wait gateway bookinfo-gateway -n bookinfo --for=condition=Programmed"
    await terminal.type(f"{wait} --timeout=60s", "condition met")
    await terminal.type("kubectl get gateway -n bookinfo", r"bookinfo-gateway +istio .* True")
    await terminal.type(READY.format("bookinfo"), "condition met")
    forward = "kubectl port-forward svc/bookinfo-gateway-istio -n bookinfo :80"
    await terminal.open(forward, "/productpage", TITLE)
    await terminal.open("istioctl dashboard jaeger", "/jaeger/api/services", "productpage.bookinfo")
    await terminal.open("istioctl dashboard prometheus", "/-/ready", "Ready")
    query = "/api/v1/query?query=SUM%28istio_requests_total%29BY%28response_code%29"
    await terminal.open("istioctl dashboard prometheus", query, '"response_code": "200"')
    await terminal.open("istioctl dashboard grafana", "/api/health", "ok")


async def look(terminal: Terminal) -> None:
    """Rules, and what proxies and istiod say."""
    rules = "$ISTIO_HOME/samples/bookinfo/networking/destination-rule-all.yaml"
    await terminal.type(f"kubectl apply -f {rules} -n bookinfo", "reviews created")
    await terminal.type("kubectl apply -f rules.yaml -n bookinfo", "ratings created")
    asked = (
        f"kubectl exec {RATINGS} -- curl -s -w '%{{http_code}}' -H 'end-user: jason' ratings:9080"
    )
    await terminal.type(f"{asked}/ratings/0", "fault filter abort500")
    # Deployments that the gateway makes carry its annotation, which is found in both releases.
    await terminal.type("istioctl analyze -n bookinfo || true", r"IST010[78].*service-type")
    await terminal.type(
        "istioctl proxy-status -n bookinfo", r"ratings-v1-\S+\.bookinfo +Kubernetes"
    )
    page = "deploy/productpage-v1 -n bookinfo"
    await terminal.type(f"istioctl proxy-config routes {page} --name 9080", r"reviews\.bookinfo")
    await terminal.type(f"istioctl pc clusters {page}", r"9080 +v2 +outbound +EDS +reviews")
    cluster = "outbound|9080|v1|reviews.bookinfo.svc.cluster.local"
    await terminal.type(f"istioctl pc endpoints {page} --cluster '{cluster}'", "HEALTHY +OK")
    await terminal.type(f"istioctl pc listeners {page}", "Route: 9080", "PassthroughCluster")
    await terminal.type(
        "istioctl pc routes deploy/bookinfo-gateway-istio.bookinfo", r"http\.80 .*/productpage"
    )
    asked = "kubectl exec deploy/productpage-v1 -n bookinfo -c istio-proxy -- pilot-agent request"
    await terminal.type(f"{asked} GET clusters | grep '|v1|reviews'", "outbound")
    # Asked at itself, because the page may be answered by the reviews without stars.
    await terminal.type(f"kubectl exec {RATINGS} -- curl -s localhost:9080/ratings/0", "Reviewer1")
    await terminal.type("kubectl logs deploy/ratings-v1 -n bookinfo -c ratings", "GET /ratings/0")
    await terminal.type("kubectl logs deploy/istiod -n istio-system --tail=5", "info")
    await terminal.type("kubectl logs -n bookinfo -l app=details --all-containers", "Envoy proxy")
    await terminal.type("kubectl delete -f rules.yaml -n bookinfo", "deleted")


async def use_ambient(terminal: Terminal) -> None:
    """From sidecars to ambient, and a waypoint."""
    upgrade = f"istioctl upgrade --set profile=ambient {TRACING}"
    await terminal.type(upgrade, "Installation complete", answer="y\n")
    await terminal.type("kubectl get all -n istio-system", "daemonset.apps/ztunnel")
    await terminal.type("kubectl label ns bookinfo istio-injection-", "unlabeled")
    await restart(terminal)
    label = "kubectl label namespace bookinfo istio.io/dataplane-mode=ambient"
    await terminal.type(label, "labeled")
    await terminal.type(TRAFFIC, TITLE)
    await terminal.type("kubectl logs ds/ztunnel -n istio-system --tail=-1")
    await terminal.type("istioctl ztunnel-config workload", r"ratings-v1-\S+ .* HBONE")
    await terminal.type("istioctl ztunnel-config services", r"reviews +\S+ +None +3/3")
    await terminal.type("istioctl waypoint apply -n bookinfo --enroll-namespace", "waypoint")
    await terminal.type(READY.format("bookinfo"), "condition met")
    await terminal.type("istioctl waypoint list -n bookinfo", "waypoint")
    await terminal.type("istioctl ztunnel-config svc", r"reviews +\S+ +waypoint +3/3")
    await terminal.type("istioctl pc ep deploy/waypoint -n bookinfo", "envoy://connect_originate/")
    await terminal.type(TRAFFIC, TITLE)


async def remove(terminal: Terminal) -> None:
    """Istio and its namespace go."""
    await terminal.type("istioctl uninstall -y --purge", "Uninstall complete")
    await terminal.type("kubectl delete namespace istio-system --timeout=60s", "deleted")
