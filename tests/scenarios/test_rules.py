"""The rules that the settings add: roles by step, channels, and namespaces of attendees' own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.app import Bot, run_bot
from bot.catalog import Catalog
from bot.engine.access.protected import find_protected_namespaces
from bot.engine.world.namespace_guard import NamespaceGuard
from bot.engine.world.workshop_namespaces import WorkshopNamespaces
from bot.errors import SettingsError, UserError
from bot.kinds import CONFIG_MAP, CRD, NAMESPACE, Object
from bot.parts import build_access_policy
from bot.settings import load_settings
from bot.steps import Workshop
from handlers import STEPS
from sandbox.cluster.contract import Ref
from sandbox.workspace.state import Channel
from tests.scenarios.stage import NAMESPACES, Stage, furnished, words

pytestmark = pytest.mark.long

OWN = {"MESHBOT_ROLES__OWN_NAMESPACES": "bookinfo-{user}"}
ALICES, BOBS = "bookinfo-u0alice", "bookinfo-u0bob"
DEPLOYMENTS = Ref("apps", "deployments")


@asynccontextmanager
async def ruled(home: Path, rules: dict[str, str]) -> AsyncIterator[tuple[Stage, Bot]]:
    """The bot with these settings in front of an empty cluster."""
    async with furnished(home) as stage, run_bot(stage.settings(**rules)) as bot:
        yield stage, bot


async def names(stage: Stage) -> set[str]:
    """The namespaces that there are."""
    return {n["metadata"]["name"] for n in await stage.api.list(NAMESPACES)}


async def test_a_step_can_be_given_to_another_role(tmp_path: Path) -> None:
    """An attendee runs what the settings give them; a host is refused what is the admins', who are
    named."""
    given = {
        "MESHBOT_ROLES__STEPS": "preflight=attendee, uninstall=admin",
        "MESHBOT_ROLES__ADMIN_GROUPS": "S0HOSTS",
    }
    async with ruled(tmp_path, given | {"MESHBOT_ROLES__HOSTS": "U0BOB"}) as (stage, _):
        assert "Done" in words(await stage.type("@alice: /mesh preflight"))
        denial = words(await stage.type("@bob: /mesh uninstall -> error"))
        assert "needs the role admin; you are host. <!subteam^S0HOSTS> can." in denial
        assert "an admin may also: uninstall" in words(await stage.type("@bob: /mesh whoami"))
        assert "there is no mesh here" in words(await stage.type("/mesh uninstall"))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            {"ROLES__STEPS": "fualt=attendee"},
            "roles.steps.fualt: there is no such step .*did you mean fault?",
        ),
        (
            {"ROLES__STEPS": "install=attendee", "ROLES__OWN_NAMESPACES": "x-{user}"},
            "roles.steps.install: reaches what everyone shares",
        ),
        *(
            ({"ROLES__NAMESPACE_OF": f"U0BOB={name}"}, "roles.namespace_of.U0BOB: should not be")
            for name in ("istio-system", "istio-ingress", "default", "meshbot")
        ),
        (
            {"ROLES__NAMESPACE_OF": "U0BOB=mesh", "WORKSHOP__MESH_NAMESPACE": "mesh"},
            "roles.namespace_of.U0BOB: should not be",
        ),
        ({"ROLES__OWN_NAMESPACES": "istio-{user}"}, "roles.own_namespaces: should not be"),
        ({"ROLES__OWN_NAMESPACES": "kube-{user}"}, "roles.own_namespaces: should be a namespace"),
        ({"WORKSHOP__APP_NAMESPACE": "istio-system"}, "workshop.app_namespace: should not be"),
    ],
)
def test_rules_that_cannot_be_are_refused_at_the_start(settings: dict[str, str], says: str) -> None:
    """A step that there is not, and rules that contradict each other, are named by their setting."""
    with pytest.raises(SettingsError, match=says):
        build_access_policy(
            load_settings(None, {f"MESHBOT_{name}": value for name, value in settings.items()})
        )


def test_the_workshop_may_be_held_in_default() -> None:
    """Who says so means it; only attendees never get it as theirs."""
    build_access_policy(load_settings(None, {"MESHBOT_WORKSHOP__APP_NAMESPACE": "default"}))


def test_the_namespace_of_the_pod_is_the_bot_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it is called."""
    (tmp_path / "namespace").write_text("tools\n")
    monkeypatch.setattr("bot.engine.access.protected.MOUNTED", tmp_path / "namespace")
    settings = load_settings(None, {"MESHBOT_ROLES__NAMESPACE_OF": "U0BOB=tools"})
    with pytest.raises(SettingsError, match=r"roles\.namespace_of\.U0BOB: should not be"):
        build_access_policy(settings)


