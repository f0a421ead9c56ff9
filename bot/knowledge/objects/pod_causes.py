"""Causes why pods do not become ready, and remedies for the known ones."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.ports import Part
from bot.text import Text

API_SERVER_AWAY = re.compile(
    r"connection refused|connection reset|no such host|no route to host|i/o timeout"
    r"|TLS handshake timeout|\bEOF\b"
    r"|ServiceUnavailable|server is currently unable|etcdserver: |apiserver is shutting down"
)
"""Words of istioctl that mean that the API server is away or restarting (Go's net package,
Kubernetes 1.32 to 1.36)."""

LIMITED = Text(
    "The registry's limit for this address is used up: wait, log in to it, or use a mirror."
)
UNPULLED = Text(
    "An image cannot be pulled: check its name, the network, and the registry's limits."
)
REMEDIES = (
    (
        "is forbidden: User",
        Text("The cluster's administrator must grant the bot's account what is forbidden here."),
    ),
    (
        "is being terminated",
        Text("A namespace is being deleted: nothing can be made in it until it is gone."),
    ),
    (
        "Insufficient cpu",
        Text(
            "The nodes lack CPU: more of it (minikube: `--cpus=4`), or profile demo, which "
            "requests less."
        ),
    ),
    (
        "Insufficient memory",
        Text("The nodes lack memory: more of it (minikube: `--memory=16384`), or profile demo."),
    ),
    ("toomanyrequests", LIMITED),
    ("ImagePull", UNPULLED),
    (
        "CrashLoopBackOff",
        Text("A container keeps crashing: `kubectl logs --previous` of its pod says why."),
    ),
    (
        "has been modified",
        Text("Something else changed the same objects at that moment: type it again."),
    ),
    (
        "creating default tag would conflict",
        Text("Another Istio injects here already: ask the cluster's administrator."),
    ),
)
"""What helps, by words that occur in a cause."""


def describe_lagging_parts(lagging: Sequence[Part]) -> list[Text]:
    """Return a sentence for each workload that lags, with its pods' own message."""
    return [
        Text(
            "{name} has {ready} of {wanted} pods: {note}",
            name=part.name,
            ready=part.ready,
            wanted=part.wanted,
            note=part.note or Text("starting"),
        )
        for part in lagging
    ]


def suggest_remedies(causes: Sequence[Text]) -> tuple[Text, ...]:
    """Return what helps against the known causes, and who can do it.

    The words looked for are those of Kubernetes and of a registry, which a Text carries as values:
    they stand in its English as they were.
    """
    if any(API_SERVER_AWAY.search(str(cause)) for cause in causes):
        return (
            Text(
                "The cluster went away in the middle. Its administrator: is it up? Then type it "
                "again."
            ),
        )
    known = dict.fromkeys(
        remedy for word, remedy in REMEDIES if any(word in str(cause) for cause in causes)
    )
    if LIMITED in known:
        # It says more of the same pull.
        known.pop(UNPULLED, None)
    return tuple(known) or (Text("What is in place already stays."),)
