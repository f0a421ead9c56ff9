"""`istioctl dashboard`: a port of this machine that leads to an addon."""

from __future__ import annotations

from sandbox.istio.ctl.flags import CobraCommand, Flag
from sandbox.istio.ctl.late_import import import_when_run
from sandbox.istio.ctl.not_played import list_dashboard_commands

ADDONS = {
    "grafana": ("app.kubernetes.io/name=grafana", 3000, ""),
    "jaeger": ("app=jaeger", 16686, ""),
    "kiali": ("app=kiali", 20001, "/kiali"),
    "prometheus": ("app.kubernetes.io/name=prometheus", 9090, ""),
    "zipkin": ("app=zipkin", 9411, ""),
}
"""Selector of the pods, port, and path of the page, as the real command has them."""


def build_dashboard_command() -> CobraCommand:
    """Build `dashboard` with a command for each addon."""
    flags = (
        Flag("browser", kind="bool", default=True, help="Open a browser"),
        Flag("port", "p", help="Local port to listen to"),
        Flag("address", default="localhost", help="Address to listen on"),
    )
    run = import_when_run("dashboard_server", "open_dashboard")
    commands = tuple(
        CobraCommand(name, f"Open {name.capitalize()} web UI", run, flags=flags) for name in ADDONS
    )
    return CobraCommand(
        "dashboard",
        "Access to Istio web UIs",
        aliases=("dash", "d"),
        commands=(*commands, *list_dashboard_commands()),
    )
