"""The `default` revision tag.

Its webhooks make an installation the one that injects and validates by default.
"""

from __future__ import annotations

from sandbox.istio.components.common import InstallSettings, Manifest, get_nested
from sandbox.istio.components.pilot import build_istiod_service
from sandbox.istio.components.webhooks import ADMISSION, NEVER_MATCH, build_default_tag
from sandbox.istio.ctl.apply import add_labels, build_installation_labels, server_side_apply
from sandbox.istio.ctl.invocation import IstioctlInvocation
from sandbox.istio.ctl.kube import Object

_MUTATING, _VALIDATING = "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"
_SHIFTED = (
    "This installation will make default injection and validation pointing to the default "
    "revision, and "
    "originally it was pointing to the revisioned one."
)


def needs_default_tag(run: IstioctlInvocation, settings: InstallSettings) -> bool:
    """Tell whether this installation takes the tag.

    It always does without a revision, else only where there was no tag before.
    """
    if settings.get("global.operatorManageWebhooks"):
        return False
    return not settings.revision or not _list_tag_injectors(run)


def _list_tag_injectors(run: IstioctlInvocation) -> list[Object]:
    return run.kube.list_objects(
        ADMISSION, _MUTATING, selector="app=sidecar-injector,istio.io/tag=default"
    )


def warn_of_tag_shift(run: IstioctlInvocation, settings: InstallSettings) -> None:
    """Warn when the tag moves from a revision to the default installation."""
    tagged = _list_tag_injectors(run)
    if (
        tagged
        and not settings.revision
        and not any(t["metadata"]["labels"].get("istio.io/rev") == "default" for t in tagged)
    ):
        run.write_out(_SHIFTED)


def apply_default_tag(run: IstioctlInvocation, settings: InstallSettings) -> bool:
    """Apply the tag's objects.

    Return False where this revision has no injector to build them from.
    """
    injector = run.kube.get(
        ADMISSION, _MUTATING, f"istio-sidecar-injector{settings.revision_suffix}"
    )
    if injector is None:
        return False
    _deactivate_default_injector(run)
    bundle = str(get_nested(injector["webhooks"][0], "clientConfig.caBundle", ""))
    extra = build_installation_labels(settings)
    for obj in _build_tag_objects(run, settings, bundle):
        server_side_apply(run, add_labels(obj, extra))
    return True


def _build_tag_objects(
    run: IstioctlInvocation, settings: InstallSettings, bundle: str
) -> list[Manifest]:
    validators = run.kube.get(ADMISSION, _VALIDATING, "istiod-default-validator") or {}
    failing = {
        hook["name"]: hook.get("failurePolicy") == "Fail" for hook in validators.get("webhooks", [])
    }
    made = build_default_tag(settings, bundle, failing)
    return [
        *made,
        *(
            [build_istiod_service(settings, tag=True)]
            if settings.release.istioctl.tag_service
            else []
        ),
    ]


def _deactivate_default_injector(run: IstioctlInvocation) -> None:
    """Make the default revision's own injector match nothing: the tag injects instead."""
    injector = run.kube.get(ADMISSION, _MUTATING, "istio-sidecar-injector")
    if injector is None:
        return
    for hook in injector["webhooks"]:
        hook["namespaceSelector"] = NEVER_MATCH
        hook["objectSelector"] = NEVER_MATCH
    run.kube.update(injector)