@pytest.mark.parametrize("name", ["istio-system", "kube-system", "default", "meshbot", "mesh"])
def test_no_pattern_reaches_the_mesh(name: str) -> None:
    """`in=` names the application's namespace, and that is none of these, for hosts neither."""
    protected = find_protected_namespaces("mesh")
    namespaces = WorkshopNamespaces(Workshop(), ("*",), protected)
    catalog = Catalog(STEPS)
    with pytest.raises(UserError, match="is not a namespace of this workshop"):
        namespaces.resolve_workshop(catalog.parse(f"bookinfo in={name}"))
    assert namespaces.resolve_workshop(catalog.parse("bookinfo in=shop")).app_namespace == "shop"


async def test_an_attendee_changes_their_own_namespace_only(tmp_path: Path) -> None:
    """Without in= their own is meant; whatever else it would change is refused, naming a host."""
    async with ruled(tmp_path, OWN) as (stage, _):
        done = words(await stage.type("@alice: /mesh bookinfo"))
        assert f"Bookinfo answers in {ALICES}" in done
        assert f"/mesh bookinfo in={ALICES}" in done
        for line in ("inject in=bookinfo", f"bookinfo in={BOBS}"):
            denial = words(await stage.type(f"@alice: /mesh {line} -> error"))
            assert f"you may change only your own namespace {ALICES}. <@U0HOST> can." in denial
        assert "needs the role host" in words(await stage.type("@alice: /mesh install -> error"))
        assert await names(stage) & {"bookinfo", BOBS, "istio-system"} == set()


async def test_only_its_owner_or_a_host_confirms_for_a_namespace(tmp_path: Path) -> None:
    """Another attendee can neither confirm nor cancel; the owner can."""
    async with ruled(tmp_path, OWN) as (stage, _):
        await stage.type("@alice: /mesh bookinfo")
        assert "Only the owner of that namespace, or a host, can confirm" in words(
            await stage.type("@alice: /mesh bookinfo off")
        )
        for button in ("Take it away", "Cancel"):
            denial = await stage.type(f'@bob: click "{button}" -> error')
            assert (
                f"in {ALICES} needs the role host; you may change only your own namespace {BOBS}"
                in words(denial)
            )
            assert denial.ephemeral_to == "U0BOB"
        await stage.type('@alice: click "Take it away"')
        assert ALICES not in await names(stage)


async def test_an_attendee_does_not_confirm_for_the_workshops_namespace(tmp_path: Path) -> None:
    """A question about the workshop's namespace is not about theirs, though neither names one."""
    async with ruled(tmp_path, OWN) as (stage, _):
        await stage.type("/mesh bookinfo")
        await stage.type("/mesh bookinfo off")
        denial = words(await stage.type('@alice: click "Take it away" -> error'))
        assert "in bookinfo needs the role host" in denial
        assert "bookinfo" in await names(stage)


async def test_undo_in_an_own_namespace_leaves_the_mesh_alone(tmp_path: Path) -> None:
    """What a host did to everyone after it is not an attendee's to take back."""
    async with ruled(tmp_path, OWN) as (stage, _):
        await stage.type("/mesh install")
        await stage.type("@alice: /mesh bookinfo")
        await stage.type("/mesh addons prometheus")
        question = words(await stage.type("@alice: /mesh undo"))
        assert f"bookinfo in={ALICES} will be taken back" in question
        assert "prometheus" not in question
        await stage.type('@alice: click "Take it back"')
        assert ALICES not in await names(stage)
        assert await stage.api.get(DEPLOYMENTS, "prometheus", "istio-system") is not None


async def test_attendees_work_side_by_side(tmp_path: Path) -> None:
    """Two namespaces are changed at the same time; what everyone shares waits for them, and they
    for it."""
    async with ruled(tmp_path, OWN) as (stage, bot):
        stage.cluster.slow_image_pulls(30)
        for user in ("alice", "bob"):
            await stage.workspace.actions.send_command(user, "mesh-workshop", "/mesh bookinfo")
        assert "is already running" in words(await stage.type("/mesh install -> error"))
        runs = [
            run
            for run in await bot.ledger.run_queries.list_recent_runs(3)
            if run.step == "bookinfo"
        ]
        assert {run.state for run in runs} == {"done"}
        assert max(run.created_at for run in runs) < min(
            run.finished_at for run in runs if run.finished_at
        )


