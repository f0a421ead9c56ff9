"""Whom the sidecar injectors of the cluster inject: by a namespace's labels, by a pod's own, and
which labels bring a namespace in or out.

`istio.io/rev` with a revision or a tag is a way in just as `istio-injection=enabled` is, which
beats it; a pod may ask for itself where its namespace says nothing (Istio 1.23 and 1.30). What
holds is asked of the webhooks' own selectors, so that tags, and injectors that take every
namespace, are known too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.errors import Forbidden
from bot.kinds import MUTATING_WEBHOOK, Object
from bot.knowledge.istio.installation import DEFAULT_REVISION, REVISION
from bot.knowledge.objects.selectors import matches_selector
from bot.knowledge.objects.workloads import get_labels
from bot.steps import Context

INJECTION_LABEL, ON, OFF = "istio-injection", "enabled", "disabled"
POD_LABEL = "sidecar.istio.io/inject"
AMBIENT_LABELS = ("istio.io/dataplane-mode", "istio.io/use-waypoint")
OUTSIDE = "none"
"""The value of those labels that keeps a namespace out."""
HOOK = "sidecar-injector.istio.io"
"""What the names of the injectors' webhooks end in, of every revision and tag."""

Labels = Mapping[str, str]
LabelChange = dict[str, str | None]
"""Labels that are set, or removed where the value is None."""


async def read_injectors(context: Context) -> list[Object]:
    """Return the MutatingWebhookConfigurations that inject sidecars; none where the cluster keeps
    them from whoever asks, and then labels mean what they usually mean.
    """
    try:
        webhooks = await context.cluster.find(MUTATING_WEBHOOK)
    except Forbidden:
        return []
    return [
        each
        for each in webhooks
        if any(str(hook.get("name", "")).endswith(HOOK) for hook in each.get("webhooks") or [])
    ]


def find_injector(injectors: Sequence[Object], namespace: Labels, pod: Labels) -> Object | None:
    """Return the injector that takes a pod with these labels in a namespace with these, or None."""
    for each in injectors:
        for hook in each.get("webhooks") or []:
            selects = matches_selector(hook.get("namespaceSelector"), namespace)
            if selects and matches_selector(hook.get("objectSelector"), pod):
                return each
    return None


def get_revision(injector: Object | None) -> str:
    """Return the revision of the istiod that an injector asks; "" without an injector."""
    return get_labels(injector).get(REVISION, DEFAULT_REVISION) if injector else ""


def change_labels(labels: Labels, change: LabelChange) -> dict[str, str]:
    """Return labels after a change."""
    after = {**labels, **change}
    return {key: value for key, value in after.items() if value is not None}


def choose_labels(injectors: Sequence[Object], labels: Labels, *, on: bool) -> LabelChange:
    """Return the change of a namespace's labels after which its pods are injected, or not."""
    return choose_way_in(injectors, labels) if on else choose_way_out(injectors, labels)


def choose_way_in(injectors: Sequence[Object], labels: Labels) -> LabelChange:
    """Return the change of labels after which pods get the sidecar of the default revision, or of
    the only one where that is not served; a label that leads there already stays.
    """
    change: LabelChange = {
        key: None for key in AMBIENT_LABELS if labels.get(key, OUTSIDE) != OUTSIDE
    }
    usual = find_injector(injectors, {INJECTION_LABEL: ON}, {})
    now = find_injector(injectors, labels, {})
    if INJECTION_LABEL not in labels and now and get_revision(now) == get_revision(usual or now):
        return change
    if usual is None and (revision := find_only_revision(injectors)):
        return change | {INJECTION_LABEL: None, REVISION: revision}
    return change | {REVISION: None, INJECTION_LABEL: ON}


def find_only_revision(injectors: Sequence[Object]) -> str:
    """Return the one revision that a label istio.io/rev can name, "" when there is none, or several
    of which none is the obvious one.
    """
    named = {get_revision(each) for each in injectors}
    served = {each for each in named if find_injector(injectors, {REVISION: each}, {})}
    return served.pop() if len(served) == 1 else ""


def choose_way_out(injectors: Sequence[Object], labels: Labels) -> LabelChange:
    """Return the change of labels after which pods get no sidecar.

    `istio-injection=disabled` keeps out whatever stands beside it, and stays. It is set where an
    injector takes namespaces without any label.
    """
    if labels.get(INJECTION_LABEL) == OFF:
        return {}
    change: LabelChange = {INJECTION_LABEL: None, REVISION: None}
    taken = find_injector(injectors, change_labels(labels, change), {})
    return change | {INJECTION_LABEL: OFF} if taken else change


def select_noticed(
    injectors: Sequence[Object], labels: Labels, change: LabelChange, *, captured: bool
) -> LabelChange:
    """Return the part of a change that takes effect away from labels that are there: of one that
    keeps out, of one by which another revision injects, of those of ambient while pods are
    `captured`.
    """
    noticed: LabelChange = {}
    if INJECTION_LABEL in change and labels.get(INJECTION_LABEL) == OFF:
        noticed[INJECTION_LABEL] = change[INJECTION_LABEL]
    if REVISION in change and INJECTION_LABEL not in labels:
        by = find_injector(injectors, labels, {})
        if by is not None and REVISION in labels:
            noticed[REVISION] = change[REVISION]
    if captured:
        noticed |= {key: change[key] for key in AMBIENT_LABELS if key in change}
    return noticed
