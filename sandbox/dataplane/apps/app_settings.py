"""What a container tells Bookinfo's programs by its environment and its command (images 1.20.x):
whom they ask, where they listen, and whether they show or refuse stars."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.cluster.contract import Object

PORT = 9080
"""Where every application of Bookinfo listens that is not told another port."""
NAMES = ("details", "reviews", "ratings")
_LISTENS = re.compile(r"(?:ratings\.js|details\.rb|productpage\.py|-b \S*?:)\s*(\d+)")
"""How the images' commands name the port: an argument of the script, or gunicorn's `-b`."""


@dataclass(frozen=True)
class AppSettings:
    """Settings of one container; `mode` is the variable SERVICE_VERSION of ratings, such as
    `v-faulty`."""

    hosts: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    listens: int = PORT
    ratings: bool = True
    mode: str = ""

    def find_address(self, name: str) -> tuple[str, int]:
        """Return the host and port by which another application is asked."""
        return self.hosts.get(name, name), self.ports.get(name, PORT)


def read_settings(container: Object) -> AppSettings:
    """Return the settings of a container of Bookinfo's."""
    env = {e["name"]: str(e.get("value", "")) for e in container.get("env") or ()}
    domain = f".{env['SERVICES_DOMAIN']}" if env.get("SERVICES_DOMAIN") else ""
    told = {name: env.get(f"{name.upper()}_SERVICE_PORT", "") for name in NAMES}
    words = " ".join(
        str(w) for w in (*(container.get("command") or ()), *(container.get("args") or ()))
    )
    port = _LISTENS.search(words)
    return AppSettings(
        {name: env.get(f"{name.upper()}_HOSTNAME", name) + domain for name in NAMES},
        {name: int(number) for name, number in told.items() if number.isdigit()},
        int(port[1]) if port else PORT,
        # Of the images only those of versions 2 and 3 set it, to true.
        ratings=env.get("ENABLE_RATINGS", "true").lower() == "true",
        mode=env.get("SERVICE_VERSION", ""),
    )
