"""The cluster as HTML for the page's sidebar; `data-key` marks what is highlighted when it
changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from sandbox.cluster.contract import Object
from sandbox.panel.read import (
    WORDS,
    Pod,
    describe_mesh_labels,
    parse_pods,
    read_istio_version,
    read_programmed_condition,
)
from sandbox.panel.rules import describe_hosts, describe_rules, join_subset_names

Objects = Mapping[str, Sequence[Object]]
MOST_PODS = 40
"""Pods of one namespace that are shown; the others are counted."""

SYSTEM = ("kube-system", "kube-public", "kube-node-lease")


def render_cluster(name: str, objects: Objects, trouble: str) -> str:
    """Return the whole panel as HTML; `trouble` is a warning to show, or ""."""
    pods = parse_pods(objects["pods"])
    version = read_istio_version(pods)
    apps = [pod for pod in pods if pod.role == "app" and pod.namespace not in SYSTEM]
    meshed = sum(pod.is_in_mesh for pod in apps)
    about = f"{len(pods)} pods" + (
        f", {meshed} of {len(apps)} in the mesh" if version and apps else ""
    )
    title = f"Istio {escape(version)}" if version else "no istiod"
    warning = f'<p class="side-trouble">{escape(trouble)}</p>' if trouble else ""
    body = (
        _render_namespaces(objects["namespaces"], pods)
        + _render_gateways(objects)
        + _render_routes(objects)
    )
    return (
        f"<h2>{escape(name)} <small "
        f"data-key='version'>{title}</small></h2>{warning}<p>{about}</p>{body}"
    )


def _render_namespaces(namespaces: Sequence[Object], pods: list[Pod]) -> str:
    html, empty = "", []
    for namespace in namespaces:
        name, marks = namespace["metadata"]["name"], describe_mesh_labels(namespace)
        inside = [pod for pod in pods if pod.namespace == name]
        if inside or marks:
            tags = "".join(
                f'<span class="tag {kind}">{escape(words)}</span>' for kind, words in marks
            )
            rows = "".join(_render_pod(pod) for pod in inside[:MOST_PODS]) or "<li>no pods</li>"
            more = len(inside) - MOST_PODS
            rows += f"<li>… and {more} more</li>" if more > 0 else ""
            key = escape(f"ns/{name}", quote=True)
            html += (
                f'<section class="ns" aria-label="Namespace {escape(name, quote=True)}"><h3 '
                f'data-key="{key}">'
                f"{escape(name)} {tags}</h3><ul>{rows}</ul></section>"
            )
        else:
            empty.append(escape(name))
    return html + (f"<p>Empty: {', '.join(empty)}</p>" if empty else "")


def _render_pod(pod: Pod) -> str:
    sign, kind = ("●", "ok") if pod.is_ready else (("✕", "no") if pod.is_broken else ("◌", "wait"))
    word = WORDS.get(pod.role, "")
    role = f'<span class="tag">{word}</span>' if word else ""
    proxies = "".join(
        f'<span class="box-chip sidecar" title="the sidecar of this pod">{escape(each.name)}</span>'
        for each in pod.containers
        if each.proxy
    )
    ambient = (
        '<span class="box-chip sidecar" title="its traffic passes the ztunnel of its '
        'node">ztunnel</span>'
    )
    marks = f"{role} {proxies} {ambient if pod.redirected else ''}"
    status = "" if pod.is_ready else f'<span class="rest">{escape(pod.status)}</span>'
    why = f'<span class="why">{escape(pod.why[:160])}</span>' if pod.why and pod.is_broken else ""
    key = escape(f"pod/{pod.namespace}/{pod.name}", quote=True)
    full, last = (
        escape(pod.name, quote=True),
        pod.name.rpartition("-")[2] if pod.name != pod.workload else "",
    )
    name = f'{escape(pod.workload)} <span class="rest">{escape(last)}</span>'
    return (
        f'<li class="row" data-key="{key}"><span class="dot {kind}" '
        f'aria-hidden="true">{sign}</span><div class="body">'
        f'<span class="name" title="{full}">{name}</span>{marks} {status}{why}'
        f'</div><span class="count">{escape(pod.ready)}</span></li>'
    )


def _render_gateways(objects: Objects) -> str:
    rows = ""
    for gateway in objects["gateways"]:
        said = read_programmed_condition(gateway)
        sign, kind = {"yes": ("●", "ok"), "no": ("✕", "no")}.get(said, ("◌", "wait"))
        state = {"yes": "programmed", "no": "not programmed"}.get(said, "waiting for a controller")
        rows += _render_entry(
            gateway,
            f"class {gateway['spec'].get('gatewayClassName', '')}, {state}",
            dot=(sign, kind),
        )
    for gateway in objects["istio_gateways"]:
        servers = gateway["spec"].get("servers") or []
        ports = ", ".join(
            f"{(s.get('port') or {}).get('number', '')} for {' '.join(s.get('hosts') or [])}"
            for s in servers
        )
        rows += _render_entry(gateway, ports, dot=("●", "ok"))
    return f"<h3>Gateways</h3><ul>{rows}</ul>" if rows else ""


def _render_routes(objects: Objects) -> str:
    rows = ""
    for route in (*objects["virtual_services"], *objects["http_routes"]):
        lines = "".join(f"<li>{escape(line)}</li>" for line in describe_rules(route))
        rows += _render_entry(
            route, describe_hosts(route), below=f'<ul class="rest">{lines}</ul>' if lines else ""
        )
    for rule in objects["rules"]:
        subsets = join_subset_names(rule)
        rows += _render_entry(rule, f"versions {subsets}" if subsets else "no subsets")
    return (
        f"<h3>Routes in force</h3><ul>{rows}</ul>"
        if rows
        else "<h3>Routes in force</h3><p>None.</p>"
    )


def _render_entry(
    obj: Object, rest: str, *, dot: tuple[str, str] | None = None, below: str = ""
) -> str:
    meta, kind = obj["metadata"], str(obj.get("kind", ""))
    key = escape(
        f"{kind}/{obj.get('apiVersion')}/{meta.get('namespace')}/{meta['name']}", quote=True
    )
    sign, colour = dot or ("▸", "")
    name, kind = escape(meta["name"]), escape(kind)
    return (
        f'<li class="row" data-key="{key}"><span class="dot {colour}" '
        f'aria-hidden="true">{sign}</span>'
        f'<div class="body"><span class="name">{name}</span><span class="box-chip">{kind}</span>'
        f' <span class="rest">{escape(rest)}</span>{below}</div></li>'
    )
