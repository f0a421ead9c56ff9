"""What the API server checks itself before it calls something behind a Service."""

from __future__ import annotations

from bot.sandbox.cluster.contract import Ref
from bot.sandbox.cluster.refusals import unavailable
from bot.sandbox.cluster.store import Store

SERVICES = Ref("", "services")


def check_port(store: Store, namespace: str, name: str, port: int | str) -> None:
    """Raises ApiError(503) when there is no such Service, or it has no such port ("" is the only one)."""
    record = store.get(SERVICES, namespace, name)
    if record is None:
        raise unavailable(f'service "{name}" not found')
    ports = (record.obj.get("spec") or {}).get("ports") or []
    if port == "" and len(ports) == 1:
        return
    if not any(port in (each.get("port"), each.get("name")) for each in ports):
        shown = port or '""'
        raise unavailable(f'no service port {shown} found for service "{name}"')
