"""What Bookinfo's programs are told by their environment and their commands (images 1.20): whom
they ask, at which port, where they listen, and whether they show stars or fail on purpose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bot.diagnosis.object_facts import get_template_labels
from bot.kinds import Object

ASKS = {"productpage": ("details", "reviews", "ratings"), "reviews": ("ratings",)}
"""Which program asks which, each by the variables NAME_HOSTNAME and NAME_SERVICE_PORT."""
DOMAIN = "SERVICES_DOMAIN"
"""The variable whose value follows every host, after a dot."""
PORT = 9080
LISTENS = re.compile(r"(?:ratings\.js|details\.rb|productpage\.py|-b \S*?:)\s*(\d+)")
"""How the commands of the images name a port: an argument of the script, or gunicorn's `-b`."""
MADE_TO_FAIL = {
    "v-faulty": "half",
    "v-delayed": "slow",
    "v-unavailable": "turns",
    "v-unhealthy": "turns",
}
"""Values of ratings' SERVICE_VERSION that spoil its answers, and how."""


@dataclass(frozen=True)
class AskedHost:
    """A part that a program asks: its host and port, and the variables that say so, if any."""

    app: str
    host: str
    port: int
    variables: tuple[str, ...]


def read_environment(container: Object) -> dict[str, str]:
    """Return the variables of a container that have a plain value."""
    return {e["name"]: str(e.get("value") or "") for e in container.get("env") or []}


def list_app_containers(workload: Object) -> list[Object]:
    """Return the containers of a workload's template that are not the mesh's."""
    containers = workload["spec"]["template"]["spec"].get("containers") or []
    return [c for c in containers if c.get("name") != "istio-proxy"]


def list_asked_hosts(workload: Object) -> Iterator[AskedHost]:
    """Yield whom a part of Bookinfo asks where its environment says otherwise than the image."""
    app = str(get_template_labels(workload).get("app", ""))
    for container in list_app_containers(workload):
        env = read_environment(container)
        for name in ASKS.get(app, ()):
            told = {
                key: env[key]
                for key in (f"{name.upper()}_HOSTNAME", DOMAIN, f"{name.upper()}_SERVICE_PORT")
                if env.get(key)
            }
            if not told:
                continue
            domain = f".{env[DOMAIN]}" if env.get(DOMAIN) else ""
            number = env.get(f"{name.upper()}_SERVICE_PORT", "")
            yield AskedHost(
                name,
                env.get(f"{name.upper()}_HOSTNAME", name) + domain,
                int(number) if number.isdigit() else PORT,
                tuple(f"{key}={value}" for key, value in told.items()),
            )


def find_told_port(pod: Object) -> int | None:
    """Return the port at which the command of a pod's program has it listen; None where it says
    none, and the image decides."""
    for container in pod["spec"].get("containers") or []:
        if "bookinfo" not in str(container.get("image", "")):
            continue
        words = " ".join(
            str(w) for w in (*(container.get("command") or ()), *(container.get("args") or ()))
        )
        if told := LISTENS.search(words):
            return int(told[1])
    return None
