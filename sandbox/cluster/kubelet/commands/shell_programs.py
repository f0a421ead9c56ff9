"""The programs of a container, by name: each takes its arguments and gives its exit code."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence

from sandbox.cluster.kubelet.commands.curl import run_curl, run_wget
from sandbox.cluster.kubelet.commands.pilot_agent import run_pilot_agent
from sandbox.cluster.kubelet.commands.shell_context import CommandContext

Program = Callable[[Sequence[str], CommandContext], Awaitable[int]]


def _split_options(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """Return the letters of short options, and the other arguments."""
    letters = "".join(a[1:] for a in arguments if a.startswith("-") and len(a) > 1)
    return letters, [a for a in arguments if not a.startswith("-") or a == "-"]


async def _read_inputs(
    program: str, names: Sequence[str], context: CommandContext
) -> tuple[bytes, int]:
    """Return the named files' content, or the piped input; 1 when a file is missing."""
    if not names:
        return await context.read_all_input(), 0
    content, code = b"", 0
    for name in names:
        found = await context.read_all_input() if name == "-" else context.read_file(name)
        if found is None:
            reason = "Is a directory" if context.list_folder(name) else "No such file or directory"
            await context.complain(f"{program}: {name}: {reason}")
            code = 1
        content += found or b""
    return content, code


async def _cat(arguments: Sequence[str], context: CommandContext) -> int:
    _, names = _split_options(arguments)
    content, code = await _read_inputs("cat", names, context)
    await context.write(content)
    return code


async def _ls(arguments: Sequence[str], context: CommandContext) -> int:
    letters, names = _split_options(arguments)
    code = 0
    for name in names or ["."]:
        if context.read_file(name) is not None:
            await context.print(name)
            continue
        inside = context.list_folder(name)
        if inside is None:
            await context.complain(f"ls: cannot access '{name}': No such file or directory")
            code = 2
            continue
        if len(names) > 1:
            await context.print(f"{name}:")
        for each in inside:
            await context.print(_describe_entry(name, each, context) if "l" in letters else each)
    return code


def _describe_entry(folder: str, name: str, context: CommandContext) -> str:
    content = context.read_file(f"{folder}/{name}")
    mode = "-rw-r--r--" if content is not None else "drwxr-xr-x"
    stamp = context.now().strftime("%b %e %H:%M")
    return f"{mode} 1 root root {len(content or b''):>6} {stamp} {name}"


async def _env(arguments: Sequence[str], context: CommandContext) -> int:
    for name, value in context.environment.items():
        await context.print(f"{name}={value}")
    return 0


async def _printenv(arguments: Sequence[str], context: CommandContext) -> int:
    if not arguments:
        return await _env(arguments, context)
    found = [context.environment[name] for name in arguments if name in context.environment]
    for value in found:
        await context.print(value)
    return int(len(found) < len(arguments))


async def _echo(arguments: Sequence[str], context: CommandContext) -> int:
    words, end = list(arguments), "\n"
    while words and words[0] in ("-n", "-e", "-ne", "-en"):
        end = "" if "n" in words.pop(0) else end
    await context.write((" ".join(words) + end).encode())
    return 0


async def _hostname(arguments: Sequence[str], context: CommandContext) -> int:
    address = (context.pod.get("status") or {}).get("podIP", "")
    await context.print(address if "-i" in arguments else context.pod["metadata"]["name"])
    return 0


async def _date(arguments: Sequence[str], context: CommandContext) -> int:
    form = next((a[1:] for a in arguments if a.startswith("+")), "%a %b %e %H:%M:%S UTC %Y")
    await context.print(context.now().strftime(form))
    return 0


async def _sleep(arguments: Sequence[str], context: CommandContext) -> int:
    if tuple(arguments[:1]) == ("infinity",):
        await asyncio.Event().wait()
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", arguments[0] if arguments else "")
    if not found:
        await context.complain(f"sleep: invalid time interval '{' '.join(arguments)}'")
        return 1
    # Whoever types it waits by the clock on the wall.
    await asyncio.sleep(float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]])
    return 0


async def _seq(arguments: Sequence[str], context: CommandContext) -> int:
    try:
        numbers = [int(a) for a in arguments]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2):
        await context.complain("seq: say LAST, or FIRST LAST")
        return 1
    for number in range(numbers[0] if len(numbers) == 2 else 1, numbers[-1] + 1):
        await context.print(str(number))
    return 0


