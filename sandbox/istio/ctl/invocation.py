"""One run of `istioctl`: its command line, its streams and its cluster."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self, TextIO

from sandbox.istio.components.common import get_nested
from sandbox.istio.ctl.flags import ParsedCommandLine
from sandbox.istio.ctl.kube import ApiFailure, KubeClient
from sandbox.istio.ctl.kubeconfig import ClusterAccess, load_cluster_access
from sandbox.releases.release import IstioRelease


@dataclass
class StandardStreams:
    """Standard input, output and error."""

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO


@dataclass
class IstioctlInvocation:
    """The context of one run, given to every command.

    Waits are in simulated seconds; `speed` is how fast the cluster's time runs.
    """

    release: IstioRelease
    parsed: ParsedCommandLine
    streams: StandardStreams
    speed: float = 1.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if "kube" in self.__dict__:
            self.kube.close()

    def __getitem__(self, flag: str) -> Any:
        return self.parsed[flag]

    @cached_property
    def access(self) -> ClusterAccess:
        return load_cluster_access(self["kubeconfig"], self["context"])

    @cached_property
    def kube(self) -> KubeClient:
        return KubeClient(self.access, f"istioctl/{self.release.version}")

    @property
    def namespace(self) -> str:
        """The namespace of the flag, else that of the kubeconfig's context, else `default`."""
        return str(self["namespace"] or self.access.namespace or "default")

    def write_out(self, line: str = "") -> None:
        """Write a line to standard output."""
        print(line, file=self.streams.stdout, flush=True)

    def write_err(self, line: str = "") -> None:
        """Write a line to standard error."""
        print(line, file=self.streams.stderr, flush=True)

    def confirm(self, question: str) -> bool:
        """Ask on standard output and read the answer; no answer counts as no."""
        self.streams.stdout.write(question)
        self.streams.stdout.flush()
        return self.streams.stdin.readline().strip().lower() in ("y", "yes")

    def sleep(self, seconds: float) -> None:
        """Wait for that many simulated seconds."""
        time.sleep(seconds / self.speed)

    def now(self) -> float:
        """Return simulated seconds since an arbitrary moment."""
        return time.monotonic() * self.speed

    def get_kubernetes_version(self) -> tuple[str, int]:
        """Return the server's version, `v1.36.3`, and its minor number."""
        version = str(self.kube.request("GET", "/version")["gitVersion"])
        return version, int(version.lstrip("v").split(".")[1])

    def list_control_planes(self) -> list[tuple[dict[str, Any], dict[str, str]]]:
        """Return the ready istiod pods, each with its version information.

        Pods that do not answer are left out.
        """
        found = []
        for pod in self.kube.list_objects("v1", "Pod", self["istioNamespace"], "app=istiod"):
            conditions = get_nested(pod, "status.conditions", [])
            if any(c["type"] == "Ready" and c["status"] == "True" for c in conditions):
                info = self._fetch_istiod_version(pod)
                if info:
                    found.append((pod, info))
        return found

    def _fetch_istiod_version(self, pod: dict[str, Any]) -> dict[str, str]:
        """Return the version information that an istiod gives on its monitoring port.

        Return an empty dict where it gives none. The istiod answers
        `version-revision-status`, or the same as JSON.
        """
        metadata = pod["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}:15014/proxy/version"  # noqa: E501
        try:
            answer = self.kube.request("GET", path)
        except ApiFailure:
            return {}
        if "version" in answer:
            return dict(answer)
        version, _, rest = str(answer.get("message", "")).rpartition("-")[0].rpartition("-")
        status = str(answer.get("message", "")).rpartition("-")[2]
        return (
            {
                "version": version,
                "revision": rest,
                "golang_version": "",
                "status": status,
                "tag": version,
            }
            if version
            else {}
        )
