"""Play a script in the embedded workspace unattended and report whether every line ended
as expected.

The end of a line is read from its answers: the first block of an answer has the id
`verdict:STATE`, STATE being running, asks (waits for a button), done, not_yet, normal
or error. An ephemeral answer without such an id counts as an end too. Causes are read from the
text of the answers: `cause: ID`, the likeliest first.

The end of a shell command is its exit code: 0 is done, any other error.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sandbox.script import NO_ERROR, ScriptError, ScriptLine
from sandbox.shell import Shell, describe_exit
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

_CAUSE = re.compile(r"\bcause: ([a-z0-9-]+)(?!\w)")


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
    line. Shell commands need a `shell`."""

    def __init__(
        self,
        workspace: Workspace,
        *,
        out: Out,
        channel: str = DEFAULT_CHANNEL,
        timeout: float = LINE_SECONDS,
        settle: float = SETTLE_SECONDS,
        shell: Shell | None = None,
    ) -> None:
        self._workspace, self._channel, self._out = workspace, workspace.get_channel(channel), out
        self._timeout, self._settle = timeout, settle
        self._transcript = Transcript(workspace, channel, out)
        self._shell = shell

    async def play(self, lines: Iterable[ScriptLine]) -> bool:
        """Play lines until one ends otherwise than expected; return True when none did.

        Raises ScriptError when a line names an unknown user, or needs a shell and there is
        none.
        """
        lines = list(lines)
        self._check_lines(lines)
        for line in lines:
            fault = await self.play_line(line)
            if fault:
                expected = line.describe_expectation()
                self._out(f"line {line.number} ({line}): expected {expected}, {fault}")
                return False
        self._out(f"{len(lines)} lines, all as expected")
        return True

    async def play_line(self, line: ScriptLine) -> str:
        """Play one line; return "" when it ended as expected, else a description of what was
        seen."""
        if line.kind == "shell":
            return await self._run_shell_line(line)
        self._transcript.write_typed_line(line.user, str(line))
        try:
            user = self._workspace.get_user(line.user)
        except LookupError as error:
            return f"but {error}"
        watch = _AnswerWatcher(self._workspace, user=user.id, channel=self._channel.id)
        with self._follow_changes(watch.process_change):
            try:
                typed = await self._perform_line(line, watch)
            except LookupError as error:
                return f"but {error}"
            try:
                async with asyncio.timeout(self._timeout):
                    return await self._describe_mismatch(line, typed, watch)
            except TimeoutError:
                return f"saw no end within {self._timeout:g} s; {_describe_answers(watch)}"

    async def _run_shell_line(self, line: ScriptLine) -> str:
        """Run one shell command; return "" when it ended as expected, else a description."""
        if self._shell is None:
            return "but shell commands are for scripts that are played with --play"
        self._transcript.write_shell_line(line.text)
        try:
            with self._follow_changes():
                code = await self._shell.run_command(
                    line.text, out=self._transcript.write_output_line, seconds=self._timeout
                )
        except TimeoutError:
            return f"saw no end within {self._timeout:g} s; it was killed"
        except OSError as error:
            return f"but the shell cannot be started: {error}"
        end = "error" if code else "done"
        return "" if end == line.expects else f"saw {end}: {describe_exit(code)}"

    def _check_lines(self, lines: list[ScriptLine]) -> None:
        for line in lines:
            if line.kind == "shell":
                if self._shell is None:
                    raise ScriptError(f"line {line.number} ({line}): there is no shell to run it")
                continue
            try:
                self._workspace.get_user(line.user)
            except LookupError as error:
                raise ScriptError(
                    f"line {line.number}: no user @{line.user} in this workspace"
                ) from error

    @contextmanager
    def _follow_changes(self, process: Callable[[Change], None] | None = None) -> Iterator[None]:
        """Write the channel's changes, and have each one processed, while the context lasts."""
        changes = self._workspace.watch_changes()

        async def follow() -> None:
            async for change in changes:
                self._transcript.write_change(change)
                if process is not None:
                    process(change)

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
        if line.kind == "shortcut":
            message = find_newest_bot_message(self._workspace, self._channel.id)
            return await self._workspace.actions.choose_shortcut(line.user, message, line.text)
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
            as_expected = line.expects == "error" and not line.causes
            return "" if as_expected else f"saw error: Slack answered {typed.error}"
        state, message = await self._wait_for_end(watch)
        causes = self._list_printed_causes(watch, message)
        if _is_end_expected(line, state) and _are_causes_expected(line, causes):
            return ""
        seen = [ENDS.get(state, f"the unknown state {state}")]
        if line.causes:
            seen += [f"cause {cause}" for cause in causes] or ["no cause"]
        first = next(iter(self._render_lines(message)), "")
        return f"saw {', '.join(seen)}: {first}"

    def _list_printed_causes(self, watch: _AnswerWatcher, decisive: Message) -> list[str]:
        """Return the causes that the answers print, those of the decisive one first, each once."""
        others = [message for _, message in watch.answers.values() if message is not decisive]
        texts = ["\n".join(self._render_lines(message)) for message in (decisive, *others)]
        return list(dict.fromkeys(cause for text in texts for cause in _CAUSE.findall(text)))

    def _render_lines(self, message: Message) -> list[str]:
        return render_message_lines(message, map_display_names(self._workspace.state))

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


def find_newest_bot_message(workspace: Workspace, channel: str) -> Message:
    """Return the bot's newest message in a channel that everyone sees, not in a thread.

    Raises LookupError when there is none.
    """
    for message in reversed(workspace.state.list_visible_messages("", channel)):
        if message.user == workspace.bot.id and (message.broadcast or not message.is_reply):
            return message
    raise LookupError("there is no message of the bot's in this channel yet")


def _describe_answers(watch: _AnswerWatcher) -> str:
    states = ", ".join(state for state, _ in watch.answers.values())
    return f"its answers stand at: {states}" if states else "nothing was answered"


def _is_end_expected(line: ScriptLine, state: str) -> bool:
    end = ENDS.get(state, "")
    if line.expects == NO_ERROR:
        return end not in ("", "error")
    if state == "asks":
        # A question has changed nothing: what was asked for is not so yet.
        return line.expects in ("done", "not yet")
    return end == line.expects


def _are_causes_expected(line: ScriptLine, printed: list[str]) -> bool:
    """Return whether all expected causes are printed; the first of several is the first."""
    in_order = len(line.causes) < 2 or printed[:1] == [line.causes[0]]
    return in_order and set(line.causes) <= set(printed)
