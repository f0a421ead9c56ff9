"""The tree of commands and flags, and which of them each release has."""

from __future__ import annotations

from bot.sandbox.istio.catalog import Release
from bot.sandbox.istio.ctl import analyze, install, other, precheck, uninstall, version, waypoint, ztunnel
from bot.sandbox.istio.ctl.findings import LEVELS
from bot.sandbox.istio.ctl.flags import Command, Flag

_ROOT_FLAGS = (
    Flag("as", help="Username to impersonate for the operation"),
    Flag("as-group", kind="list", help="Group to impersonate for the operation, may be repeated"),
    Flag("context", help="Kubernetes configuration context"),
    Flag("istioNamespace", "i", default="istio-system", help='Istio system namespace (default "istio-system")'),
    Flag("kubeconfig", "c", help="Kubernetes configuration file"),
    Flag("namespace", "n", help="Kubernetes namespace"),
    Flag("vklog", help="Log level verbosity"),
)
_NEW_ROOT_FLAGS = (
    Flag("as-uid", help="UID to impersonate for the operation"),
    Flag("kubeclient-timeout", default="15s", help="Kubernetes client timeout"),
)
_DRY = Flag("dry-run", kind="bool", default=False, help="Console/log output only, make no changes.")
_YES = Flag("skip-confirmation", "y", "bool", False, "Do not ask, take yes as the answer.")
_FORCE = Flag("force", kind="bool", default=False, help="Proceed even with validation errors.")
_MANIFESTS = Flag("manifests", "d", help="A directory of charts and profiles")
_REVISION = Flag("revision", "r", help="Target control plane revision for the command.")
_SET = Flag("set", "s", "list", help="Override an IstioOperator value, e.g. profile=demo; may be repeated")
_FILES = Flag("filename", "f", "list", help="IstioOperator file, may be repeated; later files win")
_INSTALL_FLAGS = (
    _DRY,
    _FILES,
    _FORCE,
    _MANIFESTS,
    Flag("charts", help="Deprecated, use --manifests"),
    Flag("readiness-timeout", kind="duration", default=300.0, help="Time to wait for each component (default 5m0s)"),
    _REVISION,
    _SET,
    _YES,
    Flag("verify", kind="bool", default=False, help="Verify the control plane after the installation"),
)
_UNINSTALL_FLAGS = (
    _DRY,
    Flag("filename", "f", help="The filename of the IstioOperator CR."),
    _FORCE,
    _MANIFESTS,
    Flag("purge", kind="bool", default=False, help="Delete all Istio related sources for all versions"),
    _REVISION,
    _SET,
    _YES,
    Flag("verbose", "v", "bool", False, "Verbose output."),
)
_ALL_NAMESPACES = Flag("all-namespaces", "A", "bool", False, "All namespaces")
_FORMATS = ("log", "json", "yaml")
_ANALYZE_FLAGS = (
    _ALL_NAMESPACES,
    Flag("color", kind="bool", default=True, help="Colour on a terminal"),
    Flag("failure-threshold", kind=LEVELS, default="Error", help="Level from which the exit code is not zero"),
    Flag("output", "o", _FORMATS, "log", "Output format: one of [log json yaml]"),
    Flag("output-threshold", kind=LEVELS, default="Info", help="Level from which messages are shown"),
    Flag("revision", "r", default="default", help="Analyze a specific revision"),
    Flag("suppress", "S", "list", help="Leave out a code on a resource: CODE=Kind name.namespace, * allowed"),
    Flag("timeout", kind="duration", default=30.0, help="Time to wait before failing"),
    Flag("use-kube", "k", "bool", True, "Use the live cluster"),
    Flag("verbose", "v", "bool", False, "Verbose output"),
)
_TRAFFIC = Flag("for", help="Traffic type [all none service workload]")
_WAIT = Flag("wait", "w", "bool", False, "Wait for the waypoint to be ready")
_STATUS_WAIT = Flag("wait", "w", "bool", True, "Wait for the waypoint to be ready")
_WAYPOINT_TIMEOUT = Flag("waypoint-timeout", kind="duration", default=90.0, help="Time to wait for the waypoint")
_OUTPUT = Flag("output", "o", ("", "short", "json", "yaml"), "short", "Output format: one of [json yaml short]")
_ZTUNNEL_FLAGS = (Flag("node", help="A node's ztunnel"), _OUTPUT)


def tree(release: Release) -> Command:
    """All commands of a release's `istioctl`."""
    commands = [
        Command(
            "analyze",
            "Analyze Istio configuration and print validation messages",
            analyze.analyze,
            flags=_ANALYZE_FLAGS,
        ),
        Command("dashboard", "Access to Istio web UIs", aliases=("dash", "d"), commands=_dashboards()),
        _experimental(),
        _install("install", "Applies an Istio manifest, installing or reconfiguring Istio on a cluster.", "apply"),
        Command("manifest", "Commands related to Istio manifests", commands=_manifest()),
        Command("operator", "Commands related to Istio operator controller."),
        Command("profile", "Commands related to Istio configuration profiles", commands=_profile()),
        Command("proxy-status", "Synchronization status of each proxy", other.proxy_status, ("ps",), (_OUTPUT,)),
        Command("uninstall", "Uninstall Istio from a cluster", uninstall.uninstall, flags=_UNINSTALL_FLAGS),
        _install("upgrade", "Upgrade Istio control plane in-place"),
        Command(
            "verify-install",
            "Verifies Istio Installation Status",
            version.verify,
            flags=(*_INSTALL_FLAGS[:4], _REVISION),
        ),
        _version(),
        _waypoint(),
        _ztunnel(),
    ]
    flags = _ROOT_FLAGS + (_NEW_ROOT_FLAGS if release.chart_labels else ())
    known = tuple(c for c in commands if c.name not in release.removed_commands)
    summary = "Istio configuration command line utility for service operators to\ndebug and diagnose their Istio mesh."
    return Command("istioctl", summary, flags=flags, commands=known)


