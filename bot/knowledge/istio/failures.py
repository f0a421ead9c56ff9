"""Failures of istioctl: the cause in a sentence, and who can help."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.knowledge.objects.suggestions import suggest_commands
from bot.ports import Part
from bot.steps import Context, State, Verdict

AWAY = re.compile(
    r"connection refused|connection reset|no such host|no route to host|i/o timeout|TLS handshake timeout|\bEOF\b"
    r"|ServiceUnavailable|server is currently unable|etcdserver: |apiserver is shutting down"
)
"""Words of istioctl that mean that the API server is away or restarting (Go's net package, Kubernetes 1.32 to 1.36)."""

LATE = re.compile(
    r"^failed to wait for resource:|^(Deployment|DaemonSet|Namespace|CustomResourceDefinition)/\S+ \("
)
"""What istioctl says of pods that were not ready in time: their own words say more."""

WRITING = re.compile(
    r"failed to update resource with server-side apply for obj [A-Za-z]+/\S*?/[^/:\s]+: "
)
COUNT = re.compile(r"failed to install manifests: (\d+ errors? occurred:)?")
MOST = 3

REMEDIES = (
    (
        "is forbidden: User",
        "Whoever runs the cluster must grant the bot's account what is forbidden here.",
    ),
    (
        "is being terminated",
        "A namespace is being deleted: wait until it is gone, then type it again.",
    ),
    (
        "Insufficient cpu",
        "The nodes lack CPU: more of it (minikube: `--cpus=4`), or profile demo, which requests less.",
    ),
    (
        "Insufficient memory",
        "The nodes lack memory: more of it (minikube: `--memory=16384`), or profile demo.",
    ),
    (
        "toomanyrequests",
        "The registry's limit for this address is used up: wait, log in to it, or use a mirror.",
    ),
    (
        "ImagePull",
        "An image cannot be pulled: check its name, the network, and the registry's limits.",
    ),
    (
        "CrashLoopBackOff",
        "A container crashes again and again: `kubectl logs --previous` of its pod says why.",
    ),
    (
        "failed calling webhook",
        "A webhook does not answer: istiod is away. `kubectl get pods -n istio-system` shows it.",
    ),
    ("has been modified", "Something else changed the same objects at that moment: type it again."),
    (
        "creating default tag would conflict",
        "Another Istio injects here already: whoever runs the cluster must say.",
    ),
)
"""What helps, by words that are known in a cause."""


def is_api_server_away(tail: Sequence[str]) -> bool:
    """Tell whether istioctl ended because it could not reach the API server."""
    return any(AWAY.search(line) for line in extract_errors(tail))


def extract_errors(tail: Sequence[str]) -> list[str]:
    """Return istioctl's errors, one in a line, without its own prefixes; empty when it only
    timed out.

    They follow `Error: `, which stands behind the last line of progress when that was not
    ended (1.23.2, 1.30.3).
    """
    text = "\n".join(tail)
    said = text.rpartition("Error: ")[2] if "Error: " in text else ""
    lines = [
        COUNT.sub("", WRITING.sub("", line.strip(" \t*"))).strip() for line in said.splitlines()
    ]
    return list(dict.fromkeys(line for line in lines if line and not LATE.match(line)))


def build_failure_verdict(
    context: Context, *, code: int, tail: Sequence[str], lagging: Sequence[Part]
) -> Verdict:
    """Return the verdict of a failed istioctl: its errors are the cause, then the pods' own
    messages.
    """
    errors, slow = extract_errors(tail), describe_lagging_parts(lagging)
    causes = [
        *errors[:MOST],
        *([f"and {len(errors) - MOST} more errors"] if len(errors) > MOST else []),
        *slow,
    ]
    if code < 0:
        causes.insert(0, f"istioctl was killed in the middle (signal {-code})")
    whole = f"Istio {context.mesh.version} could not be installed whole."
    return Verdict(
        State.NOT_YET,
        whole if errors or code < 0 else f"Istio {context.mesh.version} did not become ready.",
        "; ".join(causes) or explain_silent_failure(tail),
        tuple(
            f"{part.name} {part.ready}/{part.wanted} pods ready" for part in lagging if part.wanted
        ),
        notes=suggest_remedies([*causes, *tail]),
        next=suggest_commands(context, "install", "status"),
    )


def explain_silent_failure(tail: Sequence[str]) -> str:
    """Return the cause when no pod lags by now and istioctl named no other."""
    if any("resources not ready after" in line for line in tail):
        return "istioctl stopped waiting for pods, which have become ready since."
    return "istioctl ended with an error and said nothing."


def describe_lagging_parts(lagging: Sequence[Part]) -> list[str]:
    """Return a sentence for each workload that lags, with its pods' own message."""
    return [
        f"{part.name} has {part.ready} of {part.wanted} pods: {part.note or 'starting'}"
        for part in lagging
    ]


def suggest_remedies(causes: Sequence[str]) -> tuple[str, ...]:
    """Return what helps against the known causes, and who can do it."""
    if any(AWAY.search(cause) for cause in causes):
        return (
            "The cluster went away in the middle. Whoever runs it: is it up? Then type it again.",
        )
    known = dict.fromkeys(
        remedy for word, remedy in REMEDIES if any(word in cause for cause in causes)
    )
    return tuple(known) or ("Type it again: what is in place already stays.",)
