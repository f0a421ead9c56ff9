"""The tree of commands and flags, and which of them each release has."""

from __future__ import annotations

from sandbox.istio.ctl import dashboard, not_played, proxy_config, proxy_status, version, ztunnel
from sandbox.istio.ctl.analyze_flags import ALL_NAMESPACES, ANALYZE_FLAGS, FORMATS, LEVELS
from sandbox.istio.ctl.flags import CobraCommand, Flag
from sandbox.istio.ctl.late_import import import_when_run
from sandbox.releases.release import IstioRelease

_ROOT_FLAGS = (
    Flag("as", help="Username to impersonate for the operation"),
    Flag("as-group", kind="list", help="Group to impersonate for the operation, may be repeated"),
    Flag("context", help="Kubernetes configuration context"),
    Flag(
        "istioNamespace",
        "i",
        default="istio-system",
        help='Istio system namespace (default "istio-system")',
    ),
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
_SET = Flag(
    "set", "s", "list", help="Override an IstioOperator value, e.g. profile=demo; may be repeated"
)
_FILES = Flag("filename", "f", "list", help="IstioOperator file, may be repeated; later files win")
_INSTALL_FLAGS = (
    _DRY,
    _FILES,
    _FORCE,
    _MANIFESTS,
    Flag("charts", help="Deprecated, use --manifests"),
    Flag(
        "readiness-timeout",
        kind="duration",
        default=300.0,
        help="Time to wait for each component (default 5m0s)",
    ),
    _REVISION,
    _SET,
    _YES,
    Flag(
        "verify", kind="bool", default=False, help="Verify the control plane after the installation"
    ),
)
_UNINSTALL_FLAGS = (
    _DRY,
    Flag("filename", "f", help="The filename of the IstioOperator CR."),
    _FORCE,
    _MANIFESTS,
    Flag(
        "purge",
        kind="bool",
        default=False,
        help="Delete all Istio related sources for all versions",
    ),
    _REVISION,
    _SET,
    _YES,
    Flag("verbose", "v", "bool", False, "Verbose output."),
)
_TRAFFIC = Flag("for", help="Traffic type [all none service workload]")
_WAIT = Flag("wait", "w", "bool", False, "Wait for the waypoint to be ready")
_STATUS_WAIT = Flag("wait", "w", "bool", True, "Wait for the waypoint to be ready")
_WAYPOINT_TIMEOUT = Flag(
    "waypoint-timeout", kind="duration", default=90.0, help="Time to wait for the waypoint"
)


def build_command_tree(release: IstioRelease) -> CobraCommand:
    """Build all commands of a release's `istioctl`."""
    commands = [
        CobraCommand(
            "analyze",
            "Analyze Istio configuration and print validation messages",
            import_when_run("analyze", "analyze_cluster"),
            flags=ANALYZE_FLAGS,
        ),
        dashboard.build_dashboard_command(),
        _build_experimental_command(),
        _build_install_command(
            "install",
            "Applies an Istio manifest, installing or reconfiguring Istio on a cluster.",
            "apply",
        ),
        CobraCommand(
            "manifest", "Commands related to Istio manifests", commands=_build_manifest_commands()
        ),
        CobraCommand("operator", "Commands related to Istio operator controller."),
        CobraCommand(
            "profile",
            "Commands related to Istio configuration profiles",
            commands=_build_profile_commands(),
        ),
        proxy_config.build_proxy_config_command(),
        proxy_status.build_proxy_status_command(),
        _build_uninstall_command(),
        _build_install_command("upgrade", "Upgrade Istio control plane in-place"),
        _build_validate_command(),
        CobraCommand(
            "verify-install",
            "Verifies Istio Installation Status",
            version.verify_installation,
            flags=(*_INSTALL_FLAGS[:4], _REVISION),
        ),
        _build_version_command(),
        _build_waypoint_command(),
        ztunnel.build_ztunnel_command(release),
        *not_played.list_top_commands(),
    ]
    flags = _ROOT_FLAGS + (_NEW_ROOT_FLAGS if release.charts.chart_labels else ())
    known = tuple(c for c in commands if c.name not in release.istioctl.removed_commands)
    summary = (
        "Istio configuration command line utility for service operators to\ndebug and diagnose "
        "their Istio mesh."
    )
    return CobraCommand("istioctl", summary, flags=flags, commands=known)


def _build_validate_command() -> CobraCommand:
    return CobraCommand(
        "validate",
        "Validate Istio policy and rules files",
        import_when_run("validate", "validate_files"),
        ("v",),
        (Flag("filename", "f", "list", help="Inputs of files to validate"),),
        arguments=0,
    )


def _build_uninstall_command() -> CobraCommand:
    return CobraCommand(
        "uninstall",
        "Uninstall Istio from a cluster",
        import_when_run("uninstall", "uninstall_control_plane"),
        flags=_UNINSTALL_FLAGS,
    )


def _build_install_command(name: str, short: str, *aliases: str) -> CobraCommand:
    return CobraCommand(
        name,
        short,
        import_when_run("install", "install_control_plane"),
        aliases,
        _INSTALL_FLAGS,
        arguments=0,
    )


def _build_experimental_command() -> CobraCommand:
    flags = (
        Flag("output", "o", FORMATS, "log", "Output format: one of [log json yaml]"),
        Flag(
            "output-threshold",
            kind=LEVELS,
            default="Info",
            help="Level from which messages are shown",
        ),
        Flag(
            "skip-controlplane", kind="bool", default=False, help="Skip checking the control plane"
        ),
        Flag("from-version", "f", help="Check changes since the given version"),
        _REVISION,
    )
    check = CobraCommand(
        "precheck",
        "Check whether Istio can safely be installed or upgraded",
        import_when_run("precheck", "check_cluster"),
        flags=flags,
    )
    summary = "Experimental commands that may be modified or deprecated"
    return CobraCommand(
        "experimental",
        summary,
        aliases=("x", "exp"),
        commands=(
            check,
            _build_version_command(),
            _build_waypoint_command(),
            *not_played.list_experimental_commands(),
        ),
    )


def _build_manifest_commands() -> tuple[CobraCommand, ...]:
    summary = "Generates an Istio install manifest"
    cluster = Flag(
        "cluster-specific", kind="bool", default=False, help="Detect the cluster's settings"
    )
    return (
        CobraCommand(
            "generate",
            summary,
            import_when_run("install", "print_manifest"),
            flags=(*_INSTALL_FLAGS, cluster),
            arguments=0,
        ),
        _build_install_command(
            "install",
            "Applies an Istio manifest, installing or reconfiguring Istio on a cluster.",
            "apply",
        ),
    )


def _build_profile_commands() -> tuple[CobraCommand, ...]:
    return (
        CobraCommand(
            "list",
            "Lists available Istio configuration profiles",
            import_when_run("install", "print_profiles"),
            flags=(_MANIFESTS,),
        ),
    )


def _build_version_command() -> CobraCommand:
    flags = (
        Flag("output", "o", help="One of 'yaml' or 'json'."),
        Flag("remote", kind="bool", default=True, help="Ask the control plane too"),
        Flag("short", "s", "bool", False, "Only print the version number"),
        _REVISION,
    )
    return CobraCommand(
        "version", "Prints out build version information", version.print_version, flags=flags
    )


def _build_waypoint_command() -> CobraCommand:
    name = Flag("name", default="waypoint", help='Name of the waypoint (default "waypoint")')
    applied = (
        _TRAFFIC,
        _REVISION,
        _WAIT,
        _WAYPOINT_TIMEOUT,
        Flag(
            "enroll-namespace",
            kind="bool",
            default=False,
            help="Label the namespace with the waypoint name",
        ),
        Flag(
            "overwrite",
            kind="bool",
            default=False,
            help="Overwrite the waypoint the namespace uses",
        ),
    )
    commands = (
        CobraCommand(
            "apply",
            "Apply a waypoint configuration",
            import_when_run("waypoint", "apply_waypoint"),
            flags=(name, *applied),
        ),
        CobraCommand(
            "delete",
            "Delete a waypoint configuration",
            import_when_run("waypoint", "delete_waypoints"),
            flags=(
                name,
                _REVISION,
                Flag(
                    "all", kind="bool", default=False, help="Delete all waypoints in the namespace"
                ),
            ),
        ),
        CobraCommand(
            "generate",
            "Generate a waypoint configuration",
            import_when_run("waypoint", "print_waypoint_manifest"),
            flags=(name, _TRAFFIC, _REVISION),
        ),
        CobraCommand(
            "list",
            "List managed waypoint configurations",
            import_when_run("waypoint", "print_waypoints"),
            flags=(ALL_NAMESPACES,),
        ),
        CobraCommand(
            "status",
            "Show the status of waypoints",
            import_when_run("waypoint", "print_waypoint_status"),
            flags=(ALL_NAMESPACES, _STATUS_WAIT, _WAYPOINT_TIMEOUT),
            strict=True,
        ),
    )
    return CobraCommand("waypoint", "Manage waypoint configuration", commands=commands, strict=True)
