"""What `status`, `links` and `uninstall` say of a cluster where the workshop was carried out by
hand with kubectl."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from sandbox.cluster.contract import Ref
from tests.scenarios.stage import NAMESPACES, Stage, playing, words

pytestmark = pytest.mark.long

CRDS, PODS, MAPS = (
    Ref("apiextensions.k8s.io", "customresourcedefinitions"),
    Ref("", "pods"),
    Ref("", "configmaps"),
)
ROLES = Ref("rbac.authorization.k8s.io", "clusterroles")
RULES = "bookinfo/networking"


async def run(*arguments: str) -> None:
    """A program that must succeed."""
    program = await asyncio.create_subprocess_exec(
        *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await program.communicate()
    assert program.returncode == 0, output.decode()


async def kubectl(stage: Stage, *arguments: str) -> None:
    """An ordinary kubectl on the embedded cluster."""
    await run(
        "kubectl", "--kubeconfig", stage.environment["MESHBOT_CLUSTER__KUBECONFIG"], *arguments
    )


async def apply(stage: Stage, *samples: str, namespace: str = "bookinfo") -> None:
    """Files under the release's samples."""
    home = Path(stage.environment["MESHBOT_ISTIO__HOME"]) / "samples"
    files = [word for sample in samples for word in ("-f", str(home / sample))]
    await kubectl(stage, "apply", "-n", namespace, *files)


async def with_addons(stage: Stage) -> None:
    """Prometheus, Grafana, Jaeger and Kiali, as the guide applies them; returns when they are
    ready."""
    await apply(
        stage,
        *(f"addons/{n}.yaml" for n in ("prometheus", "grafana", "jaeger", "kiali")),
        namespace="",
    )
    await kubectl(
        stage, "wait", "--for=condition=Available", "deployment", "--all", "-n", "istio-system"
    )


async def with_bookinfo(stage: Stage, label: str) -> None:
    """Bookinfo with its gateway in a namespace with that label; returns when it is ready."""
    await kubectl(stage, "create", "namespace", "bookinfo")
    await kubectl(stage, "label", "namespace", "bookinfo", label)
    await apply(
        stage, "bookinfo/platform/kube/bookinfo.yaml", "bookinfo/gateway-api/bookinfo-gateway.yaml"
    )
    await kubectl(
        stage, "wait", "--for=condition=Available", "deployment", "--all", "-n", "bookinfo"
    )


@pytest.mark.parametrize(
    ("istio", "version", "modern"),
    [("1.30.3", "Kiali v2.26", True), ("1.23.2", "Kiali v1.87", False)],
)
async def test_links_fit_the_kiali_that_is_there(
    tmp_path: Path, istio: str, version: str, modern: bool
) -> None:
    """The lines to type first, then links below /kiali/console; waypoints only where Kiali knows
    them."""
    async with playing(tmp_path, istio=istio) as (stage, _):
        await stage.type("/mesh install")
        await with_addons(stage)
        said = words(await stage.type("/mesh links"))
        assert "kubectl port-forward -n istio-system svc/kiali 20001:20001" in said
        assert "kubectl port-forward -n istio-system svc/tracing 16686:80" in said
        assert f"<http://localhost:20001/kiali/console/overview|{version}>" in said
        assert "<http://localhost:16686/jaeger|Jaeger>" in said
        assert "Bookinfo: not installed yet" in said
        graph = next(part for part in said.split("<") if "/graph/namespaces?" in part).partition(
            "|"
        )[0]
        query = parse_qs(urlsplit(graph).query)
        assert query["namespaces"] == ["bookinfo"]
        assert ("waypoints" in query) is modern


async def test_settled_urls_need_no_port_forward(tmp_path: Path) -> None:
    """What the host has set is what people get."""
    async with playing(tmp_path, MESHBOT_WORKSHOP__KIALI_URL="https://kiali.example.org/kiali") as (
        stage,
        _,
    ):
        await stage.type("/mesh install")
        await with_addons(stage)
        said = words(await stage.type("/mesh links"))
        assert "https://kiali.example.org/kiali/console/mesh" in said
        assert "svc/kiali" not in said


async def test_settled_urls_before_the_addons_are_no_more_than_urls(tmp_path: Path) -> None:
    """They are given, and so is that nothing runs there yet."""
    url = "https://kiali.example.org/kiali"
    async with playing(tmp_path, MESHBOT_WORKSHOP__KIALI_URL=url) as (stage, _):
        said = words(await stage.type("/mesh links -> not yet"))
        assert f"{url}/console/mesh" in said
        assert "none of Kiali, Jaeger, Grafana and Bookinfo runs yet" in said
        assert "Kiali: no Deployment of it is in this cluster yet" in said


async def test_before_the_addons_links_say_what_is_next(stage: Stage) -> None:
    """Without a mesh, install; with one, never install again; and to an attendee nothing that is
    not theirs."""
    assert "/mesh install" in words(await stage.type("/mesh links -> not yet"))
    await stage.type("/mesh install")
    assert "/mesh install" not in words(await stage.type("/mesh links -> not yet"))
    assert "/mesh addons" not in words(await stage.type("@alice: /mesh links -> not yet"))


