"""The outbox: each message that is to be in a channel, as it is wanted, until Slack has it.

It holds states and not calls: a message that changed five times while Slack was away is posted
once, as it is then. Whoever delivers may die at any moment, and whoever takes over delivers what is
wanted and not shown. One window stays open, for chat.postMessage knows no key by which Slack would
tell a repeat: between Slack taking a post and this table keeping its `ts`. A process that dies in
it, or an answer that is lost on its way, can double that one message.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, RowMapping, case, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql.dml import Update

from bot.errors import LedgerError
from bot.ledger.database import READS, execute
from bot.ledger.database_tables import messages, runs, schedules
from bot.ledger.replicas import LIVING
from bot.messages import WAITS, Message, OutboxEntry, Place, Posted

RUN = "run:"
"""What the key of a run's message begins with; the run's id follows."""

SCHEDULE = "schedule:"
"""What the key of a schedule's message begins with; the schedule's id follows. Those of the notes
in its thread go on after that."""

KEPT = timedelta(days=7)
"""How long a message is kept after its last change, whether Slack ever took it or not."""

TRIES = 3
"""How often a named message is looked for that was entered and pruned in the same moment."""

HELD = "held:"
"""What `refused` begins with while the channel takes no messages; such a message waits on."""

WAITING = (messages.c.shown < messages.c.version) & or_(
    messages.c.refused.is_(None), messages.c.refused.startswith(HELD)
)


class SqlOutbox:
    """Implements `bot.messages.Outbox` for one process, `owner`."""

    def __init__(self, engine: AsyncEngine, *, owner: str, now: Callable[[], datetime]) -> None:
        self._engine, self._owner, self._now = engine, owner, now
        self._reader = engine.execution_options(**READS)

    async def enter(self, channel: str, message: Message, place: Place) -> tuple[OutboxEntry, bool]:
        """Keep a message that is to be posted, or return the earlier one of its name.

        The flag tells whether it is new.
        """
        values = {
            **{
                # NULL for a message without a name, since NULLs do not collide in a unique key.
                "key": place.key or None,
                "channel": channel,
                "thread": place.thread,
                "broadcast": place.broadcast,
            },
            **{"owner": self._owner, "wanted": message.to_kept(), "version": 1, "shown": 0},
            **{"created_at": self._utc_now(), "updated_at": self._utc_now()},
        }
        for _ in range(TRIES):
            try:
                rows = await execute(
                    self._engine, messages.insert().values(**values).returning(*messages.c)
                )
            except IntegrityError:
                rows = await execute(
                    self._reader, select(messages).where(messages.c.key == place.key)
                )
                if rows:
                    return _build_outbox_entry(rows[0]), False
            else:
                return _build_outbox_entry(rows[0]), True
        raise LedgerError("The ledger is contended: a message could not be entered.")

    async def want(self, posted: Posted, message: Message) -> OutboxEntry | None:
        """Keep what that message is to show from now on; return None when it is not known here."""
        rows = await execute(
            self._engine,
            build_message_update(_match_posted(posted), message, self._utc_now()).returning(
                *messages.c
            ),
        )
        return _build_outbox_entry(rows[0]) if rows else None

    async def delivered(self, entry: OutboxEntry, posted: Posted) -> None:
        """Record that Slack has the version in `entry`, at this place.

        A run or a schedule whose message it is learns where it stands.
        """
        # Deliveries may be recorded in another order than they were made.
        shown = case((messages.c.shown < entry.version, entry.version), else_=messages.c.shown)
        here: dict[str, Any] = {"channel": posted.channel, "ts": posted.ts}
        kept = (
            update(messages)
            .where(messages.c.number == entry.number)
            .values(shown=shown, refused=None, **here)
        )
        owners = _build_owner_updates(entry.place.key, here) if entry.ts != posted.ts else []
        await execute(self._engine, kept, *owners)

    async def hold(self, entry: OutboxEntry, code: str) -> None:
        """Record that the channel takes no messages for now: the version in `entry` waits on."""
        await self.refuse(entry, f"{HELD}{code}")

    async def refuse(self, entry: OutboxEntry, code: str) -> None:
        """Record that Slack refused the version in `entry` for good: nobody tries it again."""
        # Of this version alone: a newer one is wanted by now, and may be taken.
        this = (messages.c.number == entry.number) & (messages.c.version == entry.version)
        await execute(self._engine, update(messages).where(this).values(refused=code))

    async def waiting(self) -> list[OutboxEntry]:
        """Return this process's messages that Slack does not show as wanted, the oldest first."""
        query = (
            select(messages)
            .where(WAITING, messages.c.owner == self._owner)
            .order_by(messages.c.number)
        )
        return [_build_outbox_entry(row) for row in await execute(self._reader, query)]

    async def find(self, posted: Posted) -> OutboxEntry | None:
        """Return the message that stands there, or None."""
        rows = await execute(self._reader, select(messages).where(_match_posted(posted)).limit(1))
        return _build_outbox_entry(rows[0]) if rows else None

    async def count_below(self, posted: Posted) -> int:
        """Count the messages that were posted in a channel after this one, outside of threads."""
        here = select(messages.c.number).where(_match_posted(posted)).scalar_subquery()
        after = (messages.c.channel == posted.channel) & (messages.c.number > here)
        shown = (messages.c.thread == "") | messages.c.broadcast
        query = select(func.count()).select_from(messages).where(after & shown)
        return int((await execute(self._reader, query))[0]["count_1"])

    async def take_over_orphaned(self) -> int:
        """Take over the undelivered messages of processes that are gone; return their number."""
        left = WAITING & messages.c.owner.not_in(LIVING)
        taken = update(messages).where(left).values(owner=self._owner).returning(messages.c.number)
        return len(await execute(self._engine, taken))

    async def count_pending(self) -> int:
        """Count the messages of all processes that Slack does not show as wanted."""
        return len(await execute(self._reader, select(messages.c.number).where(WAITING)))

    async def prune(self) -> None:
        """Delete messages that did not change for a week."""
        await execute(
            self._engine, delete(messages).where(messages.c.updated_at < self._utc_now() - KEPT)
        )

    def _utc_now(self) -> datetime:
        return self._now().astimezone(UTC)


