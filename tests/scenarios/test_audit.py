"""The audit: what each thing that is asked leaves behind in the database, in the channel, as CSV
and in the cluster."""

from __future__ import annotations

import asyncio
import csv
import io
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.app import Bot
from bot.cli import audit_export
from bot.cli.arguments import build_parser
from bot.ledger.database import build_engine, parse_url
from bot.records import AuditEntry
from bot.text import Text
from sandbox.cluster.contract import Object, Ref
from tests.ledger.conftest import asked
from tests.scenarios.stage import Stage, playing, words
from tests.scenarios.test_cli import meshbot

EVENTS = Ref("", "events")


async def rows(bot: Bot, count: int) -> list[AuditEntry]:
    """The audit's rows, the oldest first, once there are so many: they are written after the answer
    is shown."""
    while True:
        found = await bot.ledger.audit.entries(most=100)
        if len(found) >= count:
            return found[::-1]
        await asyncio.sleep(0.02)


async def events(stage: Stage, namespace: str) -> list[Object]:
    """The bot's Events in a namespace, once there is one."""
    while True:
        found = [
            e for e in await stage.api.list(EVENTS, namespace) if e["reason"].startswith("Meshbot")
        ]
        if found:
            return found
        await asyncio.sleep(0.02)


@pytest.mark.long
async def test_every_end_leaves_a_row(tmp_path: Path) -> None:
    """Answers, runs, mistakes, denials and presses: who, what, where, how it ended, for how long,
    and by whom."""
    async with playing(tmp_path) as (stage, bot):
        for line in (
            "@alice: /mesh whoami",
            "/mesh bookinfo",
            "@bob: /mesh bookinfo off -> error",
            "/mesh nonesuch -> error",
            "/mesh bookinfo off",
            '@alice: click "Take it away" -> error',
            'click "Cancel" -> normal',
        ):
            await stage.type(line)
        found = await rows(bot, 6)
        assert [(row.user, row.step, row.outcome) for row in found] == [
            ("U0ALICE", "whoami", "done"),
            ("U0HOST", "bookinfo", "done"),
            ("U0BOB", "bookinfo", "denied"),
            ("U0HOST", "", "refused"),
            ("U0ALICE", "bookinfo", "denied"),
            ("U0HOST", "bookinfo", "cancelled"),
        ]
        done, press, cancelled = found[1], found[4], found[5]
        assert (done.arguments, done.namespace, done.channel) == ("bookinfo", "bookinfo", "C0MESH")
        assert "Bookinfo answers in bookinfo" in str(done.summary)
        assert done.seconds > 0
        assert done.cluster.startswith("https://127.0.0.1")
        assert done.link.startswith("http")
        assert (press.run, cancelled.decided_by) == (cancelled.id, "U0HOST")


@pytest.mark.long
async def test_the_buttons_of_a_schedule_leave_rows(tmp_path: Path) -> None:
    """As if it had been typed what they do; also when it is refused."""
    async with playing(tmp_path) as (stage, bot):
        await stage.type("/mesh ping every 10m")
        card = stage.newest()
        await stage.workspace.actions.click_element("alice", card, "Pause")
        await stage.workspace.actions.click_element("host", card, "Pause")
        found = await rows(bot, 3)
    # Each is written behind its answer, on its own: in which order is a matter of milliseconds.
    assert {(row.user, row.arguments, row.outcome) for row in found} == {
        ("U0HOST", "ping every 10m", "done"),
        ("U0ALICE", "schedule pause s1", "denied"),
        ("U0HOST", "schedule pause s1", "done"),
    }


@pytest.mark.long
async def test_who_confirmed_stands_in_the_row(tmp_path: Path) -> None:
    """The press has a row of its own, and the run's row names who pressed; it is Events that
    `describe` shows."""
    async with playing(tmp_path, MESHBOT_ROLES__ADMINS="U0BOB") as (stage, bot):
        await stage.type("/mesh bookinfo")
        await stage.type("/mesh bookinfo off")
        await stage.type('@bob: click "Take it away"')
        *_, press, ended = await rows(bot, 3)
        assert (press.user, press.outcome, press.run) == ("U0BOB", "confirmed", ended.run)
        assert (ended.user, ended.outcome, ended.decided_by) == ("U0HOST", "done", "U0BOB")
        gone = [e for e in await events(stage, "default") if "bookinfo off" in e["message"]]
        assert [(e["involvedObject"]["kind"], e["involvedObject"]["name"]) for e in gone] == [
            ("Namespace", "bookinfo")
        ]


@pytest.mark.long
async def test_what_was_changed_has_an_event(tmp_path: Path) -> None:
    """A handful, on the objects that tell most, with who asked; typed again, nothing was changed
    and none is new."""
    async with playing(tmp_path) as (stage, bot):
        await stage.type("/mesh install")
        (event,) = await events(stage, "istio-system")
        about = event["involvedObject"]
        assert (event["reason"], event["type"], about["kind"], about["name"]) == (
            *("MeshbotInstall", "Normal"),
            *("Deployment", "istiod"),
        )
        assert about["uid"]
        assert (
            "Slack user U0HOST asked for /mesh install: done: Istio 1.30.3 is ready"
            in event["message"]
        )
        await stage.type("/mesh install")
        await rows(bot, 2)
        await stage.type("/mesh bookinfo")
        assert {e["reportingComponent"] for e in await events(stage, "bookinfo")} == {"meshbot"}
        assert len(await events(stage, "istio-system")) == 1


