"""Findings of the checks, and their output as log lines, JSON or YAML."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from sandbox.istio.ctl.analyze_flags import LEVELS
from sandbox.istio.ctl.kube import Object
from sandbox.istio.render.chart_values import to_yaml

FILE = "(file)"
"""The key of an object under which its place in a file stands, `FILE:LINE`."""


@dataclass(frozen=True)
class AnalysisFinding:
    """One finding: level, code (`IST0101`), origin (`Kind namespace/name`) and text.

    An object of a file has its place behind it: `Kind namespace/name FILE:LINE`.
    """

    level: str
    code: str
    origin: str
    text: str

    @property
    def resource(self) -> tuple[str, str]:
        """The object without its file: kind, and namespace and name."""
        kind, _, rest = self.origin.partition(" ")
        return kind, rest.partition(" ")[0]

    @property
    def reference(self) -> str:
        """The place in a file, or empty."""
        return " ".join(self.origin.split(" ")[2:])

    @property
    def line(self) -> str:
        """The finding as `analyze` logs it."""
        return f"{self.level} [{self.code}] ({self.origin}) {self.text}"


def format_origin(obj: Object) -> str:
    """Return an object as findings name it: `Kind namespace/name`, and its place in a file."""
    metadata = obj["metadata"]
    inside = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    place = f" {obj[FILE]}" if FILE in obj else ""
    return f"{obj['kind']} {inside}{metadata['name']}{place}"


def resolve_host(host: str, namespace: str) -> str:
    """Return a host as Istio resolves it from a namespace."""
    if "." in host or "*" in host:
        parts = host.split(".")
        return f"{host}.svc.cluster.local" if len(parts) == 2 and parts[1] == namespace else host
    return f"{host}.{namespace}.svc.cluster.local"


def sort_findings(findings: Iterable[AnalysisFinding]) -> list[AnalysisFinding]:
    """Return the findings without repetitions, most severe first, then by code and origin."""
    return sorted(set(findings), key=lambda f: (-LEVELS.index(f.level), f.code, f.origin, f.text))


def format_findings(findings: list[AnalysisFinding], form: str, minor: str) -> str:
    """Format the findings as `log`, `json` or `yaml`.

    `minor` names the release of the documentation that they link to.
    """
    told = [
        {
            "code": f.code,
            "documentationUrl": f"https://istio.io/{minor}/docs/reference/config/analysis/{f.code.lower()}/?ref=istioctl-analyze",
            "level": f.level,
            "message": f.text,
            "origin": " ".join(f.resource),
            **({"reference": f.reference} if f.reference else {}),
        }
        for f in findings
    ]
    if form == "json":
        return json.dumps(told, indent="\t", ensure_ascii=False)
    if form == "yaml":
        return to_yaml(told) + "\n"
    return "\n".join(f.line for f in findings)