def _build_owner_updates(key: str, here: dict[str, Any]) -> list[Update]:
    """Return the statements by which the run or the schedule of a message learns its place."""
    for prefix, table in ((RUN, runs), (SCHEDULE, schedules)):
        if key.startswith(prefix):
            id_ = key.removeprefix(prefix)
            return [update(table).where(table.c.id == id_).values(**here)]
    return []


class MessageOwner(NamedTuple):
    """What a message belongs to: a run or a schedule, by its id."""

    kind: str
    id: str


def parse_message_key(key: str) -> MessageOwner | None:
    """Return the run or the schedule that a message belongs to, also of a note in a thread."""
    for kind in (RUN, SCHEDULE):
        if key.startswith(kind):
            return MessageOwner(kind, key.removeprefix(kind).partition(":")[0])
    return None


def build_run_key(run_id: str) -> str:
    """Return the key of the message of a run."""
    return f"{RUN}{run_id}"


def build_message_update(where: ColumnElement[bool], message: Message, now: datetime) -> Update:
    """Build the statement by which a message is to show something else.

    One that was refused before is tried anew.
    """
    values = {
        "wanted": message.to_kept(),
        "version": messages.c.version + 1,
        "refused": None,
        "updated_at": now,
    }
    return update(messages).where(where).values(**values)


def build_schedule_key(schedule_id: str) -> str:
    """Return the key of the message of a schedule."""
    return f"{SCHEDULE}{schedule_id}"


def build_run_message_update(run_id: str, message: Message, now: datetime) -> Update:
    """Build the same statement for the message of a run, wherever it stands."""
    place = select(runs.c.channel, runs.c.ts).where(runs.c.id == run_id).subquery()
    there = messages.c.channel.in_(select(place.c.channel)) & messages.c.ts.in_(select(place.c.ts))
    return build_message_update(
        # Or not posted yet: then it is known by its key, and is posted as it ends.
        or_(there, (messages.c.key == build_run_key(run_id)) & messages.c.ts.is_(None)),
        message,
        now,
    )


def _match_posted(posted: Posted) -> ColumnElement[bool]:
    if posted.is_pending:
        number = posted.ts.removeprefix(WAITS)
        return messages.c.number == (int(number) if number.isdecimal() else -1)
    return (messages.c.channel == posted.channel) & (messages.c.ts == posted.ts)


def _build_outbox_entry(row: RowMapping) -> OutboxEntry:
    refused, created = row["refused"] or "", row["created_at"]
    held = refused.removeprefix(HELD) if refused.startswith(HELD) else ""
    return OutboxEntry(
        number=row["number"],
        channel=row["channel"],
        place=Place(row["thread"], bool(row["broadcast"]), row["key"] or ""),
        message=Message(
            row["wanted"]["text"],
            tuple(row["wanted"]["blocks"]),
            tuple(row["wanted"].get("details", ())),
        ),
        version=row["version"],
        shown=row["shown"],
        ts=row["ts"] or "",
        refused="" if held else refused,
        held=held,
        created=created.replace(tzinfo=created.tzinfo or UTC).timestamp(),
    )
