"""`istioctl proxy-config`: what a proxy has, from its own word.

Parts that are not played say so plainly, and where to look instead.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from sandbox.istio.ctl.envoy_listeners import list_chain_rows, list_listener_rows, select_listeners
from sandbox.istio.ctl.envoy_tables import (
    list_cluster_rows,
    list_endpoint_rows,
    list_route_rows,
    select_clusters,
    select_routes,
    select_statuses,
    to_camel_case,
)
from sandbox.istio.ctl.flags import CobraCommand, Flag
from sandbox.istio.ctl.invocation import IstioctlInvocation
from sandbox.istio.ctl.proxy_dump import Json, fetch_cluster_statuses, fetch_config_dump
from sandbox.istio.ctl.proxy_parts import (
    find_dump,
    list_secret_rows,
    list_version_lines,
    print_bootstrap,
    print_extensions,
    print_log_levels,
    print_secrets,
    print_whole,
)
from sandbox.istio.ctl.tables import format_table
from sandbox.istio.istioctl_errors import CtlError
from sandbox.istio.render.chart_values import to_yaml

_SHORT = "short"
_COMMON = (
    Flag("output", "o", default=_SHORT, help="Output format: one of json|yaml|short"),
    Flag("file", "f", help="Envoy config dump JSON file"),
    Flag("proxy-admin-port", kind="int", default=15000, help="Envoy proxy admin port"),
)
_VERBOSE = Flag("verbose", kind="bool", default=True, help="Output more information")
_ADDRESS, _PORT = Flag("address", help="Filter by address field"), "Filter by Port field"
_NUMBER = Flag("port", kind="int", default=0, help=_PORT)
_HEADERS = Flag("with-headers", kind="bool", default=False, help="Print summary with headers")
_LOGGING = (
    Flag("level", help="Comma-separated minimum per-logger level of messages to output"),
    Flag("reset", "r", kind="bool", default=False, help="Reset levels to default value (warning)"),
)
_INSTEAD = {
    "envoy-stats": (
        ("es",),
        "`kubectl exec POD -c istio-proxy -- curl localhost:15020/stats/prometheus` shows them",
    ),
    "rootca-compare": (("rc",), "all proxies here have the same root"),
}
"""The parts that are not played, with their other names, and what to use instead."""


def build_proxy_config_command() -> CobraCommand:
    """Build `proxy-config`."""
    summary = "Retrieve information about proxy configuration from Envoy"
    refused = (
        CobraCommand(name, f"Not played: {name}", refuse_part, aliases, (*_COMMON, _NUMBER))
        for name, (aliases, _) in _INSTEAD.items()
    )
    commands = (*_build_parts(), *refused)
    return CobraCommand("proxy-config", summary, aliases=("pc",), commands=commands)


def _build_parts() -> tuple[CobraCommand, ...]:
    told = "Retrieves {} configuration for the Envoy in the specified pod"
    by_name = (
        Flag("fqdn", help="Filter clusters by substring of Service FQDN field"),
        Flag("direction", help="Filter clusters by Direction field"),
        Flag("subset", help="Filter clusters by substring of Subset field"),
    )
    by_place = (
        Flag("cluster", help="Filter endpoints by cluster name field"),
        Flag("status", help="Filter endpoints by status field"),
    )
    by_kind = (
        Flag("type", help="Filter listeners by type field"),
        Flag("waypoint", kind="bool", default=False, help="Output waypoint information"),
    )
    named = Flag("name", help="Filter by route name field")
    parts: tuple[tuple[str, tuple[str, ...], Callable[[Any], int], tuple[Flag, ...]], ...] = (
        ("cluster", ("clusters", "c"), print_clusters, (*by_name, _NUMBER)),
        ("endpoint", ("endpoints", "ep"), print_endpoints, (_ADDRESS, _NUMBER, *by_place)),
        ("listener", ("listeners", "l"), print_listeners, (_ADDRESS, _NUMBER, *by_kind, _VERBOSE)),
        ("route", ("routes", "r"), print_routes, (named, _VERBOSE)),
        ("secret", ("secrets", "s"), print_secrets, ()),
        ("ecds", ("ec",), print_extensions, ()),
        (
            "all",
            ("a",),
            print_all,
            (*by_name, *by_place, *by_kind, _ADDRESS, _NUMBER, named, _VERBOSE, _HEADERS),
        ),
        ("log", ("o",), print_log_levels, _LOGGING),
    )
    whole = Flag("output", "o", default="json", help="Output format: one of json|yaml|short")
    bootstrap = CobraCommand(
        "bootstrap", told.format("bootstrap"), print_bootstrap, ("b",), (whole, *_COMMON[1:])
    )
    shown = (
        CobraCommand(name, told.format(name), run, aliases, (*_COMMON, *flags))
        for name, aliases, run, flags in parts
    )
    return (*shown, bootstrap)


def refuse_part(run: IstioctlInvocation) -> int:
    """Raise CtlError always: this part is not played."""
    name = run.parsed.command.name
    raise CtlError(f"the sandbox does not play `proxy-config {name}`; {_INSTEAD[name][1]}")


def print_routes(run: IstioctlInvocation) -> int:
    """Print the routes, one line for each."""
    _check_arguments(run, "route")
    found = _read_configs(run, "RoutesConfigDump", "route_config", "routes")
    chosen = select_routes(found, run["name"])
    return _print(run, chosen, lambda: list_route_rows(chosen, verbose=run["verbose"]), gap=5)


def print_clusters(run: IstioctlInvocation) -> int:
    """Print the clusters, by the Service's name."""
    _check_arguments(run, "cluster")
    found = _read_configs(run, "ClustersConfigDump", "cluster", "clusters")
    wanted = (run["fqdn"], run["direction"], run["subset"])
    chosen = select_clusters(found, wanted, run["port"])
    return _print(run, chosen, lambda: list_cluster_rows(chosen), gap=5)


