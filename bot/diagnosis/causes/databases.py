"""Versions of ratings that want a database, and have none (`ratings-v2` of Bookinfo's samples)."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from bot.diagnosis.cause import Cause, Finding, Fix, Subject
from bot.diagnosis.facts import show_field
from bot.diagnosis.gaps import find_port_gap
from bot.diagnosis.mesh_rules import list_rules_in_force, list_versions, service_exists
from bot.diagnosis.mesh_state import NamespaceState
from bot.diagnosis.object_facts import count_available, get_template_labels, is_pod_ready
from bot.diagnosis.service_ports import list_selected_pods
from bot.kinds import Object
from bot.knowledge.bookinfo.app import BOOKINFO
from bot.knowledge.objects.workloads import get_name
from bot.text import Text


def find_database_missing(state: NamespaceState) -> Iterator[Finding]:
    """Yield versions of ratings that get requests, and whose database is not there."""
    service = state.services.get("ratings")
    for workload in state.bookinfo if service else ():
        labels = get_template_labels(workload)
        if labels.get("app") != "ratings" or not count_available(workload):
            continue
        host, port = find_database(workload)
        gap = find_gap(state, host, port) if host else None
        if gap is None or not is_asked(state, labels):
            continue
        name = get_name(workload)
        foreign = name not in BOOKINFO
        yield Finding(
            Text(
                "{workload}, which is not the workshop's, answers 500: it wants the database "
                "{host}, and there is none.",
                workload=name,
                host=host,
            )
            if foreign
            else Text(
                "{workload} answers 500: it wants the database {host}, and there is none.",
                workload=name,
                host=host,
            ),
            (
                show_field(workload, "database", f"{host}:{port}" if port else host),
                gap,
            ),
            Fix(line=f"kubectl delete deployment {name} -n {state.namespace}")
            if foreign
            else Fix(command="bookinfo"),
            frozenset({f"Deployment/{name}", "app/ratings", "Service/ratings"}),
        )


def find_database(workload: Object) -> tuple[str, int]:
    """Return host and port of the database that a version of ratings is told to use; "" for none,
    and 0 for a port that is not told."""
    for container in workload["spec"]["template"]["spec"].get("containers") or []:
        if "examples-bookinfo-ratings-v2" not in str(container.get("image", "")):
            continue
        env = {e["name"]: str(e.get("value", "")) for e in container.get("env") or []}
        if env.get("DB_TYPE") == "mysql":
            port = env.get("MYSQL_DB_PORT", "")
            return env.get("MYSQL_DB_HOST", ""), int(port) if port.isdigit() else 0
        address = urlsplit(env.get("MONGO_DB_URL", ""))
        return address.hostname or "", address.port or 0
    return "", 0


def find_gap(state: NamespaceState, host: str, port: int) -> Text | None:
    """Return why a database's host does not answer, None where it may: only a Service here that
    does not exist, has no ready pods or no such port is known not to.
    """
    nobody = Text("no Service {service} has a ready pod", service=host)
    parts = host.split(".")
    if len(parts) > 1 and parts[1] != state.namespace:
        return None
    service = state.services.get(parts[0])
    if service is None:
        return None if service_exists(state, parts[0], state.namespace) else nobody
    if not service["spec"].get("selector"):
        return None
    pods = [pod for pod in list_selected_pods(state, service) if is_pod_ready(pod)]
    if not pods:
        return nobody
    return find_port_gap(service, port, pods) if port else None


def is_asked(state: NamespaceState, labels: dict[str, str]) -> bool:
    """Tell whether requests reach a version of ratings: rules may lead all of them past it."""
    rules = list_rules_in_force(state, "ratings")
    if not rules:
        return True
    destinations = [d for rule in rules for d in rule.destinations]
    return any(labels.get("version", "") in list_versions(state, d) for d in destinations)


CAUSES = (
    Cause(
        "ratings-database-missing",
        Subject.APPLICATION,
        "A version of ratings that wants a database runs without one, and fails.",
        "An image `ratings-v2`, and no Service with a ready pod of its database's name, or not at "
        "that port.",
        "Take that version away, or deploy the database",
        find_database_missing,
        ("bookinfo", "traffic", "fault"),
        gravity=3,
        by_object=True,
        source="Bookinfo's samples: 500 `could not connect to ratings database`",
    ),
)
