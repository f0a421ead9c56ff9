"""What is confirmed is what was shown, also when the process dies before it has looked once more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import update

from bot.app import Bot, run_bot
from bot.engine.runs import recovery
from bot.kinds import CONFIG_MAP
from bot.ledger import Ledger, NewRun, NewSchedule, Run
from bot.ledger.database import execute
from bot.ledger.database_tables import runs
from bot.records import BeforeImage
from bot.text import Text
from bot.when import Timing
from bot.when.timing import TimingKind
from sandbox.cluster.contract import Ref
from sandbox.workspace.plain import read_verdict_state
from tests.scenarios.stage import NAMESPACES, Stage, furnished, playing, words

DEPLOYMENTS = Ref("apps", "deployments")
GONE = "elsewhere-1-000000"
"""A process that nobody has heard of: whatever it began is taken up."""


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[tuple[Stage, Bot]]:
    """A bot, and an empty cluster."""
    async with playing(tmp_path) as made:
        yield made


async def confirmed(bot: Bot, step: str, by: str = "") -> Run:
    """The newest run of a step, confirmed; nothing carries it out yet."""
    run = await bot.ledger.run_queries.find_last_run(step)
    assert run is not None
    assert await bot.ledger.runs.confirm_run(run.id, owner=bot.ledger.replicas.owner, by=by)
    return run


def new_run(
    stage: Stage, typed: str, *, user: str = "U0HOST", owner: str = GONE, lock: str = ""
) -> NewRun:
    """What somebody typed, begun by a process that is gone unless another is named."""
    channel = stage.workspace.get_channel("mesh-workshop").id
    step = typed.split()[0]
    return NewRun(uuid4().hex, step, user, channel, owner, typed, lock_key=lock or None)


async def left(bot: Bot, run: Run) -> None:
    """The process that has a run dies; it is taken up, and has ended or asks."""
    # Not before: the bot looks for such runs all the time.
    gone = update(runs).where(runs.c.id == run.id).values(owner=GONE)
    await execute(bot.ledger._engine, gone)
    await taken_up(bot)


async def taken_up(bot: Bot) -> None:
    """What dead processes left is taken up, and has ended or asks."""
    await bot.router.recover_runs()
    await bot.router.jobs.wait_until_idle()


async def add_rule(stage: Stage, namespace: str) -> None:
    """Somebody makes something that the plan, as it was shown, does not name."""
    meta = {"name": "added", "namespace": namespace}
    listener = {"name": "http", "port": 80, "protocol": "HTTP"}
    gateway = {"gatewayClassName": "istio", "listeners": [listener]}
    kind = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway"}
    await stage.api.create({**kind, "metadata": meta, "spec": gateway})


@pytest.mark.long
async def test_a_confirmed_run_that_is_taken_up_is_compared_with_what_was_shown(
    scene: tuple[Stage, Bot],
) -> None:
    """Killed between Confirm and the second look, and the cluster has changed: it asks again."""
    stage, bot = scene
    for line in ("/mesh install", "/mesh bookinfo", "/mesh bookinfo off"):
        await stage.type(line)
    run = await confirmed(bot, "bookinfo")
    await add_rule(stage, "bookinfo")
    await left(bot, run)
    asked = stage.newest()
    assert read_verdict_state(asked) == "asks"
    assert "This has changed since it was shown" in words(asked)
    assert "Gateway added" in words(asked)
    assert await stage.api.get(DEPLOYMENTS, "productpage-v1", "bookinfo") is not None
    await stage.type('click "Take it away"')
    assert await stage.api.get(NAMESPACES, "bookinfo") is None


@pytest.mark.long
async def test_a_confirmed_run_that_is_taken_up_is_done_when_nothing_has_changed(
    scene: tuple[Stage, Bot],
) -> None:
    """Also one that is not repeated once it has begun: it had not."""
    stage, bot = scene
    for line in ("/mesh install", "/mesh uninstall"):
        await stage.type(line)
    await left(bot, await confirmed(bot, "uninstall"))
    assert "the mesh is gone" in words(stage.newest())


@pytest.mark.long
async def test_a_run_that_nobody_carries_out_is_not_forgotten(
    scene: tuple[Stage, Bot], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database took it, and the answer was lost on its way: it would hold its lock for ever."""
    stage, bot = scene
    monkeypatch.setattr(recovery, "LOST_AFTER", -1.0)
    await bot.ledger.runs.begin_run(new_run(stage, "preflight", owner=bot.ledger.replicas.owner))
    await taken_up(bot)
    assert read_verdict_state(stage.newest()) == "done"


