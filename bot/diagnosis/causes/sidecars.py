"""Causes why pods have no sidecar: labels of the namespace, opt-outs, and pods that are older."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher

from bot.diagnosis.cause import Cause, Finding, Fix, Subject
from bot.diagnosis.facts import describe, list_names, list_words, show_field, show_label
from bot.diagnosis.injection_rules import (
    asks_for_injection,
    find_opt_out,
    get_template_meta,
    selects_namespace,
    serves_revision,
)
from bot.diagnosis.mesh_rules import list_mesh_routes
from bot.diagnosis.mesh_state import (
    APPS,
    INJECTION,
    MODE,
    REVISION,
    NamespaceState,
    is_in_mesh,
    list_bookinfo_pods,
)
from bot.diagnosis.object_facts import get_annotations, get_template_labels
from bot.diagnosis.reasons import build_removal_line, find_owner, name_owner, name_workload
from bot.kinds import DEPLOYMENT, MUTATING_WEBHOOK, POD, VIRTUAL_SERVICE, Object
from bot.knowledge.istio.sidecars import OPT_OUT_KEY
from bot.knowledge.objects.mesh_pods import has_sidecar, is_captured
from bot.knowledge.objects.workloads import get_labels, get_name
from bot.text import Text, verbatim

VALUES = {INJECTION: ("enabled", "disabled"), MODE: ("ambient", "none")}
"""The values that have an effect (Istio 1.23 and 1.30)."""
KNOWN = {
    INJECTION,
    REVISION,
    MODE,
    "istio.io/use-waypoint",
    "istio.io/use-waypoint-namespace",
    "istio.io/ingress-use-waypoint",
    "istio.io/tag",
    "istio.io/test",
}
NEAR = 0.8
"""Likeness from which a key is taken for a misspelt one (difflib's ratio)."""
IN_MESH_STEPS = frozenset({"inject", "ambient", "waypoint", "route", "fault", "shift", "traces"})
"""Steps that need proxies."""


def find_not_labelled(state: NamespaceState) -> Iterator[Finding]:
    """Yield that the namespace has no label of the mesh and no pod a proxy, and one was wanted."""
    if not state.bookinfo or is_in_mesh(state) or state.object is None:
        return
    if any(state.labels.get(key) for key in (INJECTION, REVISION)) or state.is_ambient:
        return
    if list_misspelt(state) or list_annotations(state):
        return
    rules = [*state.list_own(VIRTUAL_SERVICE), *list_mesh_routes(state)]
    asked = sorted(state.activity.wanted & IN_MESH_STEPS)
    if state.labels.get("istio.io/use-waypoint") or state.waypoints:
        asked = asked or ["waypoint"]
    if not rules and not asked:
        return
    steps = [Text("asked for: {steps}", steps=list_words(asked))] if asked else []
    yield Finding(
        Text(
            "Namespace {namespace} carries no label of the mesh, so its pods have no proxy.",
            namespace=state.namespace,
        ),
        (
            show_label(state.object, INJECTION),
            Text(
                "{count} of {pods} pods have a proxy",
                count=len(state.injected) + len(state.captured),
                pods=len(state.pods),
            ),
            *(verbatim(describe(rule)) for rule in rules[:2]),
            *steps,
        ),
        Fix(command="ambient" if asked and set(asked) & {"ambient", "waypoint"} else "inject"),
    )


def list_misspelt(state: NamespaceState) -> list[tuple[str, str, str]]:
    """Return labels close to one that has an effect, as (key, value, what it should be)."""
    found = []
    for key, value in state.labels.items():
        if key in VALUES and value not in VALUES[key]:
            # `istio.io/dataplane-mode=sidecar` and the like have no effect either.
            found.append((key, value, f"{key}={VALUES[key][0]}"))
        elif key not in KNOWN and "kubernetes.io/" not in key:
            meant = guess_label(key, value)
            if meant:
                found.append((key, value, meant))
    return found


def guess_label(key: str, value: str) -> str:
    """Return the label that a key was meant to be, or "" when it is like none."""
    plain = simplify(key)
    nearest = max(
        (INJECTION, MODE), key=lambda k: SequenceMatcher(None, plain, simplify(k)).ratio()
    )
    near = SequenceMatcher(None, plain, simplify(nearest)).ratio() >= NEAR
    # What people type from memory: `istio=enabled`, `ambient=true`, `sidecar-injection=enabled`.
    if not near and "istio" not in plain and "sidecar" not in plain and "mesh" not in plain:
        return ""
    if "ambient" in (value.lower(), plain) or nearest == MODE and near:
        return f"{MODE}=ambient"
    asks = value.lower() in ("enabled", "enable", "true", "yes", "on")
    return f"{INJECTION}=enabled" if near or ("inject" in plain and asks) else ""


def simplify(key: str) -> str:
    """Return a key without its domain's ending and without separators, in lower case."""
    lower = key.lower().replace("istio.io/", "istio").replace("sidecar.istio", "istio")
    return "".join(c for c in lower if c.isalnum())


def find_misspelt(state: NamespaceState) -> Iterator[Finding]:
    """Yield labels of the namespace that are close to a known one and have no effect."""
    if state.object is None:
        return
    for key, value, meant in list_misspelt(state):
        ambient = meant.startswith(MODE)
        if is_in_effect(state, ambient=ambient):
            continue
        yield Finding(
            Text(
                "Label {key}={value} has no effect: {meant} is meant.",
                key=key,
                value=value,
                meant=meant,
            ),
            (show_field(state.object, "label", f"{key}={value}"),),
            Fix(command="ambient" if ambient else "inject"),
        )


def is_in_effect(state: NamespaceState, *, ambient: bool) -> bool:
    """Tell whether the namespace is in the mesh by its true label, whatever else it carries."""
    if ambient:
        return state.is_ambient
    return state.labels.get(INJECTION) == "enabled" or state.is_ambient


def list_annotations(state: NamespaceState) -> list[str]:
    """Return the annotations of the namespace that should be labels."""
    if state.object is None:
        return []
    return [
        key
        for key in (INJECTION, MODE, REVISION, "istio.io/use-waypoint")
        if key in get_annotations(state.object) and key not in state.labels
    ]


def find_annotated(state: NamespaceState) -> Iterator[Finding]:
    """Yield labels that were set as annotations, which have no effect."""
    for key in list_annotations(state):
        if state.object is None or (
            key != "istio.io/use-waypoint" and is_in_effect(state, ambient=key == MODE)
        ):
            continue
        value = get_annotations(state.object)[key]
        step = {MODE: "ambient", "istio.io/use-waypoint": "waypoint"}.get(key, "inject")
        yield Finding(
            Text(
                "{key}={value} is an annotation of the namespace; only a label has an effect.",
                key=key,
                value=value,
            ),
            (
                show_field(state.object, "annotation", f"{key}={value}"),
                show_label(state.object, key),
            ),
            Fix(command=step),
        )


def find_disabled(state: NamespaceState) -> Iterator[Finding]:
    """Yield that the namespace's label switches injection off."""
    if state.labels.get(INJECTION) != "disabled" or state.is_ambient or not state.bookinfo:
        return
    assert state.object is not None  # it has labels
    beaten = [show_label(state.object, REVISION)] if REVISION in state.labels else []
    yield Finding(
        Text(
            "Label istio-injection=disabled keeps sidecars out of {namespace}.",
            namespace=state.namespace,
        ),
        (show_label(state.object, INJECTION), *beaten),
        Fix(command="inject"),
    )


def find_unknown_revision(state: NamespaceState) -> Iterator[Finding]:
    """Yield that the namespace names a revision or tag that nothing serves."""
    if asks_for_injection(state) != REVISION or serves_revision(state, state.labels[REVISION]):
        return
    assert state.object is not None  # it has labels
    served = sorted(
        {
            get_labels(w).get(REVISION, "")
            for w in [*state.shared.istiods, *state.shared.injector_webhooks]
        }
        - {""}
    )
    yield Finding(
        Text(
            "Label istio.io/rev names {revision}, and no istiod or tag is called so.",
            revision=state.labels[REVISION],
        ),
        (
            show_label(state.object, REVISION),
            Text("there is: {revisions}", revisions=list_words(served)),
        ),
        Fix(
            command="inject",
            line=f"kubectl label namespace {state.namespace} istio.io/rev-",
        ),
    )


def find_not_restarted(state: NamespaceState) -> Iterator[Finding]:
    """Yield pods without a sidecar that the injector would inject if they were created now."""
    if not asks_for_injection(state) or not selects_namespace(state):
        return
    older = [
        pod
        for pod in list_bookinfo_pods(state)
        if not has_sidecar(pod) and not is_captured(pod) and not refuses_injection(state, pod)
    ]
    if not older:
        return
    assert state.object is not None  # it has labels
    yield Finding(
        Text(
            "The label is right, and {pods} are older than it: a sidecar comes when a pod is "
            "created.",
            pods=list_names(older),
        ),
        (
            show_label(state.object, asks_for_injection(state)),
            Text(
                "{count} of {pods} pods have a sidecar, by sidecar.istio.io/status",
                count=len(state.injected),
                pods=len(state.pods),
            ),
        ),
        Fix(command="inject"),
        frozenset().union(*(name_owner(state, pod) for pod in older)),
        each=tuple(name_workload(state, pod) for pod in older),
    )


def refuses_injection(state: NamespaceState, pod: Object) -> bool:
    """Tell whether a pod would not be injected: by its own label or annotation, or its host
    network.
    """
    owner = find_owner(state, pod)
    holders = [pod["metadata"], *([get_template_meta(owner)] if owner else [])]
    told = any(find_opt_out(state, meta) for meta in holders)
    return told or bool(pod["spec"].get("hostNetwork"))


def find_opted_out(state: NamespaceState) -> Iterator[Finding]:
    """Yield parts of Bookinfo whose template asks not to be injected."""
    if not asks_for_injection(state):
        return
    for workload in state.bookinfo:
        app = get_template_labels(workload).get("app", "")
        if app not in APPS:
            continue
        key, word = find_opt_out(state, get_template_meta(workload)) or ("", "")
        network = workload["spec"]["template"]["spec"].get("hostNetwork")
        if not key and not network:
            continue
        name = get_name(workload)
        field = f"spec.template.metadata.{key}" if key else "spec.template.spec.hostNetwork"
        shown = f'{OPT_OUT_KEY}="{word}"' if key else "true"
        path = f"/spec/template/metadata/{key}/{OPT_OUT_KEY.replace('/', '~1')}"
        yield Finding(
            Text("{workload} asks not to be injected.", workload=name)
            if key
            else Text(
                "{workload} is on the host's network, which is never injected.", workload=name
            ),
            (show_field(workload, field, shown),),
            Fix(
                line=build_removal_line(
                    name, state.namespace, path if key else "/spec/template/spec/hostNetwork"
                )
            ),
            frozenset({f"Deployment/{name}", f"app/{app}"}),
        )


CAUSES = (
    Cause(
        "namespace-not-labelled",
        Subject.SIDECARS,
        "The namespace carries no label of the mesh, neither injection nor revision nor ambient, "
        "and one was wanted.",
        "Labels of the namespace; no proxies; rules or later steps that were asked for.",
        "`/mesh inject` or `/mesh ambient`",
        find_not_labelled,
        ("inject", "ambient"),
        ("caller-outside-mesh", "l7-rule-without-waypoint", "no-traffic"),
        gravity=2,
        source="IST0102",
        needs=(POD,),
    ),
    Cause(
        "label-misspelt",
        Subject.SIDECARS,
        "A wrong key or value, such as `istio-injection=yes`: it has no effect.",
        "A label close to a known one.",
        "`/mesh inject` or `/mesh ambient`",
        find_misspelt,
        ("inject", "ambient"),
        ("namespace-not-labelled", "caller-outside-mesh"),
        gravity=2,
    ),
    Cause(
        "label-set-as-annotation",
        Subject.SIDECARS,
        "The label was set as an annotation, as the guide's text says.",
        "An annotation of the namespace named like the label.",
        "`/mesh inject` or `/mesh ambient`",
        find_annotated,
        ("inject", "ambient"),
        ("namespace-not-labelled", "caller-outside-mesh", "waypoint-not-enrolled"),
        gravity=2,
        source="the workshop's guide calls the labels annotations",
    ),
    Cause(
        "injection-disabled-by-label",
        Subject.SIDECARS,
        "`istio-injection=disabled`, which beats `istio.io/rev`.",
        "Labels of the namespace.",
        "`/mesh inject`",
        find_disabled,
        ("inject",),
        ("no-restart-after-label", "caller-outside-mesh", "revision-unknown"),
        gravity=2,
        source="Istio 1.23 and 1.30",
    ),
    Cause(
        "revision-unknown",
        Subject.SIDECARS,
        "`istio.io/rev` names a revision or tag that no istiod serves.",
        "No webhook or istiod of that revision.",
        "`kubectl label namespace NS istio.io/rev-`, then `/mesh inject`",
        find_unknown_revision,
        ("inject",),
        ("no-restart-after-label", "injector-webhook-missing", "caller-outside-mesh"),
        gravity=2,
        source="IST0102",
        needs=(
            DEPLOYMENT,
            MUTATING_WEBHOOK,
        ),
    ),
    Cause(
        "no-restart-after-label",
        Subject.SIDECARS,
        "The label is right, and the pods are older than it.",
        "Pods without `sidecar.istio.io/status` in a namespace that the injector selects.",
        "`/mesh inject`",
        find_not_restarted,
        ("inject",),
        ("caller-outside-mesh",),
        gravity=3,
        source="IST0103; injection is done when a pod is created",
        by_object=True,
    ),
    Cause(
        "injection-opted-out",
        Subject.SIDECARS,
        'A pod template of Bookinfo says `sidecar.istio.io/inject: "false"`, or is on the host\'s '
        "network.",
        "The template, while others in the namespace are injected.",
        "Take it out of the template; the pods are replaced then.",
        find_opted_out,
        ("inject",),
        ("caller-outside-mesh",),
        gravity=3,
        source="IST0103",
        by_object=True,
    ),
)
