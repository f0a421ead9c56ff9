"""`istioctl proxy-config`: it says plainly that it is not played, and where to look instead."""

from __future__ import annotations

from sandbox.istio.ctl.flags import CobraCommand, Flag
from sandbox.istio.ctl.invocation import IstioctlInvocation
from sandbox.istio.errors import CtlError

_PARTS = {
    "all": (),
    "bootstrap": ("b",),
    "clusters": ("cluster", "c"),
    "ecds": (),
    "endpoints": ("endpoint", "ep"),
    "listeners": ("listener", "l"),
    "log": ("o",),
    "rootca-compare": ("rc",),
    "routes": ("route", "r"),
    "secret": ("secrets", "s"),
}
"""The subcommands of the real one, with their other names."""
_FLAGS = (
    Flag("output", "o", help="Output format"),
    Flag("file", "f", help="Envoy config dump file"),
    *(Flag(name, help="A filter") for name in ("name", "address", "port", "fqdn", "subset")),
    *(Flag(name, help="A filter") for name in ("direction", "cluster", "status", "level")),
)


def build_proxy_config_command() -> CobraCommand:
    """Build `proxy-config`."""
    summary = "Retrieve information about proxy configuration from Envoy"
    commands = tuple(
        CobraCommand(name, summary, refuse_proxy_config, aliases, _FLAGS)
        for name, aliases in _PARTS.items()
    )
    return CobraCommand("proxy-config", summary, aliases=("pc",), commands=commands)


def refuse_proxy_config(run: IstioctlInvocation) -> int:
    """Raise CtlError always: the proxies here have no configuration that could be dumped."""
    raise CtlError(
        "the sandbox does not play proxy-config: its proxies hold no Envoy configuration. "
        "`kubectl logs POD -c istio-proxy` shows the cluster and the endpoint of each request, "
        "where access logs are on"
    )
