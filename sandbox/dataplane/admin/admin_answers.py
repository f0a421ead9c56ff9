"""The answers of Envoy's administration port (15000): configuration, clusters and statistics.

The real one listens on the pod's own loopback, where `istioctl` gets by a port-forward; here it is
reached through the API server's proxy as well.
"""

from __future__ import annotations

import json
from urllib.parse import parse_qs

from sandbox.cluster.contract import Request, Response
from sandbox.dataplane.admin.bootstrap_config import build_bootstrap
from sandbox.dataplane.admin.cluster_configs import list_dynamic_clusters, list_static_clusters
from sandbox.dataplane.admin.endpoint_statuses import list_cluster_statuses
from sandbox.dataplane.admin.listener_configs import (
    list_gateway_listeners,
    list_sidecar_listeners,
    list_static_listeners,
)
from sandbox.dataplane.admin.proxy_view import Json, ProxyView
from sandbox.dataplane.admin.route_configs import list_dynamic_routes, list_static_routes
from sandbox.dataplane.admin.secret_configs import list_dynamic_secrets
from sandbox.dataplane.admin.waypoint_listeners import list_waypoint_listeners

ADMIN_PORT = 15000
_DUMPS = "type.googleapis.com/envoy.admin.v3"
_JSON = {"Content-Type": "application/json"}
_TEXT = {"Content-Type": "text/plain; charset=UTF-8"}
_UNKNOWN = (
    "the sandbox plays /config_dump, /clusters, /logging, /ready and /stats/prometheus here\n"
)


def answer_admin_request(view: ProxyView, request: Request) -> Response | None:
    """Return the answer; None for statistics, which others keep."""
    if request.path == "/config_dump":
        return _build_json_response({"configs": list_config_dumps(view)})
    if request.path == "/clusters":
        return _answer_clusters(view, request)
    if request.path == "/ready":
        return Response(200, b"LIVE\n", _TEXT)
    if request.path == "/stats/prometheus":
        return None
    return Response(404, _UNKNOWN.encode(), _TEXT)


def list_config_dumps(view: ProxyView) -> list[Json]:
    """Return bootstrap, clusters, listeners, routes and secrets, each kind in its dump."""
    listeners = {
        "sidecar": list_sidecar_listeners,
        "gateway": list_gateway_listeners,
        "waypoint": list_waypoint_listeners,
    }[view.proxy.kind]
    return [
        {"@type": f"{_DUMPS}.BootstrapConfigDump", "bootstrap": build_bootstrap(view)},
        {
            "@type": f"{_DUMPS}.ClustersConfigDump",
            "static_clusters": [{"cluster": c} for c in list_static_clusters(view)],
            "dynamic_active_clusters": [{"cluster": c} for c in list_dynamic_clusters(view)],
        },
        {
            "@type": f"{_DUMPS}.ListenersConfigDump",
            "static_listeners": [{"listener": each} for each in list_static_listeners()],
            "dynamic_listeners": [
                {"name": each["name"], "active_state": {"listener": each}}
                for each in listeners(view)
            ],
        },
        {
            "@type": f"{_DUMPS}.RoutesConfigDump",
            "static_route_configs": [{"route_config": c} for c in list_static_routes(view)],
            "dynamic_route_configs": [{"route_config": c} for c in list_dynamic_routes(view)],
        },
        {
            "@type": f"{_DUMPS}.SecretsConfigDump",
            "dynamic_active_secrets": list_dynamic_secrets(view),
        },
    ]


def _answer_clusters(view: ProxyView, request: Request) -> Response:
    statuses = list_cluster_statuses(view)
    if parse_qs(request.query).get("format") == ["json"]:
        return _build_json_response({"cluster_statuses": statuses})
    lines = [
        f"{status['name']}::{_format_address(host['address'])}::health_flags::healthy"
        for status in statuses
        for host in status["host_statuses"]
    ]
    return Response(200, "\n".join((*lines, "")).encode(), _TEXT)


def _format_address(address: Json) -> str:
    if "pipe" in address:
        return str(address["pipe"]["path"])
    if "envoy_internal_address" in address:
        place = address["envoy_internal_address"]
        return f"envoy://{place['server_listener_name']}/{place.get('endpoint_id', '')}"
    place = address["socket_address"]
    return f"{place['address']}:{place['port_value']}"


def _build_json_response(value: Json) -> Response:
    return Response(200, json.dumps(value, indent=1).encode(), _JSON)