@pytest.mark.long
async def test_an_undo_that_is_taken_up_takes_back_what_was_confirmed(
    scene: tuple[Stage, Bot],
) -> None:
    """Killed when all was back and not noted yet: the change before that one stays."""
    stage, bot = scene
    await stage.type("/mesh bookinfo")
    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "last"}}
    made["metadata"]["namespace"] = "bookinfo"  # type: ignore[index]  # a manifest
    owner = bot.ledger.replicas.owner
    run = await bot.ledger.runs.begin_run(new_run(stage, "expose", owner=owner))
    await bot.ledger.journal.save_image(
        run.id, BeforeImage(CONFIG_MAP, "bookinfo", "last", None, made)
    )
    await bot.ledger.runs.finish_run(run.id, "done", Text("done"))
    await stage.api.create(made)
    assert "deletes ConfigMap last" in words(await stage.type("/mesh undo"))
    undo = await confirmed(bot, "undo")
    await bot.ledger.beginnings.record_verified(undo.id, bot.ledger.replicas.owner)
    await stage.api.delete(Ref("", "configmaps"), "last", "bookinfo")
    await left(bot, undo)
    assert "`expose` taken back" in words(stage.newest())
    assert await stage.api.get(DEPLOYMENTS, "productpage-v1", "bookinfo") is not None
    assert [c.step for c in await bot.ledger.journal.changes("bookinfo")] == ["bookinfo"]


@pytest.mark.long
async def test_a_second_change_of_the_same_is_not_begun_when_it_is_taken_up(
    scene: tuple[Stage, Bot],
) -> None:
    """Its process died before it looked whether another one was under way."""
    stage, bot = scene
    other = await bot.ledger.runs.begin_run(
        new_run(stage, "bookinfo in=other", lock="other", owner=bot.ledger.replicas.owner)
    )
    await bot.ledger.runs.begin_run(new_run(stage, "install", lock="istio-system"))
    before = await stage.version()
    await taken_up(bot)
    said = words(stage.newest())
    assert "the bot was restarted before this was begun, and Bookinfo is under way now" in said
    assert await stage.version() == before
    await bot.ledger.runs.finish_run(other.id, "done", Text("done"))


OWN = {"MESHBOT_ROLES__OWN_NAMESPACES": "bookinfo-{user}"}
LOST = "who asked for it may not do it any more"


@pytest.mark.long
@pytest.mark.parametrize(
    ("typed", "user", "settings", "says"),
    [
        ("preflight", "U0BOB", {}, (LOST, "It needs the role host.")),
        (
            "preflight",
            "U0HOST",
            {"MESHBOT_SLACK__CHANNELS": "C0OTHER"},
            ("this channel takes no commands any more",),
        ),
        ("bookinfo in=bookinfo-u0bob", "U0ALICE", OWN, (LOST, "Nothing was changed.")),
        ("bookinfo in=gone", "U0HOST", {}, ("gone is not a namespace of this workshop",)),
    ],
    ids=["role", "channel", "own namespace", "namespace"],
)
async def test_who_may_not_any_more_does_not_get_it_done(
    tmp_path: Path, typed: str, user: str, settings: dict[str, str], says: tuple[str, ...]
) -> None:
    """A run that is taken up is admitted anew, as if it were typed now."""
    async with furnished(tmp_path) as stage:
        ledger = await Ledger.open(f"sqlite:///{tmp_path}/meshbot.sqlite")
        run = await ledger.runs.begin_run(new_run(stage, typed, user=user, lock="istio-system"))
        before = await stage.version()
        async with run_bot(stage.settings(**settings)) as bot:
            await taken_up(bot)
            ended = await ledger.run_queries.get_run(run.id)
            said = words(stage.newest())
        await ledger.close()
        assert await stage.version() == before
    assert ended is not None
    assert ended.state == "interrupted"
    for each in says:
        assert each in said


@pytest.mark.long
async def test_who_confirmed_and_may_not_any_more_does_not_get_it_done(
    scene: tuple[Stage, Bot],
) -> None:
    """Both who asked and who confirmed must still be allowed to; nothing was begun, and that is
    said."""
    stage, bot = scene
    for line in ("/mesh install", "/mesh uninstall"):
        await stage.type(line)
    run = await confirmed(bot, "uninstall", by="U0BOB")
    before = await stage.version()
    await left(bot, run)
    said = words(stage.newest())
    assert "who confirmed it may not do it any more" in said
    assert "Nothing was changed. It needs the role host." in said
    assert await stage.version() == before


