"""What is kept of an object before a run writes it: as it stood before the run, and no other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.app import Bot
from bot.engine.world.undo_recorder import UndoRecorder
from bot.engine.world.write_log import Written
from bot.kinds import CONFIG_MAP, Object
from bot.records import BeforeImage
from tests.scenarios.stage import playing

pytestmark = pytest.mark.long


def config(**data: str) -> Object:
    """A ConfigMap in the namespace default."""
    meta = {"name": "c", "namespace": "default"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[Bot]:
    """A bot in front of a cluster."""
    async with playing(tmp_path) as (_, made):
        yield made


async def images(bot: Bot, run: str) -> list[BeforeImage]:
    """What is kept of a run."""
    return await bot.ledger.journal.list_images(run)


async def test_an_object_that_is_made_had_nothing_before(bot: Bot) -> None:
    """Written twice, there is one image, of the time before both."""
    written: Written = {}
    cluster = UndoRecorder(bot.cluster, bot.ledger.journal, "r1", written)
    await cluster.apply(config(a="1"))
    await cluster.apply(config(a="2"))
    (image,) = await images(bot, "r1")
    assert (image.before, (image.after or {})["data"]) == (None, {"a": "2"})


async def test_a_write_that_changes_nothing_leaves_no_image(bot: Bot) -> None:
    """Undo would have nothing to take back; what was changed before in the same run stays kept."""
    cluster = UndoRecorder(bot.cluster, bot.ledger.journal, "r1", {})
    await cluster.apply(config(a="1"))
    same = UndoRecorder(bot.cluster, bot.ledger.journal, "r2", {})
    await same.apply(config(a="1"))
    assert await images(bot, "r2") == []
    await same.apply(config(a="2"))
    await same.apply(config(a="2"))
    (image,) = await images(bot, "r2")
    assert (image.before or {})["data"] == {"a": "1"}


async def test_a_deleted_object_is_kept_whole(bot: Bot) -> None:
    """So that it can be brought back; one that was not there leaves nothing."""
    await bot.cluster.apply(config(a="1"))
    cluster = UndoRecorder(bot.cluster, bot.ledger.journal, "r1", {})
    assert await cluster.delete(CONFIG_MAP, "c", "default")
    assert not await cluster.delete(CONFIG_MAP, "nonesuch", "default")
    (image,) = await images(bot, "r1")
    assert (image.before or {})["data"] == {"a": "1"}
    assert image.after is None


async def test_a_dry_run_is_no_write(bot: Bot) -> None:
    """Nothing is kept of it."""
    cluster = UndoRecorder(bot.cluster, bot.ledger.journal, "r1", {})
    await cluster.apply(config(a="1"), dry_run=True)
    assert await images(bot, "r1") == []