@pytest.mark.long
async def test_hosts_read_the_audit_in_the_channel(tmp_path: Path) -> None:
    """Only they, and only the one who asks sees it; it can be narrowed to a user or a step."""
    async with playing(tmp_path) as (stage, bot):
        await stage.type("@alice: /mesh whoami")
        assert "needs the role host" in words(await stage.type("@alice: /mesh audit -> error"))
        await rows(bot, 2)
        message = await stage.type("/mesh audit")
        assert message.ephemeral_to == "U0HOST"
        assert "U0ALICE audit in=bookinfo: denied" in words(message)
        assert (
            "audit"
            not in words(await stage.type("/mesh audit user=<@U0ALICE|alice> step=whoami")).split(
                "```"
            )[1]
        )
        assert "nothing that fits" in words(
            await stage.type("/mesh audit step=uninstall -> normal")
        )


@pytest.mark.long
async def test_rows_wait_for_a_database_that_is_away(tmp_path: Path) -> None:
    """People are answered all the same; what could not be written is written when the database is
    back."""
    async with playing(tmp_path) as (stage, bot):
        await altered(stage, "ALTER TABLE audit RENAME TO away")
        await stage.type("@alice: /mesh whoami")
        await stage.type("@bob: /mesh install -> error")
        await altered(stage, "ALTER TABLE away RENAME TO audit")
        await bot.router.runs.endings.retry_unwritten()
        assert [row.step for row in await rows(bot, 2)] == ["whoami", "install"]


@pytest.mark.long
async def test_a_run_that_was_killed_before_its_row_gets_one(tmp_path: Path) -> None:
    """The next life of the bot writes it, with the time that the run took."""
    async with playing(tmp_path) as (_, bot):
        run = await bot.ledger.runs.begin_run(asked("k1"))
        await bot.ledger.runs.finish_run(run.id, "done", Text("ready"))
        await bot.router.runs.audit.record_missing_ends()
        (row,) = await rows(bot, 1)
        assert (row.id, row.step, row.outcome, str(row.summary)) == (
            run.id,
            "install",
            "done",
            "ready",
        )


async def altered(stage: Stage, statement: str) -> None:
    """Does something to the bot's database behind its back."""
    engine = build_engine(
        parse_url(f"sqlite:///{stage.environment['MESHBOT_LEDGER__STATE_DIR']}/meshbot.sqlite")
    )
    async with engine.begin() as connection:
        await connection.execute(text(statement))
    await engine.dispose()


async def printed(stage: Stage, *arguments: str) -> int:
    """`meshbot audit` in this process; its exit code."""
    return await audit_export.run(
        build_parser().parse_args(["audit", *arguments]), stage.settings()
    )


@pytest.mark.long
async def test_the_audit_is_printed_as_csv(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """UTF-8 with a line of names; what a spreadsheet would compute is made harmless; a time narrows
    it."""
    async with playing(tmp_path) as (stage, bot):
        await stage.type("/mesh =HYPERLINK(1)☸ -> error")
        await rows(bot, 1)
        assert await printed(stage, "--csv", "--since", "1h") == 0
        (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
        assert (row["user"], row["outcome"], row["arguments"]) == (
            "U0HOST",
            "refused",
            "'=HYPERLINK(1)☸",
        )
        await printed(stage, "--since", "2100-01-01")
        await printed(stage, "--user", "U0BOB")
        assert capsys.readouterr().out == ""
        await printed(stage)
        assert (
            "U0HOST  =HYPERLINK(1)☸  []  refused: There is no step called"
            in capsys.readouterr().out
        )


@pytest.mark.long
@pytest.mark.parametrize("since", ["yesterday", "", "9999999d", "999999d", "2026-13-01"])
def test_a_time_that_is_none_is_named(since: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, with what a time looks like."""
    with pytest.raises(SystemExit) as ended:
        build_parser().parse_args(["audit", "--since", since])
    assert ended.value.code == 2
    assert "is neither a time such as 2026-11-25 nor an age such as 7d" in capsys.readouterr().err


@pytest.mark.long
async def test_csv_is_utf8_whatever_the_terminal_speaks(tmp_path: Path) -> None:
    """A process of its own in the C locale writes it all the same."""
    async with playing(tmp_path) as (stage, bot):
        await stage.type("/mesh ☸ -> error")
        await rows(bot, 1)
        code, said = await meshbot(
            "audit", "--csv", **stage.environment, LC_ALL="C", PYTHONCOERCECLOCALE="0"
        )
        assert code == 0
        assert ",☸," in said