async def _grep(arguments: Sequence[str], context: CommandContext) -> int:
    letters, names = _split_options(arguments)
    if not names or (unknown := set(letters) - set("oivcqEFn")):
        why = f"invalid option -- '{min(unknown)}'" if names else "no pattern"
        await context.complain(f"grep: {why}: the sandbox's grep plays -o -i -v -c -q -E -F -n")
        return 2
    content, _ = await _read_inputs("grep", names[1:], context)
    try:
        pattern = _compile_pattern(names[0], letters)
    except re.error as error:
        await context.complain(f"grep: {names[0]}: {error}")
        return 2
    lines = enumerate(content.decode(errors="replace").splitlines(), 1)
    found = [(n, line) for n, line in lines if bool(pattern.search(line)) != ("v" in letters)]
    if "c" in letters:
        await context.print(str(len(found)))
    elif "q" not in letters:
        await _print_found(pattern, found, letters, context)
    return int(not found)


def _compile_pattern(text: str, letters: str) -> re.Pattern[str]:
    if "F" in letters:
        text = re.escape(text)
    elif "E" not in letters:
        # In basic expressions these are plain characters, and operators behind a backslash.
        text = re.sub(r"\\?[(){}+?|]", lambda m: m[0][1:] or f"\\{m[0]}", text)
    return re.compile(text, re.IGNORECASE if "i" in letters else 0)


async def _print_found(
    pattern: re.Pattern[str],
    found: Sequence[tuple[int, str]],
    letters: str,
    context: CommandContext,
) -> None:
    for number, line in found:
        for each in [m[0] for m in pattern.finditer(line)] if "o" in letters else [line]:
            await context.print(f"{number}:{each}" if "n" in letters else each)


def _make_cutter(program: str, *, first: bool) -> Program:
    """Return `head` or `tail`."""

    async def run(arguments: Sequence[str], context: CommandContext) -> int:
        words, count = list(arguments), 10
        if found := re.match(r"-n?\s*(\d+)$", " ".join(words[:2])):
            count, words = int(found[1]), words[2:]
        elif words and (found := re.match(r"-n?(\d+)$", words[0])):
            count, words = int(found[1]), words[1:]
        content, code = await _read_inputs(program, words, context)
        lines = content.splitlines(keepends=True)
        await context.write(b"".join(lines[:count] if first else lines[-count:] if count else []))
        return code

    return run


async def _wc(arguments: Sequence[str], context: CommandContext) -> int:
    letters, names = _split_options(arguments)
    content, code = await _read_inputs("wc", names, context)
    counts = {"l": content.count(b"\n"), "w": len(content.split()), "c": len(content)}
    await context.print(" ".join(str(n) for k, n in counts.items() if k in (letters or "lwc")))
    return code


async def _sort(arguments: Sequence[str], context: CommandContext) -> int:
    letters, names = _split_options(arguments)
    content, code = await _read_inputs("sort", names, context)
    lines = sorted(content.splitlines(), reverse="r" in letters)
    for line in dict.fromkeys(lines) if "u" in letters else lines:
        await context.write(line + b"\n")
    return code


async def _uniq(arguments: Sequence[str], context: CommandContext) -> int:
    letters, names = _split_options(arguments)
    content, code = await _read_inputs("uniq", names, context)
    runs: list[list[bytes]] = []
    for line in content.splitlines():
        if runs and runs[-1][0] == line:
            runs[-1].append(line)
        else:
            runs.append([line])
    for run in runs:
        count = f"{len(run):>7} ".encode() if "c" in letters else b""
        await context.write(count + run[0] + b"\n")
    return code


def _make_printer(text: str) -> Program:
    """Return a program that prints always the same."""

    async def run(_arguments: Sequence[str], context: CommandContext) -> int:
        await context.print(text)
        return 0

    return run


def _make_constant(code: int) -> Program:
    """Return a program that does nothing and ends with that code."""

    async def run(_arguments: Sequence[str], _context: CommandContext) -> int:
        return code

    return run


PROGRAMS: Mapping[str, Program] = {
    "cat": _cat,
    "curl": run_curl,
    "date": _date,
    "echo": _echo,
    "env": _env,
    "false": _make_constant(1),
    "grep": _grep,
    "head": _make_cutter("head", first=True),
    "hostname": _hostname,
    "id": _make_printer("uid=1000 gid=1000 groups=1000"),
    "ls": _ls,
    "pilot-agent": run_pilot_agent,
    "printenv": _printenv,
    "pwd": _make_printer("/"),
    "seq": _seq,
    "sleep": _sleep,
    "sort": _sort,
    "tail": _make_cutter("tail", first=False),
    "true": _make_constant(0),
    ":": _make_constant(0),
    "uname": _make_printer("Linux"),
    "uniq": _uniq,
    "wc": _wc,
    "wget": run_wget,
}
"""What the sandbox's containers can run, beside the shell."""
