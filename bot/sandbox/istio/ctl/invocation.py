"""One run of `istioctl`: what was typed, where to write, and the cluster it means."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self, TextIO

from bot.sandbox.istio.catalog import Release
from bot.sandbox.istio.components.common import at
from bot.sandbox.istio.ctl.flags import Parsed
from bot.sandbox.istio.ctl.kube import ApiFailure, Kube
from bot.sandbox.istio.ctl.kubeconfig import Access, access


@dataclass
class Streams:
    """Standard input, output and error."""

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO


@dataclass
class Invocation:
    """Handed to every command. Waits are in simulated seconds; `speed` is how fast the cluster's time runs."""

    release: Release
    parsed: Parsed
    streams: Streams
    speed: float = 1.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if "kube" in self.__dict__:
            self.kube.close()

    def __getitem__(self, flag: str) -> Any:
        return self.parsed[flag]

    @cached_property
    def access(self) -> Access:
        return access(self["kubeconfig"], self["context"])

    @cached_property
    def kube(self) -> Kube:
        return Kube(self.access, f"istioctl/{self.release.version}")

    @property
    def namespace(self) -> str:
        """The namespace asked for, else the context's, else `default`."""
        return str(self["namespace"] or self.access.namespace or "default")

    def out(self, line: str = "") -> None:
        """A line on standard output."""
        print(line, file=self.streams.stdout, flush=True)

    def err(self, line: str = "") -> None:
        """A line on standard error."""
        print(line, file=self.streams.stderr, flush=True)

    def confirm(self, question: str) -> bool:
        """Asks on standard output and reads the answer; no answer is a no."""
        self.streams.stdout.write(question)
        self.streams.stdout.flush()
        return self.streams.stdin.readline().strip().lower() in ("y", "yes")

    def sleep(self, seconds: float) -> None:
        """Waits simulated seconds."""
        time.sleep(seconds / self.speed)

    def now(self) -> float:
        """Simulated seconds since some moment."""
        return time.monotonic() * self.speed

    def kubernetes(self) -> tuple[str, int]:
        """The server's version, `v1.36.3`, and its minor number."""
        version = str(self.kube.request("GET", "/version")["gitVersion"])
        return version, int(version.lstrip("v").split(".")[1])

    def control_planes(self) -> list[tuple[dict[str, Any], dict[str, str]]]:
        """Ready istiod pods and what each says of its version; empty where there is none or none answers."""
        found = []
        for pod in self.kube.find("v1", "Pod", self["istioNamespace"], "app=istiod"):
            conditions = at(pod, "status.conditions", [])
            if any(c["type"] == "Ready" and c["status"] == "True" for c in conditions):
                info = self._asked(pod)
                if info:
                    found.append((pod, info))
        return found

    def _asked(self, pod: dict[str, Any]) -> dict[str, str]:
        """What an istiod says of itself on its monitoring port: `version-revision-status`, or the same as JSON."""
        metadata = pod["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}:15014/proxy/version"
        try:
            answer = self.kube.request("GET", path)
        except ApiFailure:
            return {}
        if "version" in answer:
            return dict(answer)
        version, _, rest = str(answer.get("message", "")).rpartition("-")[0].rpartition("-")
        status = str(answer.get("message", "")).rpartition("-")[2]
        return (
            {"version": version, "revision": rest, "golang_version": "", "status": status, "tag": version}
            if version
            else {}
        )
