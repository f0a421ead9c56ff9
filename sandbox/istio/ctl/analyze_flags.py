"""The flags of `istioctl analyze`."""

from __future__ import annotations

from typing import Any

from sandbox.istio.ctl.flags import Flag

LEVELS = ("Info", "Warning", "Error")
"""From harmless to grave."""
FORMATS = ("log", "json", "yaml")
NOT_PLAYED: tuple[tuple[str, str, str, Any], ...] = (
    ("analyzer", "", "list", ""),
    ("ignore-unknown", "", "bool", False),
    ("list-analyzers", "L", "bool", False),
    ("meshConfigFile", "", "string", ""),
    ("remote-contexts", "", "list", ""),
)
"""Flags of the real one that would change nothing, or something else than was meant."""
ALL_NAMESPACES = Flag("all-namespaces", "A", "bool", False, "All namespaces")
ANALYZE_FLAGS = (
    ALL_NAMESPACES,
    Flag("color", kind="bool", default=True, help="Colour on a terminal"),
    Flag(
        "failure-threshold",
        kind=LEVELS,
        default="Error",
        help="Level from which the exit code is not zero",
    ),
    Flag("output", "o", FORMATS, "log", "Output format: one of [log json yaml]"),
    Flag(
        "output-threshold", kind=LEVELS, default="Info", help="Level from which messages are shown"
    ),
    Flag("recursive", "R", "bool", False, "Removed: directories are always read recursively"),
    Flag("revision", "r", default="default", help="Analyze a specific revision"),
    Flag(
        "suppress",
        "S",
        "list",
        help="Leave out a code on a resource: CODE=Kind name.namespace, * allowed",
    ),
    Flag("timeout", kind="duration", default=30.0, help="Time to wait before failing"),
    *(
        Flag(name, short, kind, default, "Not played by the sandbox")
        for name, short, kind, default in NOT_PLAYED
    ),
    Flag("use-kube", "k", "bool", True, "Use the live cluster"),
    Flag("verbose", "v", "bool", False, "Verbose output"),
)
