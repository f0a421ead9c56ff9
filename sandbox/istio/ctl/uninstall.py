"""`istioctl uninstall`: by purge (all objects, CRDs included) or by revision."""

from __future__ import annotations

from sandbox.istio.components.common import get_nested
from sandbox.istio.components.webhooks import ADMISSION
from sandbox.istio.ctl.console import ProgressLog
from sandbox.istio.ctl.invocation import IstioctlInvocation
from sandbox.istio.ctl.kube import Object
from sandbox.istio.ctl.prune import delete_object, list_installed_objects, list_revision_objects
from sandbox.istio.istioctl_errors import Cancelled, CtlError

_ALL = "All Istio resources will be pruned from the cluster\n"
_NONE = "No resources will be pruned from the cluster. Please double check the input configs\n"
_MISSING = (
    "at least one of the --revision (or --set revision=<revision>), --filename or --purge flags "
    "must be set"
)
_PURGE_WINS = (
    "Purge uninstall will remove all Istio resources, ignoring the specified revision or operator "
    "file"
)


def uninstall_control_plane(run: IstioctlInvocation) -> int:
    """Remove one control plane by its revision, or all of them (purge)."""
    purge, revision = bool(run["purge"]), run["revision"] or _get_set_revision(run["set"])
    if not (purge or revision or run["filename"]):
        raise CtlError(_MISSING)
    if run.parsed.arguments:
        raise CtlError("istioctl uninstall does not take arguments")
    if revision and revision not in _list_revisions(run):
        raise CtlError("could not find target revision")
    if purge and (revision or run["filename"]):
        run.write_out(_PURGE_WINS)
    objects = (
        list_installed_objects(run)
        if purge
        else list_revision_objects(run, revision or "default", run["istioNamespace"])
    )
    dry = bool(run["dry-run"])
    _confirm_removal(run, _ALL if purge else _build_revision_warning(run, revision, objects), dry)
    for obj in objects:
        delete_object(run, obj, dry=dry)
    ProgressLog(run.streams.stderr).write_line("✔ Uninstall complete")
    return 0


def _get_set_revision(sets: list[str]) -> str:
    return next(
        (setting.partition("=")[2] for setting in sets if setting.startswith("revision=")), ""
    )


def _list_revisions(run: IstioctlInvocation) -> set[str]:
    hooks = run.kube.list_objects(
        ADMISSION, "MutatingWebhookConfiguration", selector="istio.io/rev"
    )
    services = run.kube.list_objects(
        "v1", "Service", run["istioNamespace"], "app=istiod,istio.io/rev"
    )
    return {obj["metadata"]["labels"]["istio.io/rev"] for obj in (*hooks, *services)}


def _build_revision_warning(run: IstioctlInvocation, revision: str, objects: list[Object]) -> str:
    if not objects:
        return _NONE
    gateways = [
        o["metadata"]["name"]
        for o in objects
        if o["kind"] == "Deployment" and "gateway" in o["metadata"]["name"]
    ]
    proxies = _list_revision_proxies(run, revision)
    message = ""
    if proxies:
        message = (
            f"There are still {len(proxies)} proxies pointing to the control plane revision "
            f"{revision}\n"
        )
        message += "\n".join(proxies) + "\n" if len(proxies) <= 30 else ""
        message += (
            "If you proceed with the uninstall, these proxies will become detached from any "
            "control plane"
            " and will not function correctly.\n"
        )
    if gateways:
        message += (
            f"You are about to remove the following gateways: {', '.join(gateways)}."
            " To avoid downtime, please quit this command and reinstall the gateway(s) with a "
            "revision that is not "
            "being removed from the cluster.\n"
        )
    return message


def _list_revision_proxies(run: IstioctlInvocation, revision: str) -> list[str]:
    """Return the pods with a proxy of that revision, `name.namespace`."""
    found = []
    for pod in run.kube.list_objects("v1", "Pod"):
        metadata = pod["metadata"]
        containers = (*pod["spec"].get("containers", []), *pod["spec"].get("initContainers", []))
        proxied = any(container["name"] == "istio-proxy" for container in containers)
        if proxied and get_nested(metadata, "annotations", {}).get("istio.io/rev", "") == revision:
            found.append(f"{metadata['name']}.{metadata['namespace']}")
    return found


def _confirm_removal(run: IstioctlInvocation, message: str, dry: bool) -> None:
    """Print what is going to be removed and ask, unless told not to.

    Raises Cancelled when the user declines.
    """
    if dry or run["skip-confirmation"] or message in ("", _NONE):
        if message:
            run.write_out(message)
        return
    if not run.confirm(message + "Proceed? (y/N) "):
        raise Cancelled
