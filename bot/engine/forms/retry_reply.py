"""The reply to someone who submitted a form."""

from __future__ import annotations

from bot.language import Localizer
from bot.messages import Message, Reply
from bot.view import result_messages


class RetryReply:
    """Answers the person who submitted a form.

    An error gets a button that gives the same command again, so that nothing typed is
    lost.
    """

    def __init__(self, render: Localizer, reply: Reply, typed: str, command: str) -> None:
        self._render, self._reply = render, reply
        self._typed, self._command = typed, command

    async def say(self, message: Message) -> None:
        """Show the message, with a retry button when it is an error."""
        state = str(message.blocks[0].get("block_id", "")) if message.blocks else ""
        if state.startswith("verdict:error"):
            again = result_messages.build_next_blocks(self._render, (self._typed,), self._command)
            message = Message(message.text, (*message.blocks, *again))
        await self._reply.say(message)
