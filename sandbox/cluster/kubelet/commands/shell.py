"""The shell: runs what its language says, program after program."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from sandbox.cluster.kubelet.commands.language import (
    CommandList,
    Loop,
    Pipeline,
    ShellSyntaxError,
    SimpleCommand,
    Word,
    find_substitution_end,
    read_line,
)
from sandbox.cluster.kubelet.commands.shell_context import CommandContext, Write
from sandbox.cluster.kubelet.commands.shell_programs import PROGRAMS

NOT_FOUND = 127
_VARIABLE = re.compile(r"\$(?:\{(\w+|\?)(?::-([^}]*))?\}|(\w+|\?))")
_ASSIGNMENT = re.compile(r"(\w+)=(.*)", re.DOTALL)
SHELLS = ("sh", "bash", "/bin/sh", "/bin/bash", "ash")


class _ShellExit(Exception):
    """`exit` with its code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


async def run_program(words: Sequence[str], context: CommandContext) -> int:
    """Run one program, or a shell with `-c`; return its exit code.

    A name that is not played is told so, with the shell's code for it.
    """
    name, *arguments = words
    if name in SHELLS:
        return await _run_shell(arguments, context)
    program = PROGRAMS.get(name.rpartition("/")[2])
    if program is None:
        known = ", ".join(sorted({*PROGRAMS, "sh"}))
        await context.complain(f"{name}: not found: the sandbox's containers have only {known}")
        return NOT_FOUND
    return await program(arguments, context)


async def run_text(text: str, context: CommandContext) -> int:
    """Run a script; return the exit code of its last command, 2 when it cannot be read."""
    return await ShellSession(context).run(text)


class ShellSession:
    """A shell that is given one script after the other. `ended` is set by `exit`."""

    def __init__(self, context: CommandContext) -> None:
        self._interpreter, self._context = _Interpreter(context), context
        self.code, self.ended = 0, False

    async def run(self, text: str) -> int:
        """Run a script; return the exit code of its last command, 2 when it cannot be read."""
        try:
            self.code = await self._interpreter.run_list(read_line(text))
        except ShellSyntaxError as error:
            await self._context.complain(f"sh: {error}")
            self.code = 2
        except _ShellExit as end:
            self.code, self.ended = end.code, True
        return self.code


async def _run_shell(arguments: Sequence[str], context: CommandContext) -> int:
    options = [a for a in arguments if a.startswith("-")]
    rest = [a for a in arguments if not a.startswith("-")]
    if any("c" in o.lstrip("-") for o in options if not o.startswith("--")):
        if not rest:
            await context.complain("sh: -c requires an argument")
            return 2
        return await run_text(rest[0], context)
    if rest:
        script = context.read_file(rest[0])
        if script is None:
            await context.complain(f"sh: 0: cannot open {rest[0]}: No such file")
            return 2
        return await run_text(script.decode(errors="replace"), context)
    return await run_text((await context.read_all_input()).decode(errors="replace"), context)