async def test_the_fence_holds_whatever_a_step_tries(tmp_path: Path) -> None:
    """Inside their namespace and on it everything can be written, elsewhere nothing, by no kind of
    write."""
    async with ruled(tmp_path, OWN) as (_, bot):
        fence = NamespaceGuard(bot.cluster, ALICES, set())
        for name in (ALICES, BOBS):
            await bot.cluster.apply(
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            )
        await fence.merge(NAMESPACE, ALICES, "", {"metadata": {"labels": {"a": "b"}}})
        await fence.apply(config(ALICES))
        for attempt in (
            fence.apply(config(BOBS)),
            fence.put(config(BOBS)),
            fence.merge(NAMESPACE, BOBS, "", {"metadata": {"labels": {"a": "b"}}}),
            fence.delete(NAMESPACE, BOBS),
            fence.delete(CRD, ALICES),
        ):
            with pytest.raises(UserError, match=f"you may change only {ALICES}"):
                await attempt
        assert await bot.cluster.find(CONFIG_MAP, BOBS, fields="metadata.name=c") == []


def config(namespace: str) -> Object:
    """A ConfigMap there."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c", "namespace": namespace},
        "data": {},
    }


async def test_the_bot_acts_as_whom_the_settings_name(tmp_path: Path) -> None:
    """Everything works as before under other names, istioctl included; whoami names them."""
    acting = {
        f"MESHBOT_CLUSTER__IMPERSONATE__{role}__USER": "slack:{user}"
        for role in ("HOST", "ATTENDEE")
    }
    async with ruled(tmp_path, OWN | acting) as (stage, _):
        await stage.type("/mesh install")
        await stage.type("@alice: /mesh bookinfo")
        await stage.type("@alice: /mesh inject")
        await stage.type("@alice: /mesh expose")
        await stage.type("@alice: /mesh traffic once")
        said = words(await stage.type("@alice: /mesh whoami"))
        assert "in the cluster I act for you as the user slack:u0alice" in said


async def test_reading_is_for_everyone_and_defaults_to_ones_own(tmp_path: Path) -> None:
    """An attendee's status is that of their namespace; any other of the workshop's can be named."""
    async with ruled(tmp_path, OWN | {"MESHBOT_ROLES__NAMESPACE_OF": "U0BOB=team-b"}) as (stage, _):
        assert ALICES in words(await stage.type("@alice: /mesh status"))
        assert "team-b" in words(await stage.type("@bob: /mesh status"))
        await stage.type(f"@alice: /mesh status in={BOBS}")
        said = words(await stage.type("@bob: /mesh whoami"))
        assert "you may change only: team-b" in said
        assert "in your own namespace team-b you may also: bookinfo, inject" in said


async def test_someone_without_a_namespace_is_told_who_can_help(tmp_path: Path) -> None:
    """A mapping that leaves someone out lets them read, and says who can."""
    async with ruled(tmp_path, {"MESHBOT_ROLES__NAMESPACE_OF": "U0BOB=team-b"}) as (stage, _):
        denial = words(await stage.type("@alice: /mesh bookinfo -> error"))
        assert "needs the role host; you are attendee. <@U0HOST> can." in denial
        assert "you have no namespace of your own yet" in words(
            await stage.type("@alice: /mesh whoami")
        )
        await stage.type("@alice: /mesh status")


async def test_other_channels_are_pointed_to_the_right_one(tmp_path: Path) -> None:
    """Elsewhere nothing is started, for hosts either; a direct message may ask, and not change."""
    async with ruled(tmp_path, {"MESHBOT_SLACK__CHANNELS": "C0MESH"}) as (stage, bot):
        everyone = set(stage.workspace.state.channels["C0MESH"].members)
        stage.workspace.state.channels["C0ELSE"] = Channel("C0ELSE", "random", everyone)
        stage.workspace.state.channels["D0HOST"] = Channel(
            "D0HOST", "dm", everyone, is_private=True, is_im=True
        )
        for channel, says in (
            ("C0ELSE", "takes no commands"),
            ("D0HOST", "can only ask, not change anything"),
        ):
            await stage.workspace.actions.send_command("host", channel, "/mesh preflight")
            answer = await told(stage, channel)
            assert f"{says}. Type it in <#C0MESH>." in answer
        await stage.workspace.actions.send_command("host", "D0HOST", "/mesh whoami")
        assert "you are host" in await told(stage, "D0HOST", 2)
        assert await bot.ledger.run_queries.list_recent_runs(1) == []
        await stage.type("/mesh preflight")


async def told(stage: Stage, channel: str, count: int = 1) -> str:
    """What the host was told in a channel, once there are so many answers."""
    with stage.workspace.watch_changes() as changes:
        while len(seen := stage.workspace.list_messages(channel, "host")) < count:
            await anext(changes)
    return words(seen[-1])
