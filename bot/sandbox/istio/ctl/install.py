"""`istioctl install`, `upgrade`, `manifest generate`, and `profile list` of the releases that have it."""

from __future__ import annotations

import re

from bot.sandbox.istio.components.common import Settings, at
from bot.sandbox.istio.ctl import tags
from bot.sandbox.istio.ctl.apply import Installer
from bot.sandbox.istio.ctl.console import Progress, component_name, ship
from bot.sandbox.istio.ctl.invocation import Invocation
from bot.sandbox.istio.ctl.kube import ApiFailure
from bot.sandbox.istio.ctl.prune import remove_stale
from bot.sandbox.istio.errors import Cancelled, CtlError, SettingsError
from bot.sandbox.istio.profiles import NAMES
from bot.sandbox.istio.render import COMPONENTS, render, settings
from bot.sandbox.istio.render_values import to_yaml

_SUPPORT = "https://istio.io/latest/docs/releases/supported-releases/"
_AMBIENT = "The ambient profile has been installed successfully, enjoy Istio without sidecars!"
_DEFAULT = "Made this installation the default for cluster-wide operations."
_OVERWRITE = (
    "         Running this command will overwrite it; use revisions to upgrade alongside the existing version.\n"
)
_PRECHECK = "         Before upgrading, you may wish to use 'istioctl x precheck' to check for upgrade warnings."


def install(run: Invocation) -> int:
    """Installs or reconfigures the control plane."""
    if run["revision"] and not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", run["revision"]):
        raise CtlError(f"invalid revision specified: {run['revision']}")
    run.kube  # noqa: B018 - a missing kubeconfig is told before the ship is drawn
    if run.parsed.command.name == "install":
        ship(run.streams.stderr)
    _check_kubernetes(run)
    if run.release.end_of_life:
        support = f"may be out of support (EOL) already: see {_SUPPORT} for supported releases"
        run.out(f"WARNING: Istio {run.release.end_of_life} {support}")
    chosen = _chosen(run)
    _warn_of_change(run, chosen)
    _ask(run, chosen)
    _carry_out(run, chosen)
    return 0


def _check_kubernetes(run: Invocation) -> None:
    minimum = run.release.minimum_kubernetes
    try:
        version, minor = run.kubernetes()
    except ApiFailure as failure:
        reason = f"check minimum supported Kubernetes version: error getting Kubernetes version: {failure.message}"
        raise CtlError(reason) from failure
    if minor < minimum:
        run.out(
            f"The Kubernetes version {version} is not supported by Istio {run.release.version}. "
            f"The minimum supported Kubernetes version is 1.{minimum}.\n"
            "Proceeding with the installation, but you might experience problems. See "
            f"{_SUPPORT} for a list of supported versions.\n"
        )


def _chosen(run: Invocation) -> Settings:
    sets = list(run["set"])
    if run["revision"]:
        sets.append(f"revision={run['revision']}")
    try:
        return settings(run.release, files=run["filename"], sets=sets, manifests=run["manifests"])
    except SettingsError as error:
        if not run.release.chart_labels and error.message.startswith("unknown field"):
            run.err("Run the command with the --force flag if you want to ignore the validation error and proceed.")
        raise SettingsError(f"generate config: {error.message}") from error


def _warn_of_change(run: Invocation, chosen: Settings) -> None:
    """Says when an installation of another version is going to be replaced."""
    revision, mine = chosen.revision or "default", run.release.version
    running = [
        info["version"]
        for pod, info in run.control_planes()
        if pod["metadata"]["labels"].get("istio.io/rev") == revision
    ]
    other = max(running, default=mine)
    if other != mine:
        change = "upgraded" if _ordered(other) < _ordered(mine) else "downgraded"
        note = _OVERWRITE if revision == "default" else ""
        run.err(f"WARNING: Istio is being {change} from {other} to {mine}.\n{note}{_PRECHECK}")


def _ordered(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def _ask(run: Invocation, chosen: Settings) -> None:
    if run["dry-run"] or run["skip-confirmation"]:
        return
    names = [component_name(name) for name in COMPONENTS if name in render(chosen)]
    listed = ", ".join(names[:-1]) + f", and {names[-1]}" if len(names) > 2 else " and ".join(names)
    profile = at(chosen.spec, "profile", "default")
    question = run.release.words.prompt.format(version=run.release.version, profile=profile, components=listed)
    if not run.confirm(question):
        raise Cancelled


def _carry_out(run: Invocation, chosen: Settings) -> None:
    dry = bool(run["dry-run"])
    progress = Progress(run.streams.stderr)
    rendered = render(chosen)
    if not dry:
        _ensure_namespace(run, chosen.namespace)
        tags.warn_of_shift(run, chosen)
    work = Installer(run, chosen, progress, run["readiness-timeout"], dry)
    work.install(rendered)
    if not dry and (not work.errors or run.release.prunes_after_failure):
        progress.say("- Pruning removed resources")
        remove_stale(run, chosen, rendered)
    if work.errors:
        raise CtlError(run.release.words.install_failed.format(errors=_listed(work.errors)))
    progress.say("✔ Installation complete")
    tagged = not dry and tags.is_needed(run, chosen) and tags.make_default(run, chosen)
    if run.release.announces_default and (tagged or dry):
        run.err(_DEFAULT)
    if at(chosen.spec, "profile") == "ambient":
        run.err(_AMBIENT)


def _listed(errors: list[str]) -> str:
    """Several errors as Go's multierror lists them."""
    count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
    return f"{count} occurred:\n" + "".join(f"\t* {error}\n" for error in errors)


def _ensure_namespace(run: Invocation, name: str) -> None:
    if run.kube.get("v1", "Namespace", name):
        return
    run.kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def generate(run: Invocation) -> int:
    """Prints all objects as YAML, definitions first; needs no cluster."""
    sets = list(run["set"])
    if run["revision"]:
        sets.append(f"revision={run['revision']}")
    chosen = settings(run.release, files=run["filename"], sets=sets, manifests=run["manifests"])
    objects = [obj for objects in render(chosen).values() for obj in objects]
    for obj in sorted(objects, key=lambda o: _RANK.get(o["kind"], len(_RANK))):
        run.out(to_yaml(obj) + "\n---")
    return 0


_RANK = {
    kind: rank
    for rank, kind in enumerate(
        "CustomResourceDefinition ServiceAccount ClusterRole ClusterRoleBinding ValidatingWebhookConfiguration "
        "ConfigMap MutatingWebhookConfiguration DaemonSet Deployment PodDisruptionBudget Role RoleBinding "
        "HorizontalPodAutoscaler Service".split()
    )
}


def profiles(run: Invocation) -> int:
    """Lists the profiles' names, on standard error as the real one does."""
    run.err("Istio configuration profiles:\n" + "\n".join(f"    {name}" for name in NAMES))
    return 0
