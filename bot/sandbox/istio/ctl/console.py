"""What `istioctl install` shows: the ship, and progress lines written as its bar writes them away from a terminal."""

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


def component_name(component: str) -> str:
    """The component as people are told of it."""
    return _NAMES[component][0]


def ship(stream: TextIO) -> None:
    """Draws the ship; each line is as wide as the widest, one empty line follows."""
    stream.write("".join(f"{line:<20}\n" for line in SHIP) + "\n")
    stream.flush()


class Progress:
    """The state of an installation, a line per change: a line break comes before each line, none after the last."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._working: dict[str, list[str]] = {}
        self._last = ""

    def begin(self, component: str) -> None:
        """The component is being worked on from now on."""
        self._working[component] = []

    def applied(self) -> None:
        """An object has been applied."""
        self._status()

    def waiting(self, component: str, objects: list[str]) -> None:
        """The component waits for these objects, `Kind/namespace/name`."""
        self._working[component] = objects
        self._status()

    def finished(self, component: str) -> None:
        """The component is installed."""
        name, icon = _NAMES[component]
        del self._working[component]
        self.say(f"✔ {name} installed {icon}")

    def failed(self, component: str, reason: str) -> None:
        """The component is given up."""
        del self._working[component]
        self.say(f"✘ {component_name(component)} encountered an error: {reason}")

    def _status(self) -> None:
        names = ", ".join(sorted(component_name(c) for c in self._working))
        objects = ", ".join(sorted(o for waiting in self._working.values() for o in waiting))
        text = f"Processing resources for {names}." + (f" Waiting for {objects}" if objects else "")
        room = WIDTH - 2
        self.say("- " + (text if len(text) <= room else text[: room - 3] + "..."))

    def say(self, line: str) -> None:
        """Writes the line unless it is what was said last."""
        if line == self._last:
            return
        self._last = line
        self.stream.write(f"\n{line}")
        self.stream.flush()
