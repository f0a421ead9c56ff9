"""Output of `istioctl install`: the ship, and progress lines.

The lines are those that its progress bar writes where there is no terminal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

WIDTH = 100
"""The bar's width where there is no terminal; a longer line is cut to it with `...`."""

SHIP = (
    "        |\\",
    "        | \\",
    "        |  \\",
    "        |   \\",
    "      /||    \\",
    "     / ||     \\",
    "    /  ||      \\",
    "   /   ||       \\",
    "  /    ||        \\",
    " /     ||         \\",
    "/______||__________\\",
    "____________________",
    "  \\__       _____/",
    "     \\_____/",
)
_NAMES: Mapping[str, tuple[str, str]] = {
    "Base": ("Istio core", "⛵️"),
    "Pilot": ("Istiod", "🧠"),
    "Cni": ("CNI", "🪢"),
    "Ztunnel": ("Ztunnel", "🔒"),
    "IngressGateways": ("Ingress gateways", "🛬"),
    "EgressGateways": ("Egress gateways", "🛫"),
}


def get_component_name(component: str) -> str:
    """Return the component's name as the user sees it."""
    return _NAMES[component][0]


def draw_ship(stream: TextIO) -> None:
    """Draw the ship; each line is as wide as the widest, one empty line follows."""
    stream.write("".join(f"{line:<20}\n" for line in SHIP) + "\n")
    stream.flush()


class ProgressLog:
    """The progress of an installation, one line per change.

    A line break comes before each line, none after the last.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._working: dict[str, list[str]] = {}
        self._last = ""

    def start_component(self, component: str) -> None:
        """Record that work on the component starts."""
        self._working[component] = []

    def report_applied(self) -> None:
        """Report that an object was applied."""
        self._write_status_line()

    def report_waiting(self, component: str, objects: list[str]) -> None:
        """Report the objects, `Kind/namespace/name`, that the component waits for."""
        self._working[component] = objects
        self._write_status_line()

    def report_finished(self, component: str) -> None:
        """Report that the component is installed."""
        name, icon = _NAMES[component]
        del self._working[component]
        self.write_line(f"✔ {name} installed {icon}")

    def report_failed(self, component: str, reason: str) -> None:
        """Report that the component failed."""
        del self._working[component]
        self.write_line(f"✘ {get_component_name(component)} encountered an error: {reason}")

    def _write_status_line(self) -> None:
        names = ", ".join(sorted(get_component_name(c) for c in self._working))
        objects = ", ".join(sorted(o for waiting in self._working.values() for o in waiting))
        text = f"Processing resources for {names}." + (f" Waiting for {objects}" if objects else "")
        room = WIDTH - 2
        self.write_line("- " + (text if len(text) <= room else text[: room - 3] + "..."))

    def write_line(self, line: str) -> None:
        """Write the line unless it equals the last one."""
        if line == self._last:
            return
        self._last = line
        self.stream.write(f"\n{line}")
        self.stream.flush()