class _Interpreter:
    """Carries out what was parsed. Variables are those of the context's environment."""

    def __init__(self, context: CommandContext) -> None:
        self._context, self._code = context, 0

    async def run_list(self, commands: CommandList) -> int:
        """Run a list; raise _ShellExit at `exit`."""
        for needs, pipeline in commands.items:
            if (needs == "&&" and self._code) or (needs == "||" and not self._code):
                continue
            self._code = await self._run_pipeline(pipeline, self._context)
        return self._code

    async def _run_pipeline(self, pipeline: Pipeline, context: CommandContext) -> int:
        piped = context.piped
        code = 0
        for each in pipeline.commands[:-1]:
            taken = bytearray()
            collect = _collect_into(taken)
            await self._run_command(each, context.with_streams(collect, context.write_error, piped))
            piped = bytes(taken)
        last = context.with_streams(context.write, context.write_error, piped)
        code = await self._run_command(pipeline.commands[-1], last)
        return int(not code) if pipeline.negated else code

    async def _run_command(self, command: SimpleCommand | Loop, context: CommandContext) -> int:
        if isinstance(command, Loop):
            return await self._run_loop(command, context)
        words = [t for word in command.words for t in await self._expand(word, context)]
        if not words:
            return 0
        context = await self._redirect(command, context)
        if found := _ASSIGNMENT.fullmatch(words[0]):
            context.environment[found[1]] = found[2]
            return await run_program(words[1:], context) if words[1:] else 0
        if words[0] == "exit":
            raise _ShellExit(int(words[1]) if words[1:] and words[1].isdigit() else self._code)
        if words[0] == "export":
            given = [a for w in words[1:] if (a := _ASSIGNMENT.fullmatch(w))]
            context.environment.update({a[1]: a[2] for a in given})
            return 0
        return await run_program(words, context)

    async def _run_loop(self, loop: Loop, context: CommandContext) -> int:
        inner = _Interpreter(context)
        if loop.condition is None:
            values = [t for word in loop.words for t in await self._expand(word, context)]
            for value in values:
                context.environment[loop.name] = value
                await inner.run_list(loop.body)
            return inner._code
        while await _Interpreter(context).run_list(loop.condition) == 0:
            await inner.run_list(loop.body)
            # A loop without a pause must let others run, and be stopped.
            await asyncio.sleep(0.001)
        return inner._code

    async def _redirect(self, command: SimpleCommand, context: CommandContext) -> CommandContext:
        for operator, target in command.redirections:
            if operator == "2>&1":
                context = context.with_streams(context.write, context.write, context.piped)
                continue
            name = " ".join(await self._expand(target, context)) if target else ""
            if operator == "<":
                content = context.read_file(name)
                if content is None:
                    raise ShellSyntaxError(f"cannot open {name}: No such file")
                context = context.with_streams(context.write, context.write_error, content)
            elif name != "/dev/null":
                raise ShellSyntaxError(f"cannot create {name}: containers here keep no files")
            elif operator.startswith("2"):
                context = context.with_streams(context.write, _forget, context.piped)
            else:
                context = context.with_streams(_forget, context.write_error, context.piped)
        return context

    async def _expand(self, word: Word, context: CommandContext) -> list[str]:
        """Return the words that a word becomes: unquoted expansions are split at blanks."""
        made, joined = [""], False
        for quote, text in word.parts:
            if quote == "'":
                made[-1] += text
                joined = True
                continue
            value = await self._substitute(text, context)
            if quote == '"' or value == text:
                made[-1] += value
                joined = joined or quote == '"' or bool(value)
                continue
            pieces = value.split()
            if pieces:
                made[-1] += pieces[0]
                made.extend(pieces[1:])
                joined = True
        return made if joined else []

    async def _substitute(self, text: str, context: CommandContext) -> str:
        result, at = "", 0
        while at < len(text):
            if text.startswith("$(", at):
                end = find_substitution_end(text, at + 2)
                result += await self._capture(text[at + 2 : end], context)
                at = end + 1
            elif found := _VARIABLE.match(text, at):
                result += self._look_up(found, context)
                at = found.end()
            elif text[at] == "\\" and text[at + 1 : at + 2] in ('"', "$", "`", "\\"):
                result += text[at + 1]
                at += 2
            else:
                result += text[at]
                at += 1
        return result

    def _look_up(self, found: re.Match[str], context: CommandContext) -> str:
        name = found[1] or found[3]
        if name == "?":
            return str(self._code)
        return context.environment.get(name) or found[2] or ""

    async def _capture(self, text: str, context: CommandContext) -> str:
        taken = bytearray()
        inner = context.with_streams(_collect_into(taken), context.write_error, context.piped)
        self._code = await run_text(text, inner)
        return taken.decode(errors="replace").rstrip("\n")


def _collect_into(taken: bytearray) -> Write:
    async def write(data: bytes) -> None:
        taken.extend(data)

    return write


async def _forget(_data: bytes) -> None:
    """Write nowhere."""
