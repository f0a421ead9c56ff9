"""`bot.ports.Mesh`: an Istio release directory and its `bin/istioctl`."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from bot.errors import IstioError, UserError
from bot.istio import gateway_api_files
from bot.istio.lines import extract_error
from bot.istio.program import MAX_UNREAD_LINES, RunningProgram, start_program
from bot.istio.release import assess_version, list_profiles
from bot.kinds import Object
from bot.ports import Identity, Output, Program
from bot.text import Text, verbatim
from bot.yaml_text import read_yaml_documents

READ_SECONDS = 30.0
"""Seconds for a command that only looks (version, manifest generate)."""
PRECHECK_SECONDS = 120.0
"""Seconds for `x precheck`, which asks the cluster some thirty questions."""


@dataclass(frozen=True)
class ClusterFlags:
    """The cluster that istioctl asks, and as whom."""

    kubeconfig: Path | None
    context: str | None
    identity: Identity | None = None

    def build(self) -> list[str]:
        """Return the flags; none when istioctl finds the cluster by itself, as itself."""
        flags = [f"--kubeconfig={self.kubeconfig}"] if self.kubeconfig else []
        flags += [f"--context={self.context}"] if self.context else []
        if self.identity is not None:
            flags.append(f"--as={self.identity.user}")
            flags += [f"--as-group={group}" for group in self.identity.groups]
        return flags


class Istioctl:
    """One Istio release. `open` it before anything else.

    `kubeconfig` and `context` become flags; without them istioctl finds the cluster it runs in.
    `gateway_api` is the file or directory of the CRDs. `extra` are environment variables that it
    may see besides its own few, for credential plugins (`HOME`, `AWS_PROFILE`, …).
    """

    def __init__(
        self,
        home: Path,
        kubeconfig: Path | None,
        context: str | None,
        gateway_api: Path | None,
        *,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        # The program runs in a directory of its own, from which a relative path leads elsewhere.
        self.home = home.absolute()
        self._setting, self._extra = gateway_api, dict(extra or {})
        self._flags = ClusterFlags(kubeconfig.absolute() if kubeconfig else None, context)
        self._version = ""
        self._assessment = assess_version("")
        self._profiles: tuple[str, ...] = ()
        self._bundle: list[Object] | UserError = UserError(
            Text("The Istio release has not been opened.")
        )

    def acting_as(self, identity: Identity) -> Istioctl:
        """Return the same release, acting in the cluster as someone else.

        Impersonation is passed in flags: istioctl replaces whatever its kubeconfig says of it
        by what its flags say, nothing included. From 1.24.0 to 1.24.2 it needs a group as
        well (istio/istio, pull request 54667).
        """
        other = copy.copy(self)
        other._flags = replace(self._flags, identity=identity)
        return other

    async def open(self) -> None:
        """Read the release's version, profiles and Gateway API CRDs; raise IstioError when
        istioctl is not usable.
        """
        document = await self._read_document(["version", "--remote=false", "-o", "json"])
        try:
            self._version = str(json.loads(document)["clientVersion"]["version"])
        except (ValueError, KeyError, TypeError) as error:
            raise IstioError(
                Text(
                    "{program} does not tell its version as istioctl does",
                    program=str(self._program),
                )
            ) from error
        self._assessment = assess_version(self._version)
        self._profiles = await asyncio.to_thread(list_profiles, self.home)
        try:
            self._bundle = await asyncio.to_thread(
                gateway_api_files.load_bundle, self._setting, self.home
            )
        except UserError as error:
            # Kept until somebody needs the CRDs: all steps without a gateway or waypoint work.
            self._bundle = error

    @property
    def version(self) -> str:
        """The release's version, e.g. `1.30.3`."""
        return self._version

    @property
    def notes(self) -> tuple[Text, ...]:
        """Remarks about this release, e.g. that it is newer than those known."""
        return self._assessment.notes

    @property
    def profiles(self) -> tuple[str, ...]:
        """The profiles that this release can install."""
        return self._profiles

    @property
    def kubernetes_range(self) -> tuple[int, int]:
        """Lowest and highest minor version of Kubernetes 1.x that this release supports."""
        return self._assessment.known.kubernetes

    async def render(self, arguments: Sequence[str]) -> list[Object]:
        """Return the objects that `istioctl manifest generate` prints; raise IstioError with
        istioctl's own message when the arguments are wrong.
        """
        document = await self._read_document(["manifest", "generate", *arguments])
        try:
            return await asyncio.to_thread(_parse_objects, document)
        except yaml.YAMLError as error:
            raise IstioError(
                Text("istioctl manifest generate printed something that is not YAML")
            ) from error

    def run(self, arguments: Sequence[str]) -> AbstractAsyncContextManager[Program]:
        """Start `istioctl` with these arguments; leaving the context ends it."""
        return start_program(self._program, [*arguments, *self._flags.build()], extra=self._extra)

    async def precheck(self) -> tuple[bool, tuple[str, ...]]:
        """Run `istioctl x precheck`; return whether it found nothing, and the lines that it
        printed.

        Its all-clear comes on standard error with exit code 0; findings come on standard
        output with 1 (1.23.2 and 1.30.3). Raises IstioError when it could not check at all.
        """
        async with self._run_with_timeout(
            ["x", "precheck", *self._flags.build()], PRECHECK_SECONDS
        ) as program:
            lines: list[Output] = []
            async for output in program.output():
                lines += [output] if len(lines) < MAX_UNREAD_LINES else []
            code = await program.wait()
        findings = tuple(line.strip() for stream, line in lines if stream == "stdout")
        if code and not findings:
            raise _build_error(program, code)
        return code == 0, findings or program.tail[:1]

    def sample(self, path: str) -> list[Object]:
        """Return the objects of a file under `samples/`; reads the disk. Raises UserError when
        it is not there.
        """
        file = self.home / "samples" / path
        try:
            return _parse_objects(file.read_bytes())
        except OSError as error:
            raise UserError(
                Text("The Istio release has no samples/{path}.", path=path),
                Text("The bot's administrator should unpack it whole."),
            ) from error

    def gateway_api(self) -> list[Object]:
        """Return the Gateway API CRDs (and what comes with them) that fit this release; raise
        UserError when there are none.
        """
        if isinstance(self._bundle, UserError):
            raise UserError(self._bundle.message, self._bundle.hint)
        return list(self._bundle)

    @property
    def _program(self) -> Path:
        return self.home / "bin" / "istioctl"

    async def _read_document(self, arguments: Sequence[str]) -> bytes:
        """Return the standard output of a command that only reads; raise IstioError with its own
        message when it fails.
        """
        async with self._run_with_timeout(arguments, READ_SECONDS, whole=True) as program:
            if code := await program.wait():
                raise _build_error(program, code)
            return program.document

    @asynccontextmanager
    async def _run_with_timeout(
        self, arguments: Sequence[str], seconds: float, *, whole: bool = False
    ) -> AsyncIterator[RunningProgram]:
        try:
            async with (
                asyncio.timeout(seconds),
                start_program(self._program, arguments, extra=self._extra, whole=whole) as program,
            ):
                yield program
        except TimeoutError as error:
            shown = " ".join(arguments[:2])
            raise IstioError(
                Text(
                    "`istioctl {shown}` did not end within {seconds:g} s",
                    shown=shown,
                    seconds=seconds,
                )
            ) from error


def _build_error(program: RunningProgram, code: int) -> IstioError:
    said = extract_error(program.tail)
    words = verbatim(said) if said else Text("istioctl ended with exit code {code}", code=code)
    return IstioError(words, code=code, lines=program.tail)


def _parse_objects(document: bytes) -> list[Object]:
    return [obj for obj in read_yaml_documents(document) if isinstance(obj, dict)]
