"""Sentences in the ledger: template and values come back, and older rows are read as they are."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from bot.ledger import Ledger, NewSchedule, RunState, ScheduleState
from bot.ledger.database import build_engine, parse_url, prepare_sqlite_file
from bot.ledger.schedule_records import SlotResult
from bot.ledger.slot_store import ScheduleAdvance
from bot.text import Moment, Seconds, Text, counted, in_context, join, verbatim
from tests.ledger.conftest import asked
from tests.ledger.test_audit import ROW

BEFORE = "0005"
"""The schema in which a sentence was its English words alone."""
SENTENCES = (
    Text("{ready} of {wanted} pods are ready", ready=1, wanted=2),
    counted("{n} pod of {app} is ready", "{n} pods of {app} are ready", n=3, app="reviews ☸"),
    in_context("button", "Open"),
    join("sentences", Text("It took {time}.", time=Seconds(80)), verbatim("pod's own words")),
    Text("until {moment}", moment=Moment(1_790_000_000, "Europe/Madrid")),
    Text("it said “{words}”", words="a\ufffdb"),
    verbatim("words of somebody else"),
)
OLD_ROWS = (
    'INSERT INTO runs (id, request_key, step, arguments, options, "user", channel, state, summary,'
    " scope, attempt, owner, created_at, updated_at, finished_at) VALUES ('r1', 'k1', 'install',"
    " 'install', '{}', 'U1', 'C1', 'done', 'Istio {1.30.3} is ready.', '', 1, 'one',"
    " '2026-11-01 12:00:00', '2026-11-01 12:00:00', '2026-11-01 12:01:00')",
    'INSERT INTO audit (id, at, "user", channel, step, arguments, cluster, namespace, outcome,'
    " summary, seconds, run, decided_by, link) VALUES ('r1', '2026-11-01 12:00:00', 'U1', 'C1',"
    " 'install', 'install', '', '', 'done', '\"quoted\"', 1.5, 'r1', '', '')",
    'INSERT INTO schedules (id, number, request_key, step, words, typed, "user", channel,'
    " namespace, timing, state, reason, last_state, last_summary, fired, failed, missed, cut,"
    " memory, owner, created_at, updated_at) VALUES ('s1', 1, 'k1', 'digest', 'digest', 'digest',"
    " 'U1', 'C1', '', '{}', 'paused', 'paused by <@U1>', 'done', '12 of 13 in place', 1, 0, 0, 0,"
    " '{}', 'one', '2026-11-01 12:00:00', '2026-11-01 12:00:00')",
)


@pytest.mark.parametrize("sentence", SENTENCES, ids=str)
async def test_a_sentence_comes_back_with_its_values(ledger: Ledger, sentence: Text) -> None:
    """From runs, the audit and schedules alike: it can be said in any language afterwards."""
    run = await ledger.runs.begin_run(asked())
    await ledger.runs.finish_run(run.id, RunState.DONE, sentence)
    ended = await ledger.run_queries.get_run(run.id)
    assert ended is not None
    assert ended.summary == sentence
    await ledger.audit.add(replace(ROW, summary=sentence))
    assert [entry.summary for entry in await ledger.audit.entries()] == [sentence]
    assert await finish_slot(ledger, sentence) == (sentence, sentence)


async def finish_slot(ledger: Ledger, sentence: Text) -> tuple[Text, Text]:
    """The last result and the reason of a schedule that had a slot and was paused."""
    now = datetime.now(UTC)
    new = NewSchedule("k", "digest", "digest", "digest", "U1", "C1", "", {}, now, "one")
    schedule, _ = await ledger.timetable.add(new)
    claimed = await ledger.slots.claim_slot(schedule, now, ScheduleAdvance(now, None), "one")
    assert claimed is not None
    await ledger.slots.finish_slot(claimed[1], SlotResult("done", sentence))
    paused = await ledger.timetable.change_state(
        schedule.id, ScheduleState.PAUSED, sentence, among={ScheduleState.ACTIVE}, next_at=None
    )
    assert paused is not None
    return paused.last_summary, paused.reason


async def test_what_no_database_takes_is_replaced(ledger: Ledger) -> None:
    """A value may come from a pod: a NUL, or half of a character, costs that character alone."""
    run = await ledger.runs.begin_run(asked())
    await ledger.runs.finish_run(
        run.id, RunState.ERROR, Text("it said {words}", words="a\x00b\ud83d")
    )
    ended = await ledger.run_queries.get_run(run.id)
    assert ended is not None
    assert ended.summary == Text("it said {words}", words="a\ufffdb?")


async def test_english_words_stand_beside(ledger: Ledger, url: str) -> None:
    """Whoever reads the database, or searches it, finds sentences."""
    run = await ledger.runs.begin_run(asked())
    await ledger.runs.finish_run(run.id, RunState.DONE, SENTENCES[0])
    assert await fetch(url, "SELECT summary FROM runs") == ["1 of 2 pods are ready"]


async def test_a_sentence_that_is_too_long_is_its_english_words(ledger: Ledger) -> None:
    """What is kept is bounded."""
    long = Text("{words} is long", words="x" * 300_000)
    run = await ledger.runs.begin_run(asked())
    await ledger.runs.finish_run(run.id, RunState.DONE, long)
    ended = await ledger.run_queries.get_run(run.id)
    assert ended is not None
    assert ended.summary == verbatim(str(long))


async def test_a_damaged_sentence_is_its_english_words(ledger: Ledger, url: str) -> None:
    """A row that another version wrote, or somebody's hand, does not keep the rest from being
    read."""
    run = await ledger.runs.begin_run(asked())
    await ledger.runs.finish_run(run.id, RunState.DONE, SENTENCES[0])
    await execute(url, """UPDATE runs SET summary_text = '{"v": 99}'""")
    ended = await ledger.run_queries.get_run(run.id)
    assert ended is not None
    assert ended.summary == verbatim("1 of 2 pods are ready")


async def test_rows_of_the_version_before_are_read_as_they_are(url: str) -> None:
    """Runs, audit and schedules: their words, whatever they look like, belong to no template."""
    await asyncio.to_thread(prepare_sqlite_file, parse_url(url))
    await migrate(url, BEFORE)
    await execute(url, *OLD_ROWS)
    ledger = await Ledger.open(url)
    (run,), (entry,) = await ledger.run_queries.list_recent_runs(5), await ledger.audit.entries()
    (schedule,) = await ledger.timetable.list_live()
    assert run.summary == verbatim("Istio {1.30.3} is ready.")
    assert entry.summary == verbatim('"quoted"')
    assert schedule.reason == verbatim("paused by <@U1>")
    assert schedule.last_summary == verbatim("12 of 13 in place")
    await ledger.close()


async def test_a_process_of_the_version_before_can_still_write(ledger: Ledger, url: str) -> None:
    """While processes are replaced one by one, old ones go on beside the new schema."""
    await execute(url, *OLD_ROWS)
    assert [str(run.summary) for run in await ledger.run_queries.list_recent_runs(5)] == [
        "Istio {1.30.3} is ready."
    ]


async def migrate(url: str, revision: str) -> None:
    """Brings an empty database to that schema."""

    def upgrade(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", "bot.ledger:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    engine = build_engine(parse_url(url))
    async with engine.begin() as connection:
        await connection.run_sync(upgrade)
    await engine.dispose()


async def execute(url: str, *statements: str) -> None:
    """Executes statements as somebody else would; colons are no parameters."""
    engine = build_engine(parse_url(url))
    async with engine.begin() as connection:
        for statement in statements:
            await connection.exec_driver_sql(statement)
    await engine.dispose()


async def fetch(url: str, query: str) -> list[str]:
    """The first column of a query."""
    engine = build_engine(parse_url(url))
    async with engine.connect() as connection:
        found = [str(row[0]) for row in await connection.execute(text(query))]
    await engine.dispose()
    return found
