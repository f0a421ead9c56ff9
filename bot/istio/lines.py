"""Parser of istioctl's lines: which component it is busy with, what it waits for and
removed. For showing, never proof.

The wording is that of Istio 1.23.2 and 1.30.3, which agree; a dry run prints the same
lines without doing anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from bot.text import Text, verbatim

LONGEST_LINE = 2000
"""Characters of one line that are kept."""

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_SHIP = re.compile(r"[\s|\\/_]*")
_PORT_FORWARD = re.compile(r"port forward failed|portforward\.go|error upgrading connection")

_PROCESSING = re.compile(r"- Processing resources for (?P<of>[^.]+)\.(?: Waiting for (?P<on>.+))?")
_INSTALLED = re.compile(r"✔ (?P<of>[\w ]+?) installed\b")
_FAILED = re.compile(r"✘ (?P<of>[\w ]+?) encountered an error: (?P<why>.*)")
_REMOVED = re.compile(r"Removed (?P<version>\S*), Kind=(?P<kind>[^/]+)/(?P<where>\S+)")
_COMPLETE = re.compile(r"✔ (?:Installation|Uninstall) complete(?P<rest>.*)")
_WARNING = re.compile(r"(?:WARNING: |The Kubernetes version .* is not supported by Istio)")


class LineKind(StrEnum):
    """The kinds of lines that istioctl prints."""

    PROCESSING = "processing"
    INSTALLED = "installed"
    FAILED = "failed"
    PRUNING = "pruning"
    REMOVED = "removed"
    COMPLETE = "complete"
    WARNING = "warning"
    ERROR = "error"
    OTHER = "other"


@dataclass(frozen=True)
class ParsedLine:
    """One line understood: its components (`Istiod`, `Ingress gateways`), and in `waiting` or
    `removed` the objects as `Kind/namespace/name`; names that istioctl cut short are left out.
    `text` is what is worth showing, in istioctl's own words."""

    says: LineKind
    text: Text
    components: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    removed: str = ""


def clean_line(line: str) -> str:
    """Return a line as a terminal shows it: no colours, no control characters, only what
    follows the last carriage return.
    """
    shown = _ANSI.sub("", line.rstrip("\r\n")).rpartition("\r")[2]
    shown = _CONTROL.sub("", shown)
    return shown if len(shown) <= LONGEST_LINE else shown[: LONGEST_LINE - 1] + "…"


def is_noise(line: str) -> bool:
    """Tell whether a line is empty, part of the ship in ASCII art, or one of the
    port-forward complaints that do not stop an installation.
    """
    return _SHIP.fullmatch(line) is not None or _PORT_FORWARD.search(line) is not None


def parse_line(line: str) -> ParsedLine | None:
    """Return the meaning of a line; None when it is noise."""
    line = clean_line(line).strip()
    if is_noise(line):
        return None
    if (progress := _parse_progress(line)) is not None:
        return progress
    if found := _REMOVED.match(line):
        return ParsedLine(
            LineKind.REMOVED, verbatim(line), removed=_format_removed(found["kind"], found["where"])
        )
    if found := _COMPLETE.match(line):
        rest = found["rest"].strip() or line.removeprefix("✔ ")
        return ParsedLine(LineKind.COMPLETE, verbatim(rest))
    if line.startswith("Error: "):
        return ParsedLine(LineKind.ERROR, verbatim(line.removeprefix("Error: ")))
    if _WARNING.match(line):
        return ParsedLine(LineKind.WARNING, verbatim(line.removeprefix("WARNING: ")))
    return ParsedLine(LineKind.OTHER, verbatim(line))


def _parse_progress(line: str) -> ParsedLine | None:
    if found := _PROCESSING.fullmatch(line):
        return ParsedLine(
            LineKind.PROCESSING,
            verbatim(line.removeprefix("- ")),
            _split_list(found["of"]),
            _split_list(found["on"] or ""),
        )
    if found := _INSTALLED.match(line):
        return ParsedLine(LineKind.INSTALLED, verbatim(found[0].removeprefix("✔ ")), (found["of"],))
    if found := _FAILED.match(line):
        return ParsedLine(LineKind.FAILED, verbatim(found["why"]), (found["of"],))
    if line.startswith("- Pruning removed resources"):
        return ParsedLine(LineKind.PRUNING, verbatim(line.removeprefix("- ")))
    return None


def _split_list(text: str) -> tuple[str, ...]:
    return tuple(piece for piece in text.split(", ") if piece and not piece.endswith("..."))


def _format_removed(kind: str, where: str) -> str:
    """Return a removed object as `Kind/namespace/name`; istioctl writes `NAME.NAMESPACE.`,
    and `NAME..` for what has no namespace.
    """
    name, _, namespace = where.removesuffix(".").rpartition(".")
    return f"{kind}/{namespace}/{name}" if namespace else f"{kind}/{name}"


def extract_error(lines: Iterable[str]) -> str:
    """Return istioctl's own message of why it failed: from its last `Error:` on, else the
    last line that is not noise.
    """
    kept = [text for line in lines if not is_noise(text := clean_line(line))]
    starts = [n for n, line in enumerate(kept) if line.startswith("Error: ")]
    if starts:
        return "\n".join(kept[starts[-1] :]).removeprefix("Error: ")
    return kept[-1].strip() if kept else ""
