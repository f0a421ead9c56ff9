"""`istioctl install`, `upgrade`, `manifest generate` and `profile list`.

`profile list` exists in some releases only.
"""

from __future__ import annotations

import re

from sandbox.istio.components.common import InstallSettings, get_nested
from sandbox.istio.ctl import tags
from sandbox.istio.ctl.apply import Installer
from sandbox.istio.ctl.console import ProgressLog, draw_ship, get_component_name
from sandbox.istio.ctl.invocation import IstioctlInvocation
from sandbox.istio.ctl.kube import ApiFailure
from sandbox.istio.ctl.prune import delete_stale_objects
from sandbox.istio.istioctl_errors import Cancelled, CtlError, SettingsError
from sandbox.istio.profiles import NAMES
from sandbox.istio.render.chart_values import to_yaml
from sandbox.istio.render.render import COMPONENTS, merge_settings, render_components

_SUPPORT = "https://istio.io/latest/docs/releases/supported-releases/"
_AMBIENT = "The ambient profile has been installed successfully, enjoy Istio without sidecars!"
_DEFAULT = "Made this installation the default for cluster-wide operations."
_OVERWRITE = (
    "         Running this command will overwrite it; use revisions to upgrade alongside the "
    "existing version.\n"
)
_PRECHECK = (
    "         Before upgrading, you may wish to use 'istioctl x precheck' to check for upgrade "
    "warnings."
)


def install_control_plane(run: IstioctlInvocation) -> int:
    """Install or reconfigure the control plane."""
    if run["revision"] and not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", run["revision"]):
        raise CtlError(f"invalid revision specified: {run['revision']}")
    run.kube  # noqa: B018 - a missing kubeconfig is told before the ship is drawn
    if run.parsed.command.name == "install":
        draw_ship(run.streams.stderr)
    _check_kubernetes_version(run)
    if run.release.istioctl.end_of_life:
        support = f"may be out of support (EOL) already: see {_SUPPORT} for supported releases"
        run.write_out(f"WARNING: Istio {run.release.istioctl.end_of_life} {support}")
    chosen = _merge_install_settings(run)
    _warn_of_version_change(run, chosen)
    _confirm_installation(run, chosen)
    _apply_installation(run, chosen)
    return 0


def _check_kubernetes_version(run: IstioctlInvocation) -> None:
    minimum = run.release.istioctl.minimum_kubernetes
    try:
        version, minor = run.get_kubernetes_version()
    except ApiFailure as failure:
        reason = (
            f"check minimum supported Kubernetes version: error getting Kubernetes version: "
            f"{failure.message}"
        )
        raise CtlError(reason) from failure
    if minor < minimum:
        run.write_out(
            f"The Kubernetes version {version} is not supported by Istio {run.release.version}. "
            f"The minimum supported Kubernetes version is 1.{minimum}.\n"
            "Proceeding with the installation, but you might experience problems. See "
            f"{_SUPPORT} for a list of supported versions.\n"
        )


def _merge_install_settings(run: IstioctlInvocation) -> InstallSettings:
    sets = list(run["set"])
    if run["revision"]:
        sets.append(f"revision={run['revision']}")
    try:
        return merge_settings(
            run.release, files=run["filename"], sets=sets, manifests=run["manifests"]
        )
    except SettingsError as error:
        if not run.release.charts.chart_labels and error.message.startswith("unknown field"):
            run.write_err(
                "Run the command with the --force flag if you want to ignore the validation error "
                "and proceed."
            )
        raise SettingsError(f"generate config: {error.message}") from error


def _warn_of_version_change(run: IstioctlInvocation, chosen: InstallSettings) -> None:
    """Warn when an installation of another version is going to be replaced."""
    revision, mine = chosen.revision or "default", run.release.version
    running = [
        info["version"]
        for pod, info in run.list_control_planes()
        if pod["metadata"]["labels"].get("istio.io/rev") == revision
    ]
    other = max(running, default=mine)
    if other != mine:
        change = "upgraded" if _parse_version(other) < _parse_version(mine) else "downgraded"
        note = _OVERWRITE if revision == "default" else ""
        run.write_err(
            f"WARNING: Istio is being {change} from {other} to {mine}.\n{note}{_PRECHECK}"
        )


def _parse_version(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def _confirm_installation(run: IstioctlInvocation, chosen: InstallSettings) -> None:
    if run["dry-run"] or run["skip-confirmation"]:
        return
    names = [get_component_name(name) for name in COMPONENTS if name in render_components(chosen)]
    listed = ", ".join(names[:-1]) + f", and {names[-1]}" if len(names) > 2 else " and ".join(names)
    profile = get_nested(chosen.spec, "profile", "default")
    question = run.release.istioctl.words.prompt.format(
        version=run.release.version, profile=profile, components=listed
    )
    if not run.confirm(question):
        raise Cancelled


def _apply_installation(run: IstioctlInvocation, chosen: InstallSettings) -> None:
    dry = bool(run["dry-run"])
    progress = ProgressLog(run.streams.stderr)
    rendered = render_components(chosen)
    if not dry:
        _ensure_namespace(run, chosen.namespace)
        tags.warn_of_tag_shift(run, chosen)
    work = Installer(run, chosen, progress, run["readiness-timeout"], dry)
    work.install_components(rendered)
    if not dry and (not work.errors or run.release.istioctl.prunes_after_failure):
        progress.write_line("- Pruning removed resources")
        delete_stale_objects(run, chosen, rendered)
    if work.errors:
        raise CtlError(
            run.release.istioctl.words.install_failed.format(errors=_format_errors(work.errors))
        )
    progress.write_line("✔ Installation complete")
    tagged = not dry and tags.needs_default_tag(run, chosen) and tags.apply_default_tag(run, chosen)
    if run.release.istioctl.announces_default and (tagged or dry):
        run.write_err(_DEFAULT)
    if get_nested(chosen.spec, "profile") == "ambient":
        run.write_err(_AMBIENT)


def _format_errors(errors: list[str]) -> str:
    """Format several errors as Go's multierror lists them."""
    count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
    return f"{count} occurred:\n" + "".join(f"\t* {error}\n" for error in errors)


def _ensure_namespace(run: IstioctlInvocation, name: str) -> None:
    if run.kube.get("v1", "Namespace", name):
        return
    run.kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def print_manifest(run: IstioctlInvocation) -> int:
    """Print all objects as YAML, CRDs first; this needs no cluster."""
    sets = list(run["set"])
    if run["revision"]:
        sets.append(f"revision={run['revision']}")
    chosen = merge_settings(
        run.release, files=run["filename"], sets=sets, manifests=run["manifests"]
    )
    objects = [obj for objects in render_components(chosen).values() for obj in objects]
    for obj in sorted(objects, key=lambda o: _RANK.get(o["kind"], len(_RANK))):
        run.write_out(to_yaml(obj) + "\n---")
    return 0


_RANK = {
    kind: rank
    for rank, kind in enumerate(
        "CustomResourceDefinition ServiceAccount ClusterRole ClusterRoleBinding "
        "ValidatingWebhookConfiguration "
        "ConfigMap MutatingWebhookConfiguration DaemonSet Deployment PodDisruptionBudget Role "
        "RoleBinding "
        "HorizontalPodAutoscaler Service".split()
    )
}


def print_profiles(run: IstioctlInvocation) -> int:
    """Print the profiles' names, on standard error as the real istioctl does."""
    run.write_err("Istio configuration profiles:\n" + "\n".join(f"    {name}" for name in NAMES))
    return 0
