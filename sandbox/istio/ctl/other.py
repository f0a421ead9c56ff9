"""Commands that would need to connect to pods.

They fail with an error that says so, after the checks that the real ones make first.
"""

from __future__ import annotations

from sandbox.istio.ctl.invocation import IstioctlInvocation
from sandbox.istio.errors import CtlError

_ADDONS = {
    "kiali": "app=kiali",
    "jaeger": "app=jaeger",
    "grafana": "app.kubernetes.io/name=grafana",
    "prometheus": "app.kubernetes.io/name=prometheus",
}
_NO_PORTS = "this cluster's pods are simulated, nothing can be forwarded to their ports"


def open_dashboard(run: IstioctlInvocation) -> int:
    """Find the addon's pod as the real command does, then fail.

    Raises CtlError always: nothing can be forwarded to the pod's port.
    """
    selector = _ADDONS[run.parsed.command.name]
    if not run.kube.list_objects("v1", "Pod", run["istioNamespace"], selector):
        raise CtlError(f"no pods found with selector {selector}")
    raise CtlError(f"could not build port forwarder for {run.parsed.command.name}: {_NO_PORTS}")


def print_proxy_status(run: IstioctlInvocation) -> int:
    """Fail after the check for a control plane: istiod's debug port cannot be reached.

    Raises CtlError always.
    """
    if not run.list_control_planes():
        raise CtlError(f'no running Istio pods in "{run["istioNamespace"]}"')
    raise CtlError(f"failure running port forward process: {_NO_PORTS}")
