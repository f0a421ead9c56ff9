"""What checks find, and how findings are printed: as log lines, JSON or YAML."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from bot.sandbox.istio.render_values import to_yaml

LEVELS = ("Info", "Warning", "Error")
"""From harmless to grave."""


@dataclass(frozen=True)
class Finding:
    """One message: level, code (`IST0101`), the object it is about (`Kind namespace/name`), and its text."""

    level: str
    code: str
    origin: str
    text: str

    @property
    def line(self) -> str:
        """As `analyze` logs it."""
        return f"{self.level} [{self.code}] ({self.origin}) {self.text}"


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Without repetitions, gravest first, then by code and origin."""
    return sorted(set(findings), key=lambda f: (-LEVELS.index(f.level), f.code, f.origin, f.text))


def printed(findings: list[Finding], form: str, minor: str) -> str:
    """The findings in the form asked for (`log`, `json` or `yaml`); `minor` names the documentation's release."""
    told = [
        {
            "code": f.code,
            "documentationUrl": f"https://istio.io/{minor}/docs/reference/config/analysis/{f.code.lower()}/?ref=istioctl-analyze",
            "level": f.level,
            "message": f.text,
            "origin": f.origin,
        }
        for f in findings
    ]
    if form == "json":
        return json.dumps(told, indent="\t", ensure_ascii=False)
    if form == "yaml":
        return to_yaml(told) + "\n"
    return "\n".join(f.line for f in findings)
