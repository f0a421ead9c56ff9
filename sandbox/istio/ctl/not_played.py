"""Commands of the real `istioctl` that the sandbox does not play: each says so, and what to use
instead."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.istio.ctl.flags import CobraCommand
from sandbox.istio.ctl.invocation import IstioctlInvocation
from sandbox.istio.istioctl_errors import CtlError

_ROUTES = "`istioctl proxy-config routes POD` and `istioctl analyze` show what is behind it"
_ONE_CLUSTER = "there is one cluster here"
_INJECTION = "`kubectl get namespace -L istio-injection,istio.io/rev` shows who is injected"
_TOP: Mapping[str, tuple[tuple[str, ...], str]] = {
    "admin": (("istiod",), "`kubectl logs deploy/istiod -n istio-system` shows what istiod writes"),
    "bug-report": ((), "`kubectl get`, `describe` and `logs` show its parts"),
    "create-remote-secret": ((), _ONE_CLUSTER),
    "kube-inject": ((), "label the namespace (`istio-injection=enabled`) and restart its pods"),
    "remote-clusters": ((), _ONE_CLUSTER),
    "tag": ((), "there is one revision here, `default`"),
}
_EXPERIMENTAL: Mapping[str, tuple[tuple[str, ...], str]] = {
    "authz": ((), "`kubectl get authorizationpolicy -A` lists the policies"),
    "check-inject": ((), _INJECTION),
    "config": ((), "flags can be given each time"),
    "describe": (("des",), _ROUTES),
    "envoy-stats": (
        ("es",),
        "`kubectl exec POD -c istio-proxy -- pilot-agent request GET stats/prometheus` shows them",
    ),
    "injector": ((), _INJECTION),
    "internal-debug": ((), "`istioctl proxy-status` shows who is connected"),
    "metrics": (("m",), "`istioctl dashboard prometheus` opens what was measured"),
    "workload": ((), "virtual machines are not played"),
}
_PAGES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "controlz": ((), "`kubectl logs deploy/istiod -n istio-system` shows what istiod writes"),
    "envoy": ((), "`istioctl proxy-config` shows what is behind it"),
    "istiod-debug": ((), "`istioctl proxy-status` shows who is connected"),
    "proxy": ((), "`istioctl proxy-config` shows what is behind it"),
    "skywalking": ((), "the addons are prometheus, kiali, jaeger and grafana"),
    "zipkin": ((), "the addons are prometheus, kiali, jaeger and grafana"),
}
_INSTEAD = {**_TOP, **_EXPERIMENTAL, **_PAGES}


def list_top_commands() -> tuple[CobraCommand, ...]:
    """Return those that stand directly behind `istioctl`."""
    return _build_commands(_TOP)


def list_experimental_commands() -> tuple[CobraCommand, ...]:
    """Return those behind `istioctl experimental`."""
    return _build_commands(_EXPERIMENTAL)


def list_dashboard_commands() -> tuple[CobraCommand, ...]:
    """Return those behind `istioctl dashboard`."""
    return _build_commands(_PAGES)


def _build_commands(
    known: Mapping[str, tuple[tuple[str, ...], str]],
) -> tuple[CobraCommand, ...]:
    return tuple(
        CobraCommand(name, "Not played by the sandbox", refuse_command, aliases, lenient=True)
        for name, (aliases, _) in known.items()
    )


def refuse_command(run: IstioctlInvocation) -> int:
    """Raise CtlError always."""
    typed = " ".join(run.parsed.path)
    instead = _INSTEAD[run.parsed.command.name][1]
    raise CtlError(f"the sandbox does not play `{typed}`; {instead}")