def print_endpoints(run: IstioctlInvocation) -> int:
    """Print the endpoints of clusters, by address."""
    _check_arguments(run, "endpoints")
    wanted = (run["address"], run["port"], run["cluster"], run["status"])
    chosen = select_statuses(fetch_cluster_statuses(run), wanted)
    return _print(run, chosen, lambda: list_endpoint_rows(chosen, wanted), gap=5)


def print_listeners(run: IstioctlInvocation) -> int:
    """Print the listeners by port, with their chains and where those lead."""
    _check_arguments(run, "listener")
    found = _read_configs(run, "ListenersConfigDump", "listener", "listeners")
    if run["waypoint"]:
        run.write_out(format_table(list_chain_rows(found), gap=1))
        return 0
    chosen = select_listeners(found, (run["address"], run["port"], run["type"]))
    return _print(run, chosen, lambda: list_listener_rows(chosen, verbose=run["verbose"]), gap=1)


def print_all(run: IstioctlInvocation) -> int:
    """Print bootstrap, clusters, listeners, routes, secrets and endpoints, one after the other."""
    _check_arguments(run, "all")
    dumps = fetch_config_dump(run)
    if run["output"] != _SHORT:
        return print_whole(run, {"configs": dumps})
    names = (run["fqdn"], run["direction"], run["subset"])
    places = (run["address"], run["port"], run["cluster"], run["status"])
    listeners = select_listeners(
        _list_configs(dumps, "ListenersConfigDump", "listener"),
        (run["address"], run["port"], run["type"]),
    )
    routes = select_routes(_list_configs(dumps, "RoutesConfigDump", "route_config"), run["name"])
    clusters = select_clusters(
        _list_configs(dumps, "ClustersConfigDump", "cluster"), names, run["port"]
    )
    secrets = find_dump(dumps, "SecretsConfigDump").get("dynamic_active_secrets") or []
    statuses = [] if run["file"] else select_statuses(fetch_cluster_statuses(run), places)
    tables = (
        ("CLUSTER", _name_rows("cluster", clusters, list_cluster_rows), 5),
        (
            "LISTENER",
            _name_rows(
                "listener", listeners, lambda each: list_listener_rows(each, verbose=run["verbose"])
            ),
            1,
        ),
        ("ROUTE", _mark_rows("route", list_route_rows(routes, verbose=run["verbose"])), 5),
        ("SECRET", _mark_rows("secret", list_secret_rows(secrets)), 5),
        ("ENDPOINTS", _mark_rows("endpoint", list_endpoint_rows(statuses, places)), 5),
    )
    head = "------ {} INFO ------\n\n" if run["with-headers"] else "{:.0}"
    lines = list_version_lines(find_dump(dumps, "BootstrapConfigDump"))
    blocks = [head.format("BOOTSTRAP") + "\n".join(lines)]
    blocks += [head.format(name) + format_table(rows, gap=gap) for name, rows, gap in tables]
    run.write_out("\n\n".join(block.rstrip("\n") for block in blocks))
    return 0


def _mark_rows(kind: str, rows: list[list[str]]) -> list[list[str]]:
    """Return a table whose first column says what each row is of."""
    return [rows[0], *([f"{kind}/{row[0]}", *row[1:]] for row in rows[1:])]


def _name_rows(
    kind: str, configs: list[Json], rows: Callable[[list[Json]], list[list[str]]]
) -> list[list[str]]:
    """Return a table with the full name of each configuration before its rows."""
    found = [["NAME", *rows([])[0]]]
    for config in configs:
        found += [[f"{kind}/{config.get('name', '')}", *row] for row in rows([config])[1:]]
    return found


def _check_arguments(run: IstioctlInvocation, name: str) -> None:
    if (len(run.parsed.arguments) == 1) == bool(run["file"]):
        raise CtlError(f"{name} requires pod name or --file parameter")
    if run["output"] not in (_SHORT, "json", "yaml"):
        raise CtlError(f'output format "{run["output"]}" not supported')


def _read_configs(run: IstioctlInvocation, kind: str, field: str, what: str) -> list[Json]:
    """Return what one dump holds, what was told before what was there from the start."""
    found = _list_configs(fetch_config_dump(run), kind, field)
    if not found:
        raise CtlError(f"no {what} found")
    return found


def _list_configs(dumps: list[Json], kind: str, field: str) -> list[Json]:
    dump, found = find_dump(dumps, kind), []
    for part in sorted(dump):
        if part.startswith(("dynamic", "static")) and isinstance(dump[part], list):
            found += [_unwrap(entry, field) for entry in dump[part]]
    return [entry for entry in found if entry]


def _unwrap(entry: Json, field: str) -> Json:
    inside: Json = (entry.get("active_state") or entry).get(field) or {}
    return inside


def _print(
    run: IstioctlInvocation,
    chosen: list[Json],
    rows: Callable[[], Iterable[list[str]]],
    *,
    gap: int,
) -> int:
    shown = [to_camel_case(each) for each in chosen]
    if run["output"] == "json":
        run.write_out(json.dumps(shown, indent=4, ensure_ascii=False))
    elif run["output"] == "yaml":
        run.write_out(to_yaml(shown).rstrip("\n"))
    else:
        run.write_out(format_table(list(rows()), gap=gap))
    return 0
