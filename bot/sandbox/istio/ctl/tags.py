"""The `default` revision tag: the webhooks that make an installation the one that injects and validates by default."""

from __future__ import annotations

from bot.sandbox.istio.components.common import Manifest, Settings, at
from bot.sandbox.istio.components.pilot import service
from bot.sandbox.istio.components.webhooks import ADMISSION, NEVER_MATCH, default_tag
from bot.sandbox.istio.ctl.apply import labelled, owner_labels, server_side_apply
from bot.sandbox.istio.ctl.invocation import Invocation
from bot.sandbox.istio.ctl.kube import Object

_MUTATING, _VALIDATING = "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"
_SHIFTED = (
    "This installation will make default injection and validation pointing to the default revision, and "
    "originally it was pointing to the revisioned one."
)


def is_needed(run: Invocation, settings: Settings) -> bool:
    """Whether this installation takes the tag: always without a revision, else only where there was none before."""
    if settings.get("global.operatorManageWebhooks"):
        return False
    return not settings.revision or not _tagged(run)


def _tagged(run: Invocation) -> list[Object]:
    return run.kube.find(ADMISSION, _MUTATING, selector="app=sidecar-injector,istio.io/tag=default")


def warn_of_shift(run: Invocation, settings: Settings) -> None:
    """Says so when the tag moves from a revision to the default installation."""
    tagged = _tagged(run)
    if (
        tagged
        and not settings.revision
        and not any(t["metadata"]["labels"].get("istio.io/rev") == "default" for t in tagged)
    ):
        run.out(_SHIFTED)


def make_default(run: Invocation, settings: Settings) -> bool:
    """Applies the tag's objects; False where no injector of this revision exists to take them from."""
    injector = run.kube.get(ADMISSION, _MUTATING, f"istio-sidecar-injector{settings.dashed}")
    if injector is None:
        return False
    _deactivate(run)
    bundle = str(at(injector["webhooks"][0], "clientConfig.caBundle", ""))
    extra = owner_labels(settings)
    for obj in _objects(run, settings, bundle):
        server_side_apply(run, labelled(obj, extra))
    return True


def _objects(run: Invocation, settings: Settings, bundle: str) -> list[Manifest]:
    validators = run.kube.get(ADMISSION, _VALIDATING, "istiod-default-validator") or {}
    failing = {hook["name"]: hook.get("failurePolicy") == "Fail" for hook in validators.get("webhooks", [])}
    made = default_tag(settings, bundle, failing)
    return [*made, *([service(settings, tag=True)] if settings.release.tag_service else [])]


def _deactivate(run: Invocation) -> None:
    """Makes the default revision's own injector match nothing: the tag injects in its place."""
    injector = run.kube.get(ADMISSION, _MUTATING, "istio-sidecar-injector")
    if injector is None:
        return
    for hook in injector["webhooks"]:
        hook["namespaceSelector"] = NEVER_MATCH
        hook["objectSelector"] = NEVER_MATCH
    run.kube.update(injector)