async def test_the_board_follows_the_sidecar_workshop(tmp_path: Path) -> None:
    """Each row turns as kubectl makes it true, with the fact that shows it; and all of it goes
    again."""
    async with playing(tmp_path) as (stage, _):
        await stage.type("/mesh install")
        await with_addons(stage)
        said = words(await stage.type("/mesh status"))
        assert "✅ addons — 3 of 3 installed" in said
        assert "not yet: bookinfo — not deployed" in said
        await with_bookinfo(stage, "istio-injection=enabled")
        await apply(
            stage, f"{RULES}/destination-rule-all.yaml", f"{RULES}/virtual-service-all-v1.yaml"
        )
        await apply(stage, f"{RULES}/virtual-service-ratings-test-delay.yaml")
        said = words(await stage.type("/mesh status"))
        assert "✅ inject — 6 of 6 pods have a sidecar" in said
        assert "✅ route — VirtualService reviews, 1 rule\n" in said
        assert "not yet: fault — fault on ratings; The fault on ratings is for jason" in said
        assert "who gets reviews v1, which never asks ratings" in said
        assert "not yet: expose — gateway bookinfo-gateway: has no address yet" in said
        await uninstalled(
            stage, kept="6 Deployments in bookinfo; 6 of them restart without sidecars"
        )
        pods = await stage.api.list(PODS, "bookinfo")
        assert not any(
            "sidecar.istio.io/status" in (p["metadata"].get("annotations") or {}) for p in pods
        )


@pytest.mark.parametrize("istio", ["1.30.3", "1.23.2"])
async def test_the_board_follows_the_ambient_workshop(tmp_path: Path, istio: str) -> None:
    """The same in ambient, with a waypoint; and all of it goes again."""
    async with playing(tmp_path, istio=istio) as (stage, _):
        await stage.type("/mesh install ambient")
        await with_bookinfo(stage, "istio.io/dataplane-mode=ambient")
        home, kubeconfig = (
            stage.environment["MESHBOT_ISTIO__HOME"],
            stage.environment["MESHBOT_CLUSTER__KUBECONFIG"],
        )
        waypoint = ("waypoint", "apply", "-n", "bookinfo", "--enroll-namespace", "--wait")
        await run(f"{home}/bin/istioctl", *waypoint, f"--kubeconfig={kubeconfig}")
        await apply(stage, "bookinfo/gateway-api/route-reviews-v1.yaml")
        said = words(await stage.type("/mesh status"))
        assert "✅ ambient — 6 of 6 pods captured" in said
        assert "✅ waypoint" in said
        assert "not yet: route — HTTPRoute reviews; " in said
        assert "sends to Service reviews-v1:9080, which does not exist" in said
        await apply(stage, "bookinfo/platform/kube/bookinfo-versions.yaml")
        assert "✅ route — HTTPRoute reviews" in words(await stage.type("/mesh status"))
        assert "they are in the ambient mesh instead" in said
        await uninstalled(stage, kept="6 Deployments in bookinfo")


async def uninstalled(stage: Stage, *, kept: str) -> None:
    """Removes the mesh; afterwards nothing of it is in the cluster, and what is kept is said."""
    asked = words(await stage.type("/mesh uninstall"))
    assert f"kept: {kept}" in asked
    assert "in bookinfo\n" in asked.partition("HTTPRoute")[2]
    done = words(await stage.type('click "Confirm"'))
    assert "the mesh is gone, and nothing is left over" in done
    assert "left:" not in done
    assert await stage.api.list(CRDS) == []
    assert await stage.api.list(MAPS, labels="istio.io/config=true") == []
    assert [r for r in await stage.api.list(ROLES) if "istio" in r["metadata"]["name"]] == []
    bookinfo = await stage.api.get(NAMESPACES, "bookinfo")
    assert bookinfo is not None
    assert set(bookinfo["metadata"]["labels"]) == {"kubernetes.io/metadata.name"}
    assert await stage.api.get(NAMESPACES, "istio-system") is None


async def test_uninstall_app_takes_the_namespace_too(tmp_path: Path) -> None:
    """Counted before, and gone after."""
    async with playing(tmp_path) as (stage, _):
        await stage.type("/mesh install")
        await with_bookinfo(stage, "istio-injection=enabled")
        asked = words(await stage.type("/mesh uninstall app"))
        assert "the namespace bookinfo with its 6 Deployments" in asked
        await stage.type('click "Confirm"')
        assert await stage.api.get(NAMESPACES, "bookinfo") is None


async def test_a_pod_that_nothing_restarts_is_named(tmp_path: Path) -> None:
    """A bare pod with a sidecar stops nothing; it is named before and after."""
    async with playing(tmp_path) as (stage, _):
        await stage.type("/mesh install")
        await kubectl(stage, "create", "namespace", "bookinfo")
        await kubectl(stage, "label", "namespace", "bookinfo", "istio-injection=enabled")
        await kubectl(
            stage,
            "run",
            "curl",
            "-n",
            "bookinfo",
            "--image=curl",
            "--restart=Never",
            "--",
            "sleep",
            "9",
        )
        assert "Pods that no Deployment restarts keep dead sidecars: curl." in words(
            await stage.type("/mesh uninstall")
        )
        done = words(await stage.type('click "Confirm"'))
        assert "left: pods with dead sidecars, for their owners to restart: curl" in done
