"""`istioctl analyze`: what is wrong with the configuration that is in the cluster."""

from __future__ import annotations

from fnmatch import fnmatchcase

from bot.sandbox.istio.ctl.analyzers import View, everything
from bot.sandbox.istio.ctl.findings import LEVELS, Finding, ordered, printed
from bot.sandbox.istio.ctl.invocation import Invocation
from bot.sandbox.istio.errors import FINDINGS, CtlError


def analyze(run: Invocation) -> int:
    """Prints findings; as log lines, one at or above the failure threshold makes the exit code 79."""
    namespace = "" if run["all-namespaces"] else run.namespace
    if run.parsed.arguments or not run["use-kube"]:
        raise CtlError("this istioctl analyzes a live cluster only: files cannot be given")
    if namespace and not run.kube.get("v1", "Namespace", namespace):
        run.err(f'namespace "{namespace}" not found')
        return 0
    found = [
        f for f in ordered(everything(View(run.kube, run.release, namespace))) if not _suppressed(f, run["suppress"])
    ]
    shown = [f for f in found if LEVELS.index(f.level) >= LEVELS.index(run["output-threshold"])]
    run.out(printed(shown, run["output"], run.release.minor))
    target = f"namespace: {namespace}" if namespace else "all namespaces"
    if not shown:
        run.err(f"✔ No validation issues found when analyzing {target}.")
    grave = any(LEVELS.index(f.level) >= LEVELS.index(run["failure-threshold"]) for f in found)
    if grave and run["output"] == "log":
        reference = f"https://istio.io/{run.release.minor}/docs/reference/config/analysis"
        raise CtlError(
            f"Analyzers found issues when analyzing {target}.\n"
            f"See {reference} for more information about causes and resolutions.",
            FINDINGS,
        )
    return 0


def _suppressed(finding: Finding, rules: list[str]) -> bool:
    """Whether a `CODE=Kind name.namespace` rule (with `*` as wildcard) covers the finding."""
    kind, _, place = finding.origin.partition(" ")
    namespace, slash, name = place.rpartition("/")
    resource = f"{kind} {name}.{namespace}" if slash else f"{kind} {name}"
    for rule in rules:
        code, equals, pattern = rule.partition("=")
        if not equals:
            raise CtlError(f"{rule} is not a valid suppression value. See istioctl analyze --help")
        if code == finding.code and fnmatchcase(resource, pattern):
            return True
    return False
