"""`bot.ports.Mesh`: an Istio release directory and its `bin/istioctl`."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import yaml

from bot.errors import IstioError, UserError
from bot.istio import gateway_api
from bot.istio.lines import error_words
from bot.istio.program import Running, started
from bot.istio.release import Judgement, judge, profiles_in
from bot.kinds import Object
from bot.ports import Identity, Program

BRIEF = 30.0
"""Seconds for a command that only looks (version, manifest generate)."""
PRECHECK = 120.0
"""Seconds for `x precheck`, which asks the cluster some thirty questions."""


class Istioctl:
    """One Istio release. `open` it before anything else.

    `kubeconfig` and `context` become flags; without them istioctl finds the cluster it runs in. `gateway_api` is the
    file or directory of the CRDs. `extra` are environment variables that it may see beside its clean few, for
    credential plugins (`HOME`, `AWS_PROFILE`, …).
    """

    def __init__(
        self,
        home: Path,
        kubeconfig: Path | None,
        context: str | None,
        gateway_api: Path | None,
        *,
        extra: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.home = home.absolute()
        self._kubeconfig = kubeconfig.absolute() if kubeconfig else None
        self._context, self._setting, self._extra = context, gateway_api, dict(extra or {})
        self._identity: Identity | None = None
        self._version = ""
        self._judgement: Judgement | None = None
        self._profiles: tuple[str, ...] = ()
        self._bundle: list[Object] | UserError = UserError("The Istio release has not been opened.")

    def acting_as(self, identity: Identity) -> Istioctl:
        """The same release, acting in the cluster as someone else.

        It must be told by flags: istioctl replaces whatever its kubeconfig says of impersonation by what its flags say,
        nothing included. From 1.24.0 to 1.24.2 it needs a group as well (istio/istio, pull request 54667).
        """
        other = copy.copy(self)
        other._identity = identity
        return other

    async def open(self) -> None:
        """Learns the release's version and reads what lies beside it; IstioError when istioctl is not usable."""
        document = await self._document(["version", "--remote=false", "-o", "json"])
        try:
            self._version = str(json.loads(document)["clientVersion"]["version"])
        except (ValueError, KeyError, TypeError) as error:
            raise IstioError(f"{self._program} does not tell its version as istioctl does") from error
        self._judgement = judge(self._version)
        self._profiles = await asyncio.to_thread(profiles_in, self.home)
        try:
            self._bundle = await asyncio.to_thread(gateway_api.load, self._setting, self.home)
        except UserError as error:
            self._bundle = error

    @property
    def version(self) -> str:
        """The release's version, e.g. `1.30.3`."""
        return self._version

    @property
    def notes(self) -> tuple[str, ...]:
        """What should be said about this release, e.g. that it is newer than those known."""
        return self._judged.notes

    @property
    def profiles(self) -> tuple[str, ...]:
        """The profiles that this release can install."""
        return self._profiles

    @property
    def kubernetes_range(self) -> tuple[int, int]:
        """Lowest and highest minor version of Kubernetes 1.x that this release supports."""
        return self._judged.known.kubernetes

    async def render(self, arguments: Sequence[str]) -> list[Object]:
        """What `istioctl manifest generate` prints; raises istioctl's own words when the arguments are wrong."""
        document = await self._document(["manifest", "generate", *arguments])
        try:
            return await asyncio.to_thread(_objects, document)
        except yaml.YAMLError as error:
            raise IstioError("istioctl manifest generate printed something that is not YAML") from error

    def run(self, arguments: Sequence[str]) -> AbstractAsyncContextManager[Program]:
        """Starts `istioctl` with these arguments; leaving the context ends it."""
        return started(self._program, [*arguments, *self._flags], extra=self._extra)

    async def precheck(self) -> tuple[bool, tuple[str, ...]]:
        """Whether `istioctl x precheck` found nothing, and what it said.

        Its all-clear comes on standard error with exit code 0; findings come on standard output with 1 (1.23.2 and
        1.30.3). IstioError when it could not look at all.
        """
        async with self._limited(["x", "precheck", *self._flags], PRECHECK) as program:
            lines = [output async for output in program.output()]
            code = await program.wait()
        findings = tuple(line.strip() for stream, line in lines if stream == "stdout")
        if code and not findings:
            raise _failed(program, code)
        return code == 0, findings or program.tail[:1]

    def sample(self, path: str) -> list[Object]:
        """The objects of a file under `samples/`; reads the disk. UserError when it is not there."""
        file = self.home / "samples" / path
        try:
            return _objects(file.read_bytes())
        except OSError as error:
            raise UserError(
                f"The Istio release has no samples/{path}.", "Whoever runs the bot: unpack it whole."
            ) from error

    def gateway_api(self) -> list[Object]:
        """The Gateway API CRDs (and what comes with them) that fit this release; UserError when none are at hand."""
        if isinstance(self._bundle, UserError):
            raise UserError(self._bundle.message, self._bundle.hint)
        return list(self._bundle)

    @property
    def _program(self) -> Path:
        return self.home / "bin" / "istioctl"

    @property
    def _judged(self) -> Judgement:
        return self._judgement or judge("")

    @property
    def _flags(self) -> list[str]:
        flags = [f"--kubeconfig={self._kubeconfig}"] if self._kubeconfig else []
        flags += [f"--context={self._context}"] if self._context else []
        if self._identity is not None:
            flags += [f"--as={self._identity.user}", *(f"--as-group={group}" for group in self._identity.groups)]
        return flags

    async def _document(self, arguments: Sequence[str]) -> bytes:
        """Standard output of a command that only looks; its failure in its own words."""
        async with self._limited(arguments, BRIEF, whole=True) as program:
            if code := await program.wait():
                raise _failed(program, code)
            return program.document

    @asynccontextmanager
    async def _limited(
        self, arguments: Sequence[str], seconds: float, *, whole: bool = False
    ) -> AsyncIterator[Running]:  # fmt: skip
        try:
            async with (
                asyncio.timeout(seconds),
                started(self._program, arguments, extra=self._extra, whole=whole) as program,
            ):
                yield program
        except TimeoutError as error:
            shown = " ".join(arguments[:2])
            raise IstioError(f"`istioctl {shown}` did not end within {seconds:g} s") from error


def _failed(program: Running, code: int) -> IstioError:
    words = error_words(program.tail) or f"istioctl ended with exit code {code}"
    return IstioError(words, code=code, lines=program.tail)


def _objects(document: bytes) -> list[Object]:
    return [obj for obj in yaml.load_all(document, yaml.CSafeLoader) if isinstance(obj, dict)]
