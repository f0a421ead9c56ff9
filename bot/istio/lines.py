"""istioctl's lines as people are shown them, and its own message of why it failed.

Colours, control characters and the ship are gone. The wording is that of Istio 1.23.2 and 1.30.3,
which agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bot.masking import hide_passwords

LONGEST_LINE = 2000
"""Characters of one line that are kept."""

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_SHIP = re.compile(r"[\s|\\/_]*")
_PORT_FORWARD = re.compile(r"port forward failed|portforward\.go|error upgrading connection")


def clean_line(line: str) -> str:
    """Return a line as a terminal shows it: no colours, no control characters, only what
    follows the last carriage return.
    """
    # A progress bar writes over its line: what follows the last return is what stays.
    shown = _ANSI.sub("", line.rstrip("\r\n")).rpartition("\r")[2]
    # It repeats the address of a proxy that it cannot parse, password included; looked for in more
    # than is kept, so that no password is cut in two.
    shown = hide_passwords(_CONTROL.sub("", shown)[: 2 * LONGEST_LINE])
    return shown if len(shown) <= LONGEST_LINE else shown[: LONGEST_LINE - 1] + "…"


def is_noise(line: str) -> bool:
    """Tell whether a line is empty, part of the ship in ASCII art, or one of the
    port-forward complaints that do not stop an installation.
    """
    return _SHIP.fullmatch(line) is not None or _PORT_FORWARD.search(line) is not None


def extract_error(lines: Iterable[str]) -> str:
    """Return istioctl's own message of why it failed: from its last `Error:` on, else the
    last line that is not noise.
    """
    kept = [text for line in lines if not is_noise(text := clean_line(line))]
    starts = [n for n, line in enumerate(kept) if line.startswith("Error: ")]
    if starts:
        return "\n".join(kept[starts[-1] :]).removeprefix("Error: ")
    return kept[-1].strip() if kept else ""
