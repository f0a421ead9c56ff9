"""How a container's own settings end it: a command that is not in its image, one that ends or only
waits, and less memory than its program needs.

Nothing runs in containers, so that this knows a handful of commands and images; of all others it
says nothing, and they run as their image does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sandbox.cluster.contract import Object
from sandbox.cluster.machinery.quantities import parse_quantity

SHELLS = ("sh", "bash", "ash")
_WAITING = re.compile(r"\b(sleep\s+(infinity|\d{4,})|tail\s+-f|while\s+(true|:)\s*;)")
_LOOKUP = re.compile(r"\buntil\s+nslookup\s+([\w.$(){}-]+)")
_EXIT = re.compile(r"\bexit\s+(\d+)\s*;?\s*$")
_HARMLESS = re.compile(r"^\s*(echo|printf|mkdir|touch|chmod|chown|ls|date|true|cp|sleep\s+\d+)\b")
_IMAGES = ("examples-bookinfo-", "busybox", "alpine")
"""Images whose contents are known well enough to say that a program is not in them."""
_PROGRAMS = frozenset(
    "sh bash ash env node python python3 gunicorn ruby java server npm sleep tail cat echo true "
    "false nslookup wget nc ls date printf touch mkdir chmod chown cp mv rm test httpd top".split()
)
_NEEDS = (
    ("examples-bookinfo-reviews", 100),
    ("examples-bookinfo-productpage", 30),
    ("examples-bookinfo-ratings", 20),
    ("examples-bookinfo-details", 10),
    ("pilot", 40),
    ("proxyv2", 20),
    ("prometheus", 30),
    ("kiali", 30),
)
"""Memory in MiB with which these programs do not even start (images; rounded down a lot)."""


@dataclass(frozen=True)
class Fate:
    """What becomes of a container: `refused` says why it cannot be started, `code` and `reason`
    how it ends, `waits` that it runs and serves nothing, and `host` what it looks up until then.
    """

    refused: str = ""
    code: int | None = None
    reason: str = ""
    waits: bool = False
    host: str = ""


def judge_container(container: Object) -> Fate | None:
    """Return what becomes of a container, or None when it runs as its image does."""
    words = [str(w) for w in (*(container.get("command") or ()), *(container.get("args") or ()))]
    image = str(container.get("image", ""))
    if container.get("command"):
        fate = _judge_words(words, image)
        if fate is not None:
            return fate
    return _judge_memory(container, image)


def _judge_words(words: list[str], image: str) -> Fate | None:
    program = words[0].rpartition("/")[2]
    if program in SHELLS and "-c" in words[:-1]:
        return judge_script(words[words.index("-c") + 1])
    if program in ("true", "false"):
        return Fate(code=int(program == "false"))
    if program in ("sleep", "tail"):
        return Fate(waits=True)
    if program in _PROGRAMS or not any(part in image for part in _IMAGES):
        return None
    return Fate(refused=build_start_error(words[0]))


def judge_script(script: str) -> Fate | None:
    """Return what a shell's script comes to, where it is plain; None when it is not."""
    if asked := _LOOKUP.search(script):
        return Fate(waits=True, host=asked[1])
    if _WAITING.search(script):
        return Fate(waits=True)
    if ended := _EXIT.search(script):
        return Fate(code=int(ended[1]))
    steps = [step for step in re.split(r";|&&|\n", script) if step.strip()]
    if steps and steps[-1].strip() == "false":
        return Fate(code=1)
    return Fate(code=0) if steps and all(map(_HARMLESS.match, steps)) else None


def build_start_error(program: str) -> str:
    """Return the container runtime's message about a program that is not there (containerd with
    runc)."""
    found = (
        f"stat {program}: no such file or directory"
        if program.startswith("/")
        else "executable file not found in $PATH"
    )
    return (
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: "
        "runc create failed: unable to start container process: error during container init: "
        f'exec: "{program}": {found}'
    )


def _judge_memory(container: Object, image: str) -> Fate | None:
    limit = ((container.get("resources") or {}).get("limits") or {}).get("memory")
    if limit is None:
        return None
    room = parse_quantity(limit) / 2**20
    needs: Iterable[int] = (need for part, need in _NEEDS if part in image)
    if room < next(iter(needs), 0):
        return Fate(code=137, reason="OOMKilled")
    return None
