"""Commands that would need to reach into pods: they say so honestly, after the checks the real ones make first."""

from __future__ import annotations

from bot.sandbox.istio.ctl.invocation import Invocation
from bot.sandbox.istio.errors import CtlError

_ADDONS = {
    "kiali": "app=kiali",
    "jaeger": "app=jaeger",
    "grafana": "app.kubernetes.io/name=grafana",
    "prometheus": "app.kubernetes.io/name=prometheus",
}
_NO_PORTS = "this cluster's pods are simulated, nothing can be forwarded to their ports"


def dashboard(run: Invocation) -> int:
    """Finds the addon's pod as the real command does; a port cannot be forwarded to it."""
    selector = _ADDONS[run.parsed.command.name]
    if not run.kube.find("v1", "Pod", run["istioNamespace"], selector):
        raise CtlError(f"no pods found with selector {selector}")
    raise CtlError(f"could not build port forwarder for {run.parsed.command.name}: {_NO_PORTS}")


def proxy_status(run: Invocation) -> int:
    """Needs istiod's debug port."""
    if not run.control_planes():
        raise CtlError(f'no running Istio pods in "{run["istioNamespace"]}"')
    raise CtlError(f"failure running port forward process: {_NO_PORTS}")
