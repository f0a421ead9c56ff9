"""What a command in a container has: the pod, its environment, files, streams and network."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sandbox.cluster.contract import Object, Request, Response

Write = Callable[[bytes], Awaitable[None]]
Send = Callable[[str, int, Request, float], Awaitable[Response]]
"""Sends a request to a host and a port, and gives up after so many seconds. Raises SendFailure."""


@dataclass(frozen=True)
class CommandContext:
    """One command's surroundings. `environment` belongs to the whole shell; `files` are read
    only, by absolute path."""

    pod: Object
    container: Object
    environment: dict[str, str]
    files: Mapping[str, bytes]
    send: Send
    now: Callable[[], datetime]
    write: Write
    write_error: Write
    read_input: Callable[[], Awaitable[bytes]]
    """Gives the next of what is typed at the command, b"" at its end."""
    piped: bytes | None = None
    """What the command before in the pipe wrote; None when there is none."""
    folder: str = "/"

    async def print(self, text: str) -> None:
        """Write a line."""
        await self.write(f"{text}\n".encode())

    async def complain(self, text: str) -> None:
        """Write a line of error."""
        await self.write_error(f"{text}\n".encode())

    async def read_all_input(self) -> bytes:
        """Return what comes through the pipe, or what is typed until its end."""
        if self.piped is not None:
            return self.piped
        content = b""
        while data := await self.read_input():
            content += data
        return content

    def with_streams(self, write: Write, write_error: Write, piped: bytes | None) -> CommandContext:
        """Return the same surroundings with other streams."""
        return replace(self, write=write, write_error=write_error, piped=piped)

    def read_file(self, name: str) -> bytes | None:
        """Return a file's content; None when there is none."""
        return self.files.get(self.resolve(name))

    def resolve(self, name: str) -> str:
        """Return a path as an absolute one."""
        parts: list[str] = []
        full = name if name.startswith("/") else f"{self.folder}/{name}"
        for part in full.split("/"):
            if part == "..":
                parts[-1:] = []
            elif part not in ("", "."):
                parts.append(part)
        return "/" + "/".join(parts)

    def list_folder(self, name: str) -> list[str] | None:
        """Return the names in a folder, sorted; None when there is no such folder."""
        path = self.resolve(name).rstrip("/") + "/"
        inside = {p[len(path) :].partition("/")[0] for p in self.files if p.startswith(path)}
        return sorted(inside) or None
