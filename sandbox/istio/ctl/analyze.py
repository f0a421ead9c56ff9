"""`istioctl analyze`: problems of the configuration that is in the cluster, or in files."""

from __future__ import annotations

from fnmatch import fnmatchcase

from sandbox.istio.ctl.analysis_files import OverlaidObjects, read_files
from sandbox.istio.ctl.analyze_flags import LEVELS, NOT_PLAYED
from sandbox.istio.ctl.analyzers import AnalysisContext, run_analyzers
from sandbox.istio.ctl.findings import AnalysisFinding, format_findings, sort_findings
from sandbox.istio.ctl.invocation import IstioctlInvocation
from sandbox.istio.istioctl_errors import FINDINGS, CtlError

_ALWAYS_RECURSIVE = (
    "The recursive flag has been removed and is hardcoded to true without explicitly specifying it."
)


def analyze_cluster(run: IstioctlInvocation) -> int:
    """Print findings and return the exit code.

    Raises CtlError with code 79 when, with output as log lines, a finding is at or above
    the failure threshold.
    """
    for name, *_ in NOT_PLAYED:
        if run[name]:
            raise CtlError(f"the sandbox does not play `analyze --{name}`; leave it out")
    if run["recursive"]:
        run.write_out(_ALWAYS_RECURSIVE)
        return 0
    live = run["use-kube"]
    namespace = run.namespace if live else run["namespace"] or "default"
    objects, files = read_files(
        run.parsed.arguments, namespace, run.streams.stdin, run.streams.stderr
    )
    if live and not run.kube.get("v1", "Namespace", namespace):
        run.write_err(f'namespace "{namespace}" not found')
        return 0
    namespace = "" if run["all-namespaces"] else namespace
    source = OverlaidObjects(objects, run.kube if live else None) if files or not live else run.kube
    found = [
        f
        for f in sort_findings(run_analyzers(AnalysisContext(source, run.release, namespace)))
        if not _is_suppressed(f, run["suppress"])
    ]
    shown = [f for f in found if LEVELS.index(f.level) >= LEVELS.index(run["output-threshold"])]
    run.write_out(format_findings(shown, run["output"], run.release.minor))
    target = f"namespace: {namespace}" if namespace else "all namespaces"
    if not shown:
        run.write_err(f"✔ No validation issues found when analyzing{_name_target(files, target)}")
    grave = any(LEVELS.index(f.level) >= LEVELS.index(run["failure-threshold"]) for f in found)
    if grave and run["output"] == "log":
        reference = f"https://istio.io/{run.release.minor}/docs/reference/config/analysis"
        raise CtlError(
            f"Analyzers found issues when analyzing {target}.\n"
            f"See {reference} for more information about causes and resolutions.",
            FINDINGS,
        )
    return 0


def _name_target(files: list[str], target: str) -> str:
    if len(files) > 1:
        return "".join((":", *(f"\n  - {name}" for name in files)))
    return f" {''.join(files) or target}."


def _is_suppressed(finding: AnalysisFinding, rules: list[str]) -> bool:
    """Tell whether a `CODE=Kind name.namespace` rule (`*` is a wildcard) covers the finding.

    Raises CtlError for a rule of another form.
    """
    kind, place = finding.resource
    namespace, slash, name = place.rpartition("/")
    resource = f"{kind} {name}.{namespace}" if slash else f"{kind} {name}"
    for rule in rules:
        code, equals, pattern = rule.partition("=")
        if not equals:
            raise CtlError(f"{rule} is not a valid suppression value. See istioctl analyze --help")
        if code == finding.code and fnmatchcase(resource, pattern):
            return True
    return False
