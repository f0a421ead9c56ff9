"""What Slack delivers to several processes is answered by one of them."""

from __future__ import annotations

from pathlib import Path

from bot.messages import Command, Message
from tests.scenarios.stage import playing


class Answers:
    """Collects what the person who asked is told."""

    def __init__(self) -> None:
        self.said: list[Message] = []

    async def say(self, message: Message) -> None:
        """One more answer."""
        self.said.append(message)


async def test_a_command_that_another_process_answered_is_left_to_it(tmp_path: Path) -> None:
    """Its key stands in the ledger; any other command is answered."""
    async with playing(tmp_path) as (_, bot):
        assert await bot.ledger.requests.claim_key("k1")
        for key, answers in (("k1", 0), ("k2", 1)):
            reply = Answers()
            bot.router.command(Command("U0HOST", "C0MESH", "whoami", key), reply)
            await bot.router.jobs.wait_until_idle()
            assert len(reply.said) == answers
        assert bot.router.requests.duplicates == 1
