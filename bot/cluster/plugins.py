"""Credential plugins: programs such as aws and gke-gcloud-auth-plugin that a kubeconfig names, in
the protocol of client.authentication.k8s.io. What they say of a failure is for people, and reaches
them."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import signal
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from bot.errors import Unauthorized
from bot.json_text import parse_json
from bot.masking import hide_passwords
from bot.text import EMPTY, Text, join, verbatim

PLUGIN_SECONDS = 60.0
"""Seconds that a plugin may take; some open a browser first."""
MOST_OUTPUT = 1_000_000
"""Bytes of each of a plugin's streams that are read."""
MOST_WORDS = 500
"""Characters of what a plugin said that are kept: the end, where the reason stands."""
CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[^\S\n]*\r|[\x00-\x08\x0b-\x1f\x7f]")
EXTENSION = "client.authentication.k8s.io/exec"
"""The extension of a kubeconfig's cluster that is passed on to the plugin."""


class PluginCredentials(NamedTuple):
    """What a plugin gave: a token, or a certificate and its key in PEM; `ends` in epoch seconds."""

    token: str = ""
    certificate: str = ""
    key: str = ""
    ends: float = float("inf")


class Plugin:
    """The plugin of a kubeconfig's user. `place` is the kubeconfig, for errors, `base` its
    directory, `cluster` its entry of the cluster.
    """

    def __init__(
        self, exec_: Mapping[str, Any], cluster: Mapping[str, Any], *, place: str, base: Path
    ) -> None:
        self._exec, self._cluster, self._place, self._base = exec_, cluster, place, base

    async def run(self) -> PluginCredentials:
        """Run the plugin and return what it gave; raise Unauthorized with its own words."""
        if self._exec.get("interactiveMode") == "Always":
            raise self._fail(Text("it wants to ask somebody at a keyboard, and there is none"))
        try:
            async with asyncio.timeout(PLUGIN_SECONDS):
                code, out, said = await self._communicate()
        except TimeoutError as error:
            raise self._fail(
                Text("it did not end in {seconds:g} s", seconds=PLUGIN_SECONDS)
            ) from error
        except FileNotFoundError as error:
            raise self._fail(Text("there is no such program"), hint=True) from error
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise self._fail(Text("it cannot be run: {why}", why=str(why)), hint=True) from error
        if code:
            raise self._fail(
                Text("it ended with {code}: {said}", code=code, said=said)
                if said
                else Text("it ended with {code} and said nothing", code=code)
            )
        return self._read(out, said)

    def _read(self, out: bytes, said: str) -> PluginCredentials:
        """Return the credentials in an ExecCredential."""
        try:
            document = parse_json(out)
            status = document["status"]
            version = document["apiVersion"]
            ends = parse_time(status.get("expirationTimestamp"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            wrong = Text("what it printed is no ExecCredential")
            words = Text("it says: {said}", said=said) if said else EMPTY
            raise self._fail(join("semicolon", wrong, words)) from error
        if version != self._exec.get("apiVersion"):
            raise self._fail(
                Text(
                    "it speaks {theirs}, and the kubeconfig says {ours}",
                    theirs=str(version),
                    ours=str(self._exec.get("apiVersion")),
                )
            )
        token = str(status.get("token") or "").strip()
        certificate, key = (
            str(status.get(name) or "") for name in ("clientCertificateData", "clientKeyData")
        )
        if not (token or (certificate and key)):
            raise self._fail(Text("what it printed holds neither a token nor a certificate"))
        return PluginCredentials(token, certificate, key, ends)

    async def _communicate(self) -> tuple[int, bytes, str]:
        """Return exit code, standard output, and the end of standard error; a plugin that is not
        waited for any more is ended.
        """
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            self._command,
            *map(str, self._exec.get("args") or ()),
            env=self._build_environment(),
            # Whatever asks a question is to fail, for nobody could answer.
            stdin=asyncio.subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            start_new_session=True,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            # Both at once: a program that fills one pipe waits for whoever reads it.
            streams = (process.stdout, process.stderr)
            out, said = await asyncio.gather(*(read_some(each, process) for each in streams))
            if max(len(out), len(said)) > MOST_OUTPUT:
                raise self._fail(
                    Text(
                        "it printed more than {most:g} MB; read no further", most=MOST_OUTPUT / 1e6
                    )
                )
            return await process.wait(), out, clean_words(said)
        finally:
            if process.returncode is None:
                end_group(process)
            # Before the wait: asyncio's ends only when both streams have ended, and one that was
            # not read to its end is paused, so that its end is never seen.
            process._transport.close()  # type: ignore[attr-defined]
            await process.wait()

    @property
    def _command(self) -> str:
        """The program; a path in the kubeconfig is relative to the kubeconfig."""
        command = str(self._exec.get("command") or "")
        return str(self._base / command) if "/" in command else command

    def _build_environment(self) -> dict[str, str]:
        spec: dict[str, Any] = {"interactive": False}
        if self._exec.get("provideClusterInfo"):
            spec["cluster"] = describe_cluster(self._cluster, self._base)
        info = {
            "apiVersion": self._exec.get("apiVersion"),
            "kind": "ExecCredential",
            "spec": spec,
        }
        own = {str(each["name"]): str(each["value"]) for each in self._exec.get("env") or ()}
        return {**os.environ, **own, "KUBERNETES_EXEC_INFO": json.dumps(info)}

    def _fail(self, why: Text, *, hint: bool = False) -> Unauthorized:
        """Return the error; `hint` adds what the kubeconfig says of how to install the plugin."""
        words = clean_words(str(self._exec.get("installHint") or "").encode()) if hint else ""
        message = Text(
            "kubeconfig {place}: its credential plugin `{command}` gave no credentials: {why}",
            place=self._place,
            command=str(self._exec.get("command")),
            why=why,
        )
        return Unauthorized(join("semicolon", message, verbatim(words)) if words else message)


async def read_some(stream: asyncio.StreamReader, process: asyncio.subprocess.Process) -> bytes:
    """Return what a stream brings, or a beginning of it that is longer than MOST_OUTPUT; then the
    program is ended, since whoever reads its other stream would wait.
    """
    found = bytearray()
    while piece := await stream.read(65_536):
        found += piece
        if len(found) > MOST_OUTPUT:
            end_group(process)
            break
    return bytes(found)


def end_group(process: asyncio.subprocess.Process) -> None:
    """Kill a program that was started in a session of its own, and its children."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def clean_words(said: bytes) -> str:
    """Return the end of what a program said, without colours and control characters, in one
    line.
    """
    end = said[-20 * MOST_WORDS :].decode("utf-8", "replace")
    text = hide_passwords(CONTROL.sub("", end))
    line = "; ".join(filter(None, (" ".join(each.split()) for each in text.splitlines())))
    return line if len(line) <= MOST_WORDS else "…" + line[1 - MOST_WORDS :]


def parse_time(text: Any) -> float:
    """Return a time of RFC 3339 in epoch seconds, infinity for None; raise ValueError."""
    if text is None:
        return float("inf")
    return datetime.fromisoformat(str(text).replace("Z", "+00:00")).timestamp()


def describe_cluster(cluster: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """Return a kubeconfig's cluster as a plugin is told of it (ExecCredential, `spec.cluster`)."""
    told = {
        name: cluster[name]
        for name in (
            "server",
            "tls-server-name",
            "insecure-skip-tls-verify",
            "certificate-authority-data",
            "proxy-url",
        )
        if cluster.get(name)
    }
    file = cluster.get("certificate-authority")
    if file and not told.get("certificate-authority-data"):
        told["certificate-authority-data"] = base64.b64encode((base / file).read_bytes()).decode()
    for extension in cluster.get("extensions") or ():
        if extension.get("name") == EXTENSION:
            told["config"] = extension.get("extension")
    return told
