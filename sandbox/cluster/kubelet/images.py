"""Container images of the simulated nodes: how long a pull takes, what each node has already, and
which pulls fail."""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass, field
from fnmatch import fnmatch

from sandbox.clock import Clock
from sandbox.cluster.kubelet.known_images import find_missing_image

MISSING = "does-not-exist"
_NAME = re.compile(
    r"(?:[A-Za-z0-9.-]+(?::\d+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
RATE_LIMIT = (
    "429 Too Many Requests - Server message: toomanyrequests: You have reached your "
    "unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit"
)
"""Docker Hub's answer to addresses that have pulled too much."""


@dataclass(frozen=True)
class Timings:
    """Durations on the nodes, in simulated seconds.

    `ready` lists (image pattern, seconds until ready).
    """

    sandbox: float = 0.3
    pull: float = 2.0
    start: float = 0.4
    init: float = 0.5
    probe: float = 1.5
    stop: float = 1.0
    ready: tuple[tuple[str, float], ...] = ()


class PullError(Exception):
    """The image can't be had; the text is the container runtime's."""


def matches_image(pattern: str, image: str) -> bool:
    """Tell whether an image is meant by a pattern: a glob, or a part of the name."""
    return pattern in image or fnmatch(image, pattern)


def normalize_image_name(image: str) -> str:
    """Return the image's full reference as containerd writes it.

    `nginx` is `docker.io/library/nginx:latest`.
    """
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


def is_valid_name(image: str) -> bool:
    """Tell whether a name can be an image's: repositories have no capitals, no name has blanks."""
    return _NAME.fullmatch(image) is not None


def compute_digest(text: str) -> str:
    """Return a stable stand-in for a content digest (SHA-256 in hex)."""
    return hashlib.sha256(text.encode()).hexdigest()


def build_pull_message(fault: str) -> str:
    """Return a failed pull in the words of the kubelet, with the runtime's code (containerd)."""
    code = "NotFound" if "not found" in fault or "manifest unknown" in fault else "Unknown"
    return f"rpc error: code = {code} desc = {fault}"


def build_refused_pull(image: str, kind: str) -> str:
    """Return why a registry refuses: for `rate-limit`, `denied`, or else an unknown manifest."""
    name = normalize_image_name(image)
    path, _, tag = name.partition("/")[2].rpartition(":")
    registry = name.partition("/")[0].replace("docker.io", "registry-1.docker.io")
    asked = f"https://{registry}/v2/{path}/manifests/{tag}"
    words = {
        "rate-limit": f"unexpected status from GET request to {asked}: {RATE_LIMIT}",
        "denied": "pull access denied, repository does not exist or may require authorization: "
        "server message: insufficient_scope: authorization failed",
    }.get(kind, f"unexpected status from GET request to {asked}: 404 Not Found: manifest unknown")
    return (
        f'failed to pull and unpack image "{name}": failed to resolve reference "{name}": {words}'
    )


@dataclass(frozen=True)
class PullResult:
    """The duration (simulated seconds) and size (bytes) of a pull.

    `present` when nothing had to be fetched.
    """

    seconds: float = 0.0
    size: int = 0
    present: bool = False


@dataclass
class ImageRegistry:
    """The images that can be pulled.

    Every name exists, except broken ones, those that contain `does-not-exist`, and in the families
    of Istio, Bookinfo and Kiali what was never published.
    """

    clock: Clock
    timings: Timings = field(default_factory=Timings)
    slow: float | None = None
    broken: dict[str, str] = field(default_factory=dict)

    def find_pull_error(self, image: str) -> str:
        """Return the reason why the image can't be pulled, or ""."""
        name = normalize_image_name(image)
        for pattern, reason in self.broken.items():
            if matches_image(pattern, image):
                return f'failed to pull and unpack image "{name}": {reason}'
        missing = f"{name}: not found" if MISSING in image else find_missing_image(name)
        if missing:
            return (
                f'failed to pull and unpack image "{name}": failed to resolve reference "{name}": '
                f"{missing}"
            )
        return ""

    async def pull(self, image: str) -> PullResult:
        """Wait for as long as the pull of the image takes; raise PullError when it fails."""
        if fault := self.find_pull_error(image):
            await self.clock.sleep(min(self.timings.pull, 0.8))
            raise PullError(build_pull_message(fault))
        seconds = (
            self.timings.pull * (0.5 + int(compute_digest(image)[:4], 16) / 0xFFFF)
            if self.slow is None
            else self.slow
        )
        await self.clock.sleep(seconds)
        return PullResult(seconds, 20_000_000 + int(compute_digest(image)[4:12], 16) % 180_000_000)


class NodeImages:
    """The images that one node has. Two containers that want the same image share one pull."""

    def __init__(self, registry: ImageRegistry) -> None:
        self._registry = registry
        self._present: set[str] = set()
        self._locks: dict[str, asyncio.Lock] = {}

    def is_present(self, image: str, policy: str) -> bool:
        """Tell whether nothing needs to be fetched."""
        return normalize_image_name(image) in self._present and policy != "Always"

    async def ensure_present(self, image: str, policy: str) -> PullResult:
        """Pull the image unless the node has it; raise PullError when that fails."""
        name = normalize_image_name(image)
        async with self._locks.setdefault(name, asyncio.Lock()):
            if self.is_present(image, policy):
                return PullResult(present=True)
            if name in self._present and not self._registry.find_pull_error(image):
                await self._registry.clock.sleep(
                    0.3
                )  # the manifest is looked up, the layers are here
                return PullResult(
                    0.3, 20_000_000 + int(compute_digest(image)[4:12], 16) % 180_000_000
                )
            pulled = await self._registry.pull(image)
            self._present.add(name)
            return pulled
