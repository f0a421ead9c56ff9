"""Lists of Kiali's stand-in as rows of tables: workloads, and the objects of Istio."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape
from typing import Any
from urllib.parse import quote

from sandbox.consoles.document import render_state
from sandbox.consoles.kiali_parts import find_checks, render_checks, render_membership

Ask = Callable[[str], Awaitable[Any]]
"""Asks Kiali's API for a path; raises NotServed."""
BASE = "/kiali/console"
WORKLOADS = ("Workload", "Namespace", "Pods", "Mesh", "Labels")
OBJECTS = ("Object", "Kind", "Namespace", "Configuration")
"""Titles of the lists' columns."""


async def list_workloads(ask: Ask, names: str, only: str = "") -> list[tuple[str, ...]]:
    """Return a row for each workload of namespaces (joined by commas), or for `only` that one."""
    asked = f"/clusters/workloads?namespaces={quote(names, safe=',')}&health=false"
    found = (await ask(asked)).get("workloads") or []
    rows: list[tuple[str, ...]] = []
    for each in found:
        if only and each["name"] != only:
            continue
        url = f"{BASE}/namespaces/{quote(each['namespace'])}/workloads/{quote(each['name'])}"
        labels = each.get("labels") or {}
        missing = [n for n in ("app", "version") if not each.get(f"{n}Label")]
        rows.append(
            (
                f'<a href="{url}">{escape(each["name"])}</a>',
                escape(each["namespace"]),
                str(each.get("podCount", 0)),
                render_membership(each),
                escape(", ".join(f"{k}={v}" for k, v in labels.items() if len(k) < 12))
                + (f" {render_state('no ' + ', no '.join(missing), 'warn')}" if missing else ""),
            )
        )
    return rows


async def list_config(ask: Ask, namespace: str) -> list[tuple[str, ...]]:
    """Return a row for each Istio and Gateway API object of a namespace, with its findings."""
    found = await ask(f"/namespaces/{quote(namespace)}/istio?validate=true")
    rows: list[tuple[str, ...]] = []
    for key, objects in (found.get("resources") or found).items():
        if key in ("permissions", "validations", "namespace") or not isinstance(objects, list):
            continue
        for obj in objects:
            name, kind = obj["metadata"]["name"], str(obj.get("kind") or key.split(", ")[-1])
            place = _build_object_place(key, obj)
            url = f"{BASE}/namespaces/{quote(namespace)}/istio/{place}/{quote(name)}"
            checks = find_checks(found.get("validations") or {}, name, namespace, kind=kind)
            rows.append(
                (
                    f'<a href="{escape(url)}">{escape(name)}</a>',
                    escape(kind),
                    escape(namespace),
                    render_checks(checks),
                )
            )
    return sorted(rows)


def _build_object_place(key: str, obj: Any) -> str:
    """Return how a path names the kind: group, version and kind in Kiali 2, a word in Kiali 1."""
    version = str(obj.get("apiVersion") or "")
    return f"{version}/{obj['kind']}" if "/" in version else key
