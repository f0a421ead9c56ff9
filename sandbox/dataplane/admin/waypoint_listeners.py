"""A waypoint's listeners: the end of the mesh's tunnels, the Services behind it by address and
port, and the tunnels that it opens itself (Istio's source)."""

from __future__ import annotations

from sandbox.cluster.contract import Object
from sandbox.dataplane.admin.listener_configs import (
    ANYWHERE,
    build_chain,
    build_listener,
    build_tunnel_listener,
)
from sandbox.dataplane.admin.proxy_view import (
    Json,
    ProxyView,
    describe_protocol,
    list_addresses,
)
from sandbox.dataplane.admin.route_configs import build_connect_config, list_waypoint_routes
from sandbox.dataplane.objects.world import get_hostname

_TERMINATE, _MAIN = "connect_terminate", "main_internal"
_IP_MATCHER = "type.googleapis.com/xds.type.matcher.v3.IPMatcher"


def list_waypoint_listeners(view: ProxyView) -> list[Json]:
    """Return all of them."""
    terminate = build_chain(http=build_connect_config(), name="default")
    return [
        build_listener(ANYWHERE, 15008, [terminate], name=_TERMINATE),
        _build_main(view),
        build_tunnel_listener(),
    ]


def _build_main(view: ProxyView) -> Json:
    routes = list_waypoint_routes(view)
    chains = [build_chain(http=config, name=name) for name, config in routes.items()]
    chains += [
        build_chain(
            tcp=f"inbound-vip|{port['port']}|tcp|{get_hostname(service)}",
            name=_name_chain(view, service, port),
        )
        for service, port in view.list_services()
        if describe_protocol(port) == "tcp"
    ]
    chains.append(build_chain(tcp="encap", name="direct-tcp"))
    return {
        "name": _MAIN,
        "internal_listener": {},
        "filter_chains": chains,
        "filter_chain_matcher": _build_matcher(view),
    }


def _name_chain(view: ProxyView, service: Object, port: Object) -> str:
    names = view.world.traits.chain_names
    if describe_protocol(port) == "tcp":
        names = names.replace("http", "tcp")
    return names.format(port=port["port"], host=get_hostname(service))


def _build_matcher(view: ProxyView) -> Json:
    """Return what chooses the chain: the Service by its address, then the port."""
    by_address: dict[str, Json] = {}
    for service, port in view.list_services():
        action = {"action": {"name": _name_chain(view, service, port)}}
        for address in list_addresses(service):
            by_address.setdefault(address, {})[str(port["port"])] = action
    ranges = [
        {
            "ranges": [{"address_prefix": address, "prefix_len": 32}],
            "on_match": {"matcher": _build_port_matcher(ports)},
        }
        for address, ports in by_address.items()
    ]
    custom = {"name": "ip", "typed_config": {"@type": _IP_MATCHER, "range_matchers": ranges}}
    return {"matcher_tree": {"input": {"name": "ip"}, "custom_match": custom}}


def _build_port_matcher(ports: Json) -> Json:
    return {"matcher_tree": {"input": {"name": "port"}, "exact_match_map": {"map": ports}}}
