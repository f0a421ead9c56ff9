"""Play a script in the embedded workspace unattended and report whether every line ended
as expected.

The end of a line is read from its answers: the first block of an answer has the id
`verdict:STATE`, STATE being running, asks (waits for a button), done, not_yet, normal
or error. An ephemeral answer without such an id counts as an end too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sandbox.script import ScriptError, ScriptLine
from sandbox.transcript import Out, Transcript
from sandbox.workspace import DEFAULT_CHANNEL, ActionResult, Change, Message, Workspace
from sandbox.workspace.elements import list_button_labels
from sandbox.workspace.plain import map_display_names, read_verdict_state, render_message_lines
from sandbox.workspace.state import View

ENDS = {"asks": "done", "done": "done", "not_yet": "not yet", "normal": "normal", "error": "error"}
GRAVITY = ("error", "not_yet", "normal", "done", "asks")
LINE_SECONDS = 900.0
SETTLE_SECONDS = 0.5
"""After an end, how long a further answer to the same line may still come."""


class _AnswerWatcher:
    """Collects the answers to one line: new messages for its user, and messages that were
    running or are pressed now.
    """

    def __init__(self, workspace: Workspace, *, user: str, channel: str) -> None:
        self._bot, self._user, self._channel = workspace.bot.id, user, channel
        self._earlier = {
            m.ts for m in workspace.state.messages.values() if read_verdict_state(m) != "running"
        }
        self.answers: dict[str, tuple[str, Message]] = {}
        self.moved = asyncio.Event()

    def include_message(self, message: Message) -> None:
        """Include the changes of an earlier message, because its button is pressed now."""
        self._earlier.discard(message.ts)

    def process_change(self, change: Change) -> None:
        """Record one change of the workspace if it belongs to an answer."""
        if change.view is not None:
            self._process_view(change.view)
        message = change.message
        if message is None or message.channel != self._channel or message.user != self._bot:
            return
        if message.ts in self._earlier or message.ephemeral_to not in ("", self._user):
            return
        state = read_verdict_state(message) or ("done" if message.ephemeral_to else "")
        if change.kind == "deleted" or not state:
            self.answers.pop(message.ts, None)
        else:
            self.answers[message.ts] = state, message
        self.moved.set()

    def _process_view(self, view: View) -> None:
        """Record a modal that opens for the user as a question, like one in the channel."""
        if view.user == self._user and view.open and view.body.get("type") == "modal":
            title = str(view.body["title"]["text"])
            message = Message(
                self._channel, view.id, self._bot, title, view.body["blocks"], datetime.now(UTC)
            )
            self.answers[view.id] = "asks", message
            self.moved.set()

    def find_worst_end(self) -> tuple[str, Message] | None:
        """Return the gravest end (state, message) among the answers that tell one.

        Return None while there is no answer or one is still running.
        """
        answers = list(self.answers.values())
        if not answers or any(state == "running" for state, _ in answers):
            return None
        told = [answer for answer in answers if read_verdict_state(answer[1])] or answers
        return min(
            told, key=lambda answer: GRAVITY.index(answer[0]) if answer[0] in GRAVITY else -1
        )


class ScriptPlayer:
    """Types lines into a channel and waits for the end of each; `timeout` is in wall seconds per
    line."""

    def __init__(
        self,
        workspace: Workspace,
        *,
        out: Out,
        channel: str = DEFAULT_CHANNEL,
        timeout: float = LINE_SECONDS,
        settle: float = SETTLE_SECONDS,
    ) -> None:
        self._workspace, self._channel, self._out = workspace, workspace.get_channel(channel), out
        self._timeout, self._settle = timeout, settle
        self._transcript = Transcript(workspace, channel, out)

    async def play(self, lines: Iterable[ScriptLine]) -> bool:
        """Play lines until one ends otherwise than expected; return True when none did.

        Raises ScriptError when a line names an unknown user.
        """
        lines = list(lines)
        self._check_users(lines)
        for line in lines:
            fault = await self.play_line(line)
            if fault:
                self._out(f"line {line.number} ({line}): expected {line.expects}, {fault}")
                return False
        self._out(f"{len(lines)} lines, all as expected")
        return True

    async def play_line(self, line: ScriptLine) -> str:
        """Play one line; return "" when it ended as expected, else a description of what was
        seen."""
        self._transcript.write_typed_line(line.user, str(line))
        try:
            user = self._workspace.get_user(line.user)
        except LookupError as error:
            return f"but {error}"
        watch = _AnswerWatcher(self._workspace, user=user.id, channel=self._channel.id)
        with self._follow_changes(watch):
            try:
                typed = await self._perform_line(line, watch)
            except LookupError as error:
                return f"but {error}"
            try:
                async with asyncio.timeout(self._timeout):
                    return await self._describe_mismatch(line, typed, watch)
            except TimeoutError:
                return f"saw no end within {self._timeout:g} s; {_describe_answers(watch)}"

    def _check_users(self, lines: list[ScriptLine]) -> None:
        for line in lines:
            try:
                self._workspace.get_user(line.user)
            except LookupError as error:
                raise ScriptError(
                    f"line {line.number}: no user @{line.user} in this workspace"
                ) from error

    @contextmanager
    def _follow_changes(self, watch: _AnswerWatcher) -> Iterator[None]:
        changes = self._workspace.watch_changes()

        async def follow() -> None:
            async for change in changes:
                self._transcript.write_change(change)
                watch.process_change(change)

        task = asyncio.create_task(follow())
        try:
            yield
        finally:
            task.cancel()
            changes.close()

    async def _perform_line(self, line: ScriptLine, watch: _AnswerWatcher) -> ActionResult:
        if line.kind == "command":
            return await self._workspace.actions.send_command(
                line.user, self._channel.id, line.text
            )
        if line.kind == "mention":
            return await self._workspace.actions.send_line(line.user, self._channel.id, line.text)
        message = self._find_newest_message(line)
        watch.include_message(message)
        return await self._workspace.actions.click_element(line.user, message, line.text)

    def _find_newest_message(self, line: ScriptLine) -> Message:
        seen = self._workspace.list_messages(self._channel.id, line.user)
        for message in reversed(seen):
            if line.text in list_button_labels(message.blocks):
                return message
        there = sorted({label for message in seen for label in list_button_labels(message.blocks)})
        raise LookupError(
            f'{line.user} sees no button "{line.text}"; there are: {", ".join(there) or "none"}'
        )

    async def _describe_mismatch(
        self, line: ScriptLine, typed: ActionResult, watch: _AnswerWatcher
    ) -> str:
        if typed.error:
            await asyncio.sleep(0)
            return "" if line.expects == "error" else f"saw error: Slack answered {typed.error}"
        state, message = await self._wait_for_end(watch)
        if ENDS.get(state) == line.expects:
            return ""
        first = next(
            iter(render_message_lines(message, map_display_names(self._workspace.state))), ""
        )
        return f"saw {ENDS.get(state, f'the unknown state {state}')}: {first}"

    async def _wait_for_end(self, watch: _AnswerWatcher) -> tuple[str, Message]:
        while True:
            if watch.find_worst_end() is None:
                await watch.moved.wait()
            watch.moved.clear()
            if watch.find_worst_end() is None:
                continue
            await asyncio.sleep(self._settle)
            end = watch.find_worst_end()
            if end is not None:
                return end


def _describe_answers(watch: _AnswerWatcher) -> str:
    states = ", ".join(state for state, _ in watch.answers.values())
    return f"its answers stand at: {states}" if states else "nothing was answered"
