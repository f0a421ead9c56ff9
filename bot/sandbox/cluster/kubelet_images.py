"""Container images of the simulated nodes: how long a pull takes, what each node has already, and which pulls fail."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from fnmatch import fnmatch

from bot.sandbox.clock import Clock

MISSING = "does-not-exist"


@dataclass(frozen=True)
class Timings:
    """How long things take on the nodes, in simulated seconds. `ready` lists (image pattern, seconds until ready)."""

    sandbox: float = 0.3
    pull: float = 2.0
    start: float = 0.4
    init: float = 0.5
    probe: float = 1.5
    stop: float = 1.0
    ready: tuple[tuple[str, float], ...] = ()


class PullError(Exception):
    """The image can't be had; the text is the container runtime's."""


def fits(pattern: str, image: str) -> bool:
    """Whether an image is meant by a pattern: a glob, or a part of the name."""
    return pattern in image or fnmatch(image, pattern)


def full_name(image: str) -> str:
    """The image's full reference as containerd writes it (`nginx` is `docker.io/library/nginx:latest`)."""
    path, at, digest = image.partition("@")
    head, slash, tail = path.rpartition("/")
    name, colon, tag = tail.partition(":")
    registry = head.partition("/")[0]
    if not slash:
        head = "docker.io/library"
    elif "." not in registry and ":" not in registry and registry != "localhost":
        head = f"docker.io/{head}"
    if at:
        return f"{head}/{name}@{digest}"
    return f"{head}/{name}:{tag if colon else 'latest'}"


def digest_of(text: str) -> str:
    """A stable stand-in for a content digest."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Pulled:
    """What a pull took (simulated seconds) and brought (bytes); `present` when nothing had to be fetched."""

    seconds: float = 0.0
    size: int = 0
    present: bool = False


@dataclass
class Registry:
    """The world's images: every name exists, except broken ones and those that say they do not."""

    clock: Clock
    timings: Timings = field(default_factory=Timings)
    slow: float | None = None
    broken: dict[str, str] = field(default_factory=dict)

    def fault(self, image: str) -> str:
        """Why the image can't be pulled, or ""."""
        name = full_name(image)
        for pattern, reason in self.broken.items():
            if fits(pattern, image):
                return f'failed to pull and unpack image "{name}": {reason}'
        if MISSING in image:
            return f'failed to pull and unpack image "{name}": failed to resolve reference "{name}": {name}: not found'
        return ""

    async def pull(self, image: str) -> Pulled:
        """Takes the image's time; raises PullError."""
        if fault := self.fault(image):
            await self.clock.sleep(min(self.timings.pull, 0.8))
            raise PullError(f"rpc error: code = NotFound desc = {fault}")
        seconds = self.timings.pull * (0.5 + int(digest_of(image)[:4], 16) / 0xFFFF) if self.slow is None else self.slow
        await self.clock.sleep(seconds)
        return Pulled(seconds, 20_000_000 + int(digest_of(image)[4:12], 16) % 180_000_000)


class NodeImages:
    """The images that one node has. Two containers that want the same image share one pull."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._present: set[str] = set()
        self._locks: dict[str, asyncio.Lock] = {}

    def has(self, image: str, policy: str) -> bool:
        """Whether nothing needs to be fetched."""
        return full_name(image) in self._present and policy != "Always"

    async def fetch(self, image: str, policy: str) -> Pulled:
        """Has the image on the node when it returns; raises PullError."""
        name = full_name(image)
        async with self._locks.setdefault(name, asyncio.Lock()):
            if self.has(image, policy):
                return Pulled(present=True)
            if name in self._present and not self._registry.fault(image):
                await self._registry.clock.sleep(0.3)  # the manifest is looked up, the layers are here
                return Pulled(0.3, 20_000_000 + int(digest_of(image)[4:12], 16) % 180_000_000)
            pulled = await self._registry.pull(image)
            self._present.add(name)
            return pulled
