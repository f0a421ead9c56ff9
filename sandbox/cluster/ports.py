"""Checks that the API server makes itself before it calls something behind a Service."""

from __future__ import annotations

from sandbox.cluster.api_refusals import service_unavailable_error
from sandbox.cluster.contract import Ref
from sandbox.cluster.store import Store

SERVICES = Ref("", "services")


def check_service_port(store: Store, namespace: str, name: str, port: int | str) -> None:
    """Raise ApiError(503) when there is no such Service or it has no such port.

    Port "" means the only one.
    """
    record = store.get(SERVICES, namespace, name)
    if record is None:
        raise service_unavailable_error(f'service "{name}" not found')
    ports = (record.obj.get("spec") or {}).get("ports") or []
    if port == "" and len(ports) == 1:
        return
    if not any(port in (each.get("port"), each.get("name")) for each in ports):
        shown = port or '""'
        raise service_unavailable_error(f'no service port {shown} found for service "{name}"')
