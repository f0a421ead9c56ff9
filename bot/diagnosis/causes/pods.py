"""Causes in pods themselves: images that cannot be had, containers that end or are never ready."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from bot.diagnosis.cause import Cause, CauseKind, Finding, Fix, Subject
from bot.diagnosis.facts import list_words
from bot.diagnosis.mesh_state import NamespaceState, get_age, list_events_about, list_pods_of
from bot.diagnosis.reasons import (
    CONSEQUENCES,
    PULL_REASONS,
    RATE_LIMITED,
    SLOW_START,
    Trouble,
    find_owner,
    is_crashing,
    list_container_troubles,
    list_failing_readiness,
    list_pull_messages,
    list_unready_pods,
    name_owner,
    suggest_fix,
)
from bot.knowledge.objects.workloads import (
    ORDINARY_REASONS,
    get_condition,
    get_name,
)
from bot.text import Text, verbatim

PULL_WORDS = re.compile(
    r"toomanyrequests[^.\"]*|manifest unknown|pull access denied|unauthorized[^,\"]*"
    r"|no matching manifest[^,\"]*|no such host|i/o timeout|connection refused|x509: [^\"]*"
    r"|(?<=: )not found",
)
"""What registries and networks say when an image cannot be had (containerd, Docker Hub)."""
JAVA_START = 90.0
"""Seconds in which reviews starts on two CPUs (Bookinfo 1.20)."""


def list_pull_troubles(
    state: NamespaceState, accept: Callable[[str], bool]
) -> Iterator[tuple[Trouble, str, frozenset[str]]]:
    """Yield the containers whose image cannot be pulled, where what was said of it is accepted.

    One for each image, with the names of all that lack it: six pods of one image are one trouble.
    """
    found: dict[str, tuple[Trouble, str, frozenset[str]]] = {}
    for pod in list_unready_pods(state):
        for trouble in list_container_troubles(pod):
            if trouble.reason in PULL_REASONS:
                first, said, names = found.get(trouble.image, (trouble, "", frozenset()))
                said = f"{said} {list_pull_messages(state, trouble)}"
                found[trouble.image] = first, said, names | name_owner(state, pod)
    yield from (each for each in found.values() if accept(each[1]))


def show_pull(trouble: Trouble, said: str) -> Text:
    """Return why a pull failed in the registry's own few words, which the kubelet wraps in many;
    the kubelet's where it has none of those that are known.
    """
    words = PULL_WORDS.search(said)
    if words is None:
        return trouble.evidence
    place = f"Pod {get_name(trouble.pod)}, container {trouble.container}"
    return verbatim(f"{place}: {trouble.reason}: {words[0].strip()}")


def find_rate_limited(state: NamespaceState) -> Iterator[Finding]:
    """Yield images that the registry refuses because too many were pulled from this address."""
    for trouble, said, names in list_pull_troubles(
        state, lambda said: bool(RATE_LIMITED.search(said))
    ):
        yield Finding(
            Text(
                "The registry refuses image {image}: too many pulls from this address.",
                image=trouble.image,
            ),
            (show_pull(trouble, said),),
            Fix(
                advice=Text(
                    "The cluster's administrator: wait, sign in to the registry, or use a mirror."
                )
            ),
            names,
        )


def find_image_missing(state: NamespaceState) -> Iterator[Finding]:
    """Yield images that do not exist or may not be read."""
    for trouble, said, names in list_pull_troubles(
        state, lambda said: not RATE_LIMITED.search(said)
    ):
        denied = re.search(r"denied|unauthorized|authentication required", said)
        sentence = (
            Text("Image {image} may not be read: the registry refuses it.", image=trouble.image)
            if denied
            else Text("Image {image} cannot be pulled.", image=trouble.image)
        )
        yield Finding(
            sentence,
            (show_pull(trouble, said),),
            suggest_fix(state, trouble.pod),
            names,
        )


def find_slow_pull(state: NamespaceState) -> Iterator[Finding]:
    """Yield pods that still pull their image, without a failure."""
    for pod in list_unready_pods(state):
        about = [
            e
            for e in state.events
            if (e.get("involvedObject") or {}).get("name") == get_name(pod)
            and e.get("reason") in ("Pulling", "Pulled", "Failed", "BackOff")
        ]
        reasons = [e["reason"] for e in about]
        if "Pulling" not in reasons or {"Failed", "BackOff"} & set(reasons):
            continue
        if reasons.count("Pulling") <= reasons.count("Pulled"):
            continue
        message = next(str(e.get("message", "")) for e in about if e["reason"] == "Pulling")
        yield Finding(
            Text("Pod {pod} still pulls its image; wait.", pod=get_name(pod)),
            (verbatim(f"Pod {get_name(pod)}: Pulling: {message}"),),
            objects=name_owner(state, pod),
        )


def find_gate_unmet(state: NamespaceState) -> Iterator[Finding]:
    """Yield pods whose containers are ready, and which a readiness gate keeps from being so."""
    for pod in list_unready_pods(state):
        ready = get_condition(pod, "Ready")
        if ready.get("reason") != "ReadinessGatesNotReady" or get_age(state, pod) <= SLOW_START:
            continue
        gates = [str(g.get("conditionType")) for g in pod["spec"].get("readinessGates") or []]
        yield Finding(
            Text(
                "{pod} runs and is not ready: nobody says that its readiness gate {gates} is met.",
                pod=get_name(pod),
                gates=list_words(gates),
            ),
            (verbatim(f"Pod {get_name(pod)}: Ready=False {ready.get('message', '')}"),),
            Fix(
                advice=Text(
                    "Take `readinessGates` out of the template, or start the controller that "
                    "sets the condition."
                )
            ),
            name_owner(state, pod),
        )


def find_readiness_failing(state: NamespaceState) -> Iterator[Finding]:
    """Yield pods that run and are never ready."""
    yield from find_gate_unmet(state)
    seen: set[str] = set()
    for pod in list_unready_pods(state):
        if any(is_crashing(pod, t) for t in list_container_troubles(pod)):
            continue
        lagging = list_failing_readiness(state, pod)
        owner = find_owner(state, pod)
        key = get_name(owner) if owner else get_name(pod)
        if not lagging or key in seen or waits_for_istiod(state, lagging):
            continue
        seen.add(key)
        place = pod["metadata"].get("namespace", "")
        probes = [e for e in list_events_about(state, pod) if e.get("reason") == "Unhealthy"]
        ready = get_condition(pod, "Ready")
        words = f"Ready=False {ready.get('reason', '')} {ready.get('message', '')}".strip()
        evidence = [verbatim(f"Pod {get_name(pod)}: {words}")]
        evidence += [verbatim(f"Unhealthy: {e.get('message', '')}") for e in probes[-1:]]
        yield Finding(
            Text(
                "{workload} runs and is not ready: {containers} does not pass its readiness probe.",
                workload=key,
                containers=list_words(lagging),
            ),
            tuple(evidence),
            Fix(line=f"kubectl logs {get_name(pod)} -n {place} -c {lagging[0]}"),
            name_owner(state, pod),
        )


def waits_for_istiod(state: NamespaceState, lagging: list[str]) -> bool:
    """Tell whether only a proxy is not ready, which has no configuration while istiod is away."""
    return lagging == ["istio-proxy"] and not state.shared.has_ready_istiod


def find_starting(state: NamespaceState) -> Iterator[Finding]:
    """Yield pods that were created just now and are not ready, without any fault yet."""
    young = [
        pod
        for pod in list_unready_pods(state)
        if get_age(state, pod) <= SLOW_START
        and get_condition(pod, "PodScheduled").get("status") != "False"
        and not any(t.reason not in ORDINARY_REASONS for t in list_container_troubles(pod))
    ]
    if young:
        age = max(get_age(state, pod) for pod in young)
        yield Finding(
            Text("{pods} are starting; wait.", pods=list_words([get_name(p) for p in young])),
            (Text("the oldest of them is {seconds:.0f} s old", seconds=age),),
            objects=frozenset().union(*(name_owner(state, p) for p in young)),
        )


def find_reviews_starting(state: NamespaceState) -> Iterator[Finding]:
    """Yield that reviews is ready and does not answer yet: a Java server without probes."""
    page = state.page
    young = [p for p in list_pods_of(state, "reviews") if get_age(state, p) <= JAVA_START]
    if page is not None and page.status == 200 and page.whole is False and young:
        yield Finding(
            Text("reviews, a Java server, was started just now and does not answer yet; wait."),
            (
                page.words,
                Text(
                    "{pod} is {seconds:.0f} s old",
                    pod=get_name(young[0]),
                    seconds=get_age(state, young[0]),
                ),
            ),
        )


CAUSES = (
    Cause(
        "image-pull-rate-limited",
        Subject.CLUSTER,
        "The registry refuses: too many pulls from this address.",
        "The kubelet's message or the pod's event says `toomanyrequests` or 429.",
        "Wait, sign in to the registry, or use a mirror.",
        find_rate_limited,
        ("install", "addons", "bookinfo"),
        CONSEQUENCES,
        gravity=1,
        source="Docker Hub's limit for addresses that did not sign in",
        by_object=True,
    ),
    Cause(
        "image-not-found",
        Subject.CLUSTER,
        "The image does not exist or may not be read.",
        "A container waits with `ErrImagePull` or `ImagePullBackOff`.",
        "The step that made the workload sets its image back.",
        find_image_missing,
        explains=CONSEQUENCES,
        gravity=1,
        source="Kubernetes 1.36, states of containers",
        by_object=True,
    ),
    Cause(
        "image-pull-slow",
        Subject.CLUSTER,
        "An image is still being pulled.",
        "The last event of the pod is `Pulling`, and none says `Failed`.",
        "Wait.",
        find_slow_pull,
        ("install", "bookinfo"),
        CONSEQUENCES,
        CauseKind.NORMAL,
        by_object=True,
    ),
    Cause(
        "readiness-failing",
        Subject.CLUSTER,
        "A container runs and is never ready.",
        "The pod's condition Ready is False with `ContainersNotReady`, without restarts; event "
        "`Unhealthy`.",
        "Its log says why.",
        find_readiness_failing,
        explains=tuple(c for c in CONSEQUENCES if c != "readiness-failing"),
        gravity=1,
        by_object=True,
    ),
    Cause(
        "pod-starting",
        Subject.CLUSTER,
        "Pods were created just now and are not ready yet.",
        "Their age, and no event or state that tells of a fault.",
        "Wait",
        find_starting,
        explains=CONSEQUENCES,
        kind=CauseKind.NORMAL,
        by_object=True,
    ),
    Cause(
        "reviews-starting",
        Subject.APPLICATION,
        "reviews is a Java server without probes: its pod is ready before it answers.",
        "The page lacks reviews, and a pod of reviews is younger than a minute and a half.",
        "Wait",
        find_reviews_starting,
        ("bookinfo", "inject", "ambient"),
        kind=CauseKind.NORMAL,
        unless_broken=True,
        source="Bookinfo 1.20, on two CPUs",
    ),
)