def _install(name: str, short: str, *aliases: str) -> Command:
    return Command(name, short, install.install, aliases, _INSTALL_FLAGS, arguments=0)


def _dashboards() -> tuple[Command, ...]:
    flags = (
        Flag("browser", kind="bool", default=True, help="Open a browser"),
        Flag("port", "p", help="Local port to listen to"),
        Flag("address", default="localhost", help="Address to listen on"),
    )
    names = ("grafana", "jaeger", "kiali", "prometheus")
    return tuple(Command(name, f"Open {name.capitalize()} web UI", other.dashboard, flags=flags) for name in names)


def _experimental() -> Command:
    flags = (
        Flag("output", "o", _FORMATS, "log", "Output format: one of [log json yaml]"),
        Flag("output-threshold", kind=LEVELS, default="Info", help="Level from which messages are shown"),
        Flag("skip-controlplane", kind="bool", default=False, help="Skip checking the control plane"),
        Flag("from-version", "f", help="Check changes since the given version"),
        _REVISION,
    )
    check = Command(
        "precheck", "Check whether Istio can safely be installed or upgraded", precheck.precheck, flags=flags
    )
    summary = "Experimental commands that may be modified or deprecated"
    return Command("experimental", summary, aliases=("x", "exp"), commands=(check, _version(), _waypoint()))


def _manifest() -> tuple[Command, ...]:
    summary = "Generates an Istio install manifest"
    cluster = Flag("cluster-specific", kind="bool", default=False, help="Detect the cluster's settings")
    return (
        Command("generate", summary, install.generate, flags=(*_INSTALL_FLAGS, cluster), arguments=0),
        _install("install", "Applies an Istio manifest, installing or reconfiguring Istio on a cluster.", "apply"),
    )


def _profile() -> tuple[Command, ...]:
    return (Command("list", "Lists available Istio configuration profiles", install.profiles, flags=(_MANIFESTS,)),)


def _version() -> Command:
    flags = (
        Flag("output", "o", help="One of 'yaml' or 'json'."),
        Flag("remote", kind="bool", default=True, help="Ask the control plane too"),
        Flag("short", "s", "bool", False, "Only print the version number"),
        _REVISION,
    )
    return Command("version", "Prints out build version information", version.version, flags=flags)


def _waypoint() -> Command:
    name = Flag("name", default="waypoint", help='Name of the waypoint (default "waypoint")')
    applied = (
        _TRAFFIC,
        _REVISION,
        _WAIT,
        _WAYPOINT_TIMEOUT,
        Flag("enroll-namespace", kind="bool", default=False, help="Label the namespace with the waypoint name"),
        Flag("overwrite", kind="bool", default=False, help="Overwrite the waypoint the namespace uses"),
    )
    commands = (
        Command("apply", "Apply a waypoint configuration", waypoint.apply, flags=(name, *applied)),
        Command(
            "delete",
            "Delete a waypoint configuration",
            waypoint.delete,
            flags=(
                name,
                _REVISION,
                Flag("all", kind="bool", default=False, help="Delete all waypoints in the namespace"),
            ),
        ),
        Command("generate", "Generate a waypoint configuration", waypoint.generate, flags=(name, _TRAFFIC, _REVISION)),
        Command("list", "List managed waypoint configurations", waypoint.show, flags=(_ALL_NAMESPACES,)),
        Command(
            "status",
            "Show the status of waypoints",
            waypoint.status,
            flags=(_ALL_NAMESPACES, _STATUS_WAIT, _WAYPOINT_TIMEOUT),
            strict=True,
        ),
    )
    return Command("waypoint", "Manage waypoint configuration", commands=commands, strict=True)


def _ztunnel() -> Command:
    pods = Flag("workload-namespace", help="Only workloads of this namespace")
    services = Flag("service-namespace", help="Only services of this namespace")
    commands = (
        Command(
            "service",
            "Services as ztunnel knows them",
            ztunnel.services,
            ("services", "svc"),
            (*_ZTUNNEL_FLAGS, services),
        ),
        Command(
            "workload",
            "Workloads as ztunnel knows them",
            ztunnel.workloads,
            ("workloads", "w"),
            (*_ZTUNNEL_FLAGS, pods),
        ),
    )
    summary = "Update or retrieve current Ztunnel configuration."
    return Command("ztunnel-config", summary, aliases=("zc", "ztunnel"), commands=commands)
