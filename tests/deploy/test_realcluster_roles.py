"""The roles of the manifests on a real API server: enough for the whole workshop, and nothing that
it does not need.

Marker `realcluster`. The bot and istioctl have the ServiceAccount's token and nothing else; what
stands in for kubelets and proxies has an account of its own, as they have on a real node.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.knowledge.observe.kiali_role import name_kinds
from tests.deploy.access import Grant, grants, unused
from tests.deploy.account import OVERLAYS, account, play_as, role
from tests.deploy.test_roles import Rules, handed_out, lacking
from tests.marks import realcluster
from tests.scenarios.realcluster import kubectl, play

pytestmark = realcluster(seconds=600)

MINUTES = 60
HARMLESS = ("felixconfigurations.projectcalico.org", "pods/portforward")
"""What istioctl asks for, is refused, and goes on without: Calico's settings, and istiod's own word
for its version."""
SPARE = {
    "update configmaps": "undo of add-ons of another release",
    "update serviceaccounts": "undo of add-ons of another release",
    "update services": "undo of add-ons of another release",
    "update clusterroles.rbac.authorization.k8s.io kiali": "undo of add-ons of another release",
    "update clusterroles.rbac.authorization.k8s.io prometheus": "undo of add-ons of another release",
    "update clusterrolebindings.rbac.authorization.k8s.io kiali": "undo of add-ons of another "
    "release",
    "update clusterrolebindings.rbac.authorization.k8s.io prometheus": "undo of add-ons of another "
    "release",
    "update gateways.gateway.networking.k8s.io": "undo of a Gateway that somebody else made "
    "otherwise",
    "update destinationrules.networking.istio.io": "undo of a DestinationRule that somebody else "
    "made otherwise",
    "update authorizationpolicies.security.istio.io": "undo of a policy that somebody else made "
    "otherwise",
    "update sidecars.networking.istio.io": "undo of a Sidecar that somebody else made otherwise",
    "update serviceentries.networking.istio.io": "undo of a ServiceEntry that somebody else made "
    "otherwise",
    "list tcproutes.gateway.networking.k8s.io": "in the Gateway API's experimental channel",
    "list udproutes.gateway.networking.k8s.io": "in the Gateway API's experimental channel",
    "get services/proxy istiod:15014": "asked only when its health is",
    "get services/proxy bookinfo-gateway-istio:15021": "asked only when its health is",
    "create events.events.k8s.io": "Events on what was changed",
    "patch events.events.k8s.io": "Events on what was changed",
    **{
        f"{verb} poddisruptionbudgets.policy": "Istio 1.23 has them"
        for verb in ("get", "create", "patch", "delete")
    },
    **{
        f"{verb} {kind}.rbac.authorization.k8s.io kiali-controlplane": "Kiali of Istio 1.23 has it"
        for kind in ("roles", "rolebindings")
        for verb in ("patch", "update", "delete")
    },
}
"""Pieces that no script here needs, and why they are held all the same."""
PLAYED = {
    "workshop": (
        "60 asked, 60 sent through bookinfo-gateway-istio",
        "productpage-v1 → reviews",
        "the mesh is gone, and nothing is left over",
    ),
    str(Path(__file__).parent / "ways-back.mesh"): (),
}
"""The scripts, and what is to be read in them besides every line's end: requests go through the API
server's proxy to the pods' own addresses."""
LOOK = """
/mesh status
/mesh links
/mesh graph
/mesh traces
@alice: /mesh status
/mesh show -> normal
"""
FURNISH = """/mesh install
/mesh addons
/mesh kiali
/mesh bookinfo
/mesh inject
/mesh expose
/mesh traffic start
/mesh traffic burst 100 at 10/s
"""


async def granted_by_istio(folder: Path) -> list[Grant]:
    """What the roles of the release at hand, and of its add-ons, hold."""
    home = Path(os.environ["ISTIO_HOME"])
    found: Rules = []
    for name in ("kiali", "prometheus"):
        text = (home / "samples" / "addons" / f"{name}.yaml").read_text()
        for obj in filter(None, yaml.safe_load_all(text)):
            found += name_kinds(obj.get("rules", []))
    texts = []
    for profile in ("demo", "ambient"):
        program = await asyncio.create_subprocess_exec(
            *(
                str(home / "bin" / "istioctl"),
                "manifest",
                "generate",
                "--set",
                f"profile={profile}",
            ),
            stdout=asyncio.subprocess.PIPE,
        )
        texts.append((await program.communicate())[0].decode())
    for text in texts:
        for obj in filter(None, yaml.safe_load_all(text)):
            found += obj.get("rules", ()) if obj["kind"].endswith("Role") else ()
    return [
        *grants(found),
        *handed_out("1.30.3", folder / "a"),
        *handed_out("1.23.2", folder / "b"),
    ]


@pytest.mark.timeout(25 * MINUTES)
async def test_the_whole_workshop_runs_with_exactly_its_role(tmp_path: Path) -> None:
    """The script of the sandbox passes with the real API server, istiod and istioctl, and so do the
    ways back; nothing that matters is refused, and each piece of the roles was needed or has its
    reason."""
    async with account("workshop", tmp_path) as (file, recorder):
        for script, seen in PLAYED.items():
            code, transcript = await play_as(file, script)
            assert code == 0, transcript
            assert [text for text in seen if text not in transcript] == [], transcript
        assert [
            ask for ask in recorder.refused if not any(known in ask for known in HARMLESS)
        ] == []
        own = await role("meshbot-observe", "meshbot-workshop")
        assert {str(piece) for piece in unused(own, recorder.asks)} <= set(SPARE)


async def test_what_the_bot_may_grant_is_what_istio_is_granted(tmp_path: Path) -> None:
    """Each piece is in a role of Istio, Kiali or Prometheus, and the API server lets the bot grant
    nothing else."""
    async with account("workshop", tmp_path) as (file, _):
        held, wanted = grants(await role("meshbot-grant")), await granted_by_istio(tmp_path)
        assert lacking(held, wanted) == []
        assert lacking(wanted, held) == []
        attempt = await asyncio.create_subprocess_exec(
            *("kubectl", "--kubeconfig", str(file), "create", "clusterrole", "mine"),
            *("--verb=deletecollection", "--resource=secrets"),
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await attempt.communicate()
        assert "attempting to grant RBAC permissions not currently held" in said.decode()


async def attempt(file: Path, *arguments: str) -> tuple[int, str]:
    """What kubectl does with the bot's account: its exit code, and both streams."""
    program = await asyncio.create_subprocess_exec(
        *("kubectl", "--kubeconfig", str(file), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await program.communicate()
    return program.returncode or 0, said.decode()


ISTIOD = "istiod-clusterrole-istio-system"
"""The role that `istioctl install` makes for istiod."""
EVERYTHING = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]


async def attempt_until(file: Path, seen: str, *arguments: str) -> None:
    """Repeat a command until it says that: an API server takes changed roles up within seconds."""
    for _try in range(50):
        _, said = await attempt(file, *arguments)
        if seen in said:
            return
        await asyncio.sleep(0.2)
    raise AssertionError(said)


async def test_no_narrower_right_does_instead_of_the_star(tmp_path: Path) -> None:
    """Istiod's role is refused to who holds all kinds by name and no `*`. `escalate` and `bind` for
    that one role let it through, and with it whatever else is written into it: whoever has the
    token is the cluster's administrator, which the `*` for reading makes of nobody."""
    wanted = await render_role(ISTIOD)
    whole, wide = tmp_path / "istiod.yaml", tmp_path / "wide.yaml"
    whole.write_text(yaml.safe_dump(wanted))
    wide.write_text(yaml.safe_dump(wanted | {"rules": EVERYTHING}))
    refused, taken = "attempting to grant RBAC permissions not currently held", "serverside-applied"
    apply = ("apply", "--server-side", "--filename")
    bind = ("create", "clusterrolebinding", ISTIOD, f"--clusterrole={ISTIOD}")
    async with account("workshop", tmp_path) as (file, _):
        held = await role("meshbot-grant")
        named = name_kinds(held)
        try:
            await attempt_until(file, taken, *apply, str(whole))
            await attempt_until(file, refused, *apply, str(wide))
            await kubectl("delete", "clusterrole", ISTIOD)
            await kubectl("patch", "clusterrole", "meshbot-grant", "--type=merge", rules(named))
            await attempt_until(file, refused, *apply, str(whole))
            await kubectl("apply", "--filename", str(write_escalation(tmp_path)))
            await attempt_until(file, taken, *apply, str(whole))
            await attempt_until(file, taken, *apply, str(wide))
            await attempt_until(file, "created", *bind, "--serviceaccount=meshbot:meshbot")
            await attempt_until(file, "yes", "auth", "can-i", "delete", "nodes")
        finally:
            for kind in ("clusterrolebinding", "clusterrole"):
                await kubectl("delete", "--ignore-not-found", kind, ISTIOD, "meshbot-tries")


async def render_role(name: str) -> dict[str, Any]:
    """A ClusterRole as the release's istioctl would make it."""
    program = await asyncio.create_subprocess_exec(
        str(Path(os.environ["ISTIO_HOME"]) / "bin" / "istioctl"),
        *("manifest", "generate"),
        stdout=asyncio.subprocess.PIPE,
    )
    text = (await program.communicate())[0].decode()
    found = [obj for obj in yaml.safe_load_all(text) if obj and obj["metadata"]["name"] == name]
    (made,) = (obj for obj in found if obj["kind"] == "ClusterRole")
    return dict(made)


def rules(held: list[dict[str, Any]]) -> str:
    """kubectl's patch that gives a role just these rules, with no `*` among the resources."""
    left = [rule for rule in held if "*" not in rule.get("resources", ())]
    return f"--patch={json.dumps({'rules': left})}"


def write_escalation(folder: Path) -> Path:
    """A role that lets the bot write istiod's role whatever it holds, and bind it; bound to it."""
    rule = {
        "apiGroups": ["rbac.authorization.k8s.io"],
        "resources": ["clusterroles"],
        "resourceNames": [ISTIOD],
        "verbs": ["escalate", "bind"],
    }
    api, name = "rbac.authorization.k8s.io/v1", {"name": "meshbot-tries"}
    made = {"apiVersion": api, "kind": "ClusterRole", "metadata": name, "rules": [rule]}
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", **name}
    subject = {"kind": "ServiceAccount", "name": "meshbot", "namespace": "meshbot"}
    bound = {"apiVersion": api, "kind": "ClusterRoleBinding", "metadata": name, "roleRef": ref}
    file = folder / "escalation.yaml"
    file.write_text(yaml.safe_dump_all([made, bound | {"subjects": [subject]}]))
    return file


async def test_the_policy_keeps_the_bot_to_the_workshops_namespaces(tmp_path: Path) -> None:
    """With the component for people's own namespaces: those that its policy names are labelled,
    made and deleted; all others are refused in its words, whatever the role grants."""
    component = OVERLAYS.parent / "components" / "own-namespaces"
    files = [f"--filename={component / name}.yaml" for name in ("role", "policy")]
    label = ("label", "--overwrite", "namespace")
    async with account("workshop", tmp_path) as (file, _):
        await kubectl("apply", "--server-side", *files)
        try:
            # The API server takes a new policy up within seconds.
            for _try in range(100):
                code, said = await attempt(file, *label, "default", "istio-injection=enabled")
                if code and "meshbot may change only" in said:
                    break
                await asyncio.sleep(0.2)
            assert "default is none of them" in said
            for refused in (
                ("delete", "namespace", "kube-public", "--wait=false"),
                ("create", "namespace", "bookinfo2"),
                ("create", "namespace", "somebody-elses"),
                ("delete", "validatingadmissionpolicy", "meshbot-own-namespaces"),
            ):
                code, said = await attempt(file, *refused)
                assert code, said
                assert "orbidden" in said or "none of them" in said
            for allowed in (
                ("create", "namespace", "bookinfo-u012ab3cd"),
                (*label, "bookinfo-u012ab3cd", "istio-injection=enabled"),
                ("delete", "namespace", "bookinfo-u012ab3cd", "--wait=false"),
            ):
                code, said = await attempt(file, *allowed)
                assert code == 0, said
            await kubectl(*label, "default", "istio-injection-")
        finally:
            await kubectl("delete", "--ignore-not-found", *files)


@pytest.mark.parametrize("overlay", ["workshop", "workshop-postgres", "observe"])
async def test_the_api_server_takes_the_overlay_and_the_pods(overlay: str, tmp_path: Path) -> None:
    """Nothing is unknown to it, and the namespace's Pod Security Standard lets as many pods in as
    are wanted."""
    async with account(overlay, tmp_path):
        wanted = "2" if overlay == "workshop-postgres" else "1"
        told = await kubectl(
            "apply", "--dry-run=server", "--server-side", "-k", str(OVERLAYS / overlay)
        )
        assert "deployment.apps/meshbot serverside-applied (server dry run)" in told
        made = (
            "get",
            "replicasets",
            "--namespace",
            "meshbot",
            "-o",
            "jsonpath={.items[*].status.replicas}",
        )
        for _ in range(50):
            if await kubectl(*made) == wanted:
                return
            await asyncio.sleep(0.2)
        raise AssertionError(await kubectl("get", "events", "--namespace", "meshbot"))


@asynccontextmanager
async def furnished() -> AsyncIterator[None]:
    """The workshop up to traffic, by an administrator, and its data plane running for as long as
    the context lasts."""
    host = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "sandbox", "--cluster", "kubeconfig"),
        *("--data-plane", "embedded", "--speed", "4"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert host.stdin is not None
    assert host.stdout is not None
    host.stdin.write(FURNISH.encode())
    async for line in host.stdout:
        if b"of 100 requests got their pages" in line:
            break
    rest = asyncio.create_task(host.stdout.read())  # a full pipe would stop it
    try:
        yield
    finally:
        host.terminate()
        await asyncio.gather(rest, host.wait())


@pytest.mark.timeout(10 * MINUTES)
async def test_who_may_only_observe_sees_everything_and_changes_nothing(tmp_path: Path) -> None:
    """Install is refused by the cluster, in words that say whose turn it is; status, links, graph
    and traces work."""
    script = tmp_path / "look.mesh"
    async with account("observe", tmp_path) as (file, recorder):
        script.write_text("/mesh install")
        code, transcript = await play(str(script), "--kubeconfig", str(file))
        assert code == 1
        assert 'is forbidden: User "system:serviceaccount:meshbot:meshbot" cannot' in transcript
        assert "The cluster's administrator must grant" in transcript
        recorder.refused.clear()
        async with furnished():
            script.write_text(LOOK)
            code, transcript = await play(str(script), "--kubeconfig", str(file))
        assert code == 0, transcript
        assert dict(recorder.refused) == {}
        assert "istio-system" in await kubectl("get", "namespaces", "-o", "name")