@pytest.mark.long
@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"MESHBOT_SLACK__CHANNELS": "C0OTHER"}, "this channel takes no commands any more"),
        (
            {"MESHBOT_WORKSHOP__APP_NAMESPACE": "other"},
            "bookinfo is not a namespace of this workshop any more",
        ),
        ({"MESHBOT_ROLES__HOSTS": "U0BOB"}, "has the role host no more"),
    ],
    ids=["channel", "namespace", "role"],
)
async def test_a_schedule_that_is_not_allowed_any_more_is_paused(
    tmp_path: Path, settings: dict[str, str], says: str
) -> None:
    """Each slot asks the rules anew; what fires is nothing, and the schedule says why it rests."""
    async with furnished(tmp_path) as stage, run_bot(stage.settings(**settings)) as bot:
        run = new_run(stage, "ping")
        now = bot.ledger.timetable.now()
        schedule, _ = await bot.ledger.timetable.add(
            NewSchedule(
                "k1",
                "ping",
                "ping",
                "ping every 1h",
                run.user,
                run.channel,
                "bookinfo",
                timing=Timing(TimingKind.EVERY, "UTC", now, every=3600.0).to_json(),
                next_at=now,
                owner=bot.ledger.replicas.owner,
            )
        )
        await bot.ledger.timetable.record_posted(schedule.id, run.channel, "1.1")
        await bot.slot_runner.run_once()
        await bot.slot_runner.wait_until_idle()
        found = await bot.ledger.timetable.get(schedule.id)
    assert found is not None
    assert (found.state, found.failed) == ("paused", 1)
    assert says in str(found.reason)


@pytest.mark.long
async def test_a_question_that_is_answered_twice_counts_once(scene: tuple[Stage, Bot]) -> None:
    """Two people press at the same moment; the later is told that it was answered."""
    stage, bot = scene
    for line in ("/mesh install", "/mesh uninstall"):
        await stage.type(line)
    asked = stage.newest()
    for _ in range(2):
        await stage.workspace.actions.click_element("host", asked, "Confirm")
    await bot.router.jobs.wait_until_idle()
    mine = [words(m) for m in stage.workspace.list_messages(user="host") if m.ephemeral_to]
    assert sum("This question was answered before." in said for said in mine) == 1
    assert "the mesh is gone" in words(asked)


@pytest.mark.long
async def test_a_confirmation_waits_for_a_change_in_somebodys_namespace(
    scene: tuple[Stage, Bot],
) -> None:
    """It would meet it though it holds another lock: who pressed is told, and the question stands."""
    stage, bot = scene
    for line in ("/mesh install", "/mesh uninstall"):
        await stage.type(line)
    asked = stage.newest()
    other = await bot.ledger.runs.begin_run(
        new_run(stage, "bookinfo in=other", lock="other", owner=bot.ledger.replicas.owner)
    )
    await stage.workspace.actions.click_element("host", asked, "Confirm")
    await bot.router.jobs.wait_until_idle()
    run = await bot.ledger.run_queries.find_last_run("uninstall")
    assert run is not None
    assert (run.state, run.lock_key, run.verified_at) == ("asks", None, None)
    assert "Bookinfo is already running" in words(stage.newest())
    await bot.ledger.runs.finish_run(other.id, "done", Text("done"))
    await stage.workspace.actions.click_element("host", asked, "Confirm")
    await bot.router.jobs.wait_until_idle()
    assert "the mesh is gone" in words(asked)


@pytest.mark.long
async def test_a_button_that_is_pressed_too_late_ends_the_question(
    scene: tuple[Stage, Bot],
) -> None:
    """In the moment before maintenance would: it is not said to have been answered."""
    stage, bot = scene
    for line in ("/mesh install", "/mesh uninstall"):
        await stage.type(line)
    late = update(runs).values(expires_at=bot.ledger.timetable.now())
    await execute(bot.ledger._engine, late.where(runs.c.step == "uninstall"))
    await stage.workspace.actions.click_element("host", stage.newest(), "Confirm")
    await bot.router.jobs.wait_until_idle()
    assert "Nobody confirmed in time; nothing was changed" in words(stage.newest())
    assert await stage.api.get(NAMESPACES, "istio-system") is not None


@pytest.mark.long
async def test_what_was_begun_is_not_said_to_be_unchanged(scene: tuple[Stage, Bot]) -> None:
    """A run that asks only when it is taken up may have changed something before: no claim."""
    stage, bot = scene
    for line in ("/mesh install", "/mesh bookinfo"):
        await stage.type(line)
    owner = bot.ledger.replicas.owner
    run = await bot.ledger.runs.begin_run(new_run(stage, "install access-log", owner=owner))
    await bot.ledger.beginnings.record_begun(run.id, owner)
    await left(bot, run)
    assert read_verdict_state(stage.newest()) == "asks"
    said = words(await stage.type('click "Cancel" -> normal'))
    assert "It goes no further. What it did before the restart stays" in said
    assert "Nothing was changed" not in said
