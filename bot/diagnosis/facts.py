"""Evidence in words: a field of an object, a condition, an event, as it stands in the cluster.

These are names and values of Kubernetes and Istio, the same in every language.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.diagnosis.object_facts import count_available, get_event_time
from bot.kinds import Object
from bot.knowledge.objects.quotes import shorten_message
from bot.knowledge.objects.workloads import get_condition, get_labels, get_name
from bot.text import Listed, Text, counted, in_context, verbatim

MOST_NAMES = 4
"""Objects that are named in a sentence; the rest is counted."""


def show_field(obj: Object, field: str, value: object) -> Text:
    """Return `Deployment reviews-v1: spec.replicas 0`."""
    return verbatim(f"{describe(obj)}: {field} {value}")


def describe(obj: Object) -> str:
    """Return `Kind name`, with the namespace where the object has one: `Pod bookinfo/x`."""
    meta = obj["metadata"]
    place = f"{meta['namespace']}/" if meta.get("namespace") else ""
    return f"{obj.get('kind', 'Pod')} {place}{meta['name']}"


def show_label(obj: Object, key: str) -> Text:
    """Return an object's label as it is set, or that it has none."""
    value = get_labels(obj).get(key)
    if value is None:
        return Text("{object} has no label {key}", object=describe(obj), key=key)
    return verbatim(f"{describe(obj)}: label {key}={value}")


def show_condition(obj: Object, type_: str) -> Text:
    """Return a status condition with its reason and message."""
    found = get_condition(obj, type_)
    words = ": ".join(filter(None, (str(found.get("reason", "")), str(found.get("message", "")))))
    return verbatim(
        f"{describe(obj)}: {type_}={found.get('status', '?')} {shorten_message(words)}".rstrip()
    )


def show_availability(deployment: Object) -> Text:
    """Return how many pods of a Deployment are wanted, and how many are available."""
    words = f"{deployment['spec'].get('replicas', 1)}, available {count_available(deployment)}"
    return show_field(deployment, "spec.replicas", words)


def show_event(event: Object) -> Text:
    """Return a warning with its count: `FailedCreate ×3 on ReplicaSet x: …`."""
    about = event.get("involvedObject") or {}
    times = int((event.get("series") or {}).get("count") or event.get("count") or 1)
    count = f" ×{times}" if times > 1 else ""
    place = f"{about.get('kind', '')} {about.get('name', '')}"
    said = shorten_message(str(event.get("message", "")))
    return verbatim(f"{event.get('reason', 'event')}{count}, {place}: {said}")


def show_newest(events: Sequence[Object]) -> list[Text]:
    """Return the newest of some events as evidence; nothing of none."""
    return [show_event(max(events, key=get_event_time))] if events else []


def join_labels(labels: Mapping[str, str]) -> str:
    """Return labels as a selector writes them: `app=reviews,version=v1`; `-` for none."""
    return ",".join(f"{key}={value}" for key, value in labels.items()) or "-"


def list_names(objects: Sequence[Object]) -> Listed:
    """Return the names of objects as a list; beyond MOST_NAMES they are counted."""
    return list_words([get_name(obj) for obj in objects])


def list_words(words: Sequence[str]) -> Listed:
    """Return words as a list; beyond MOST_NAMES they are counted, and of none it says so."""
    if not words:
        return Listed([in_context("list", "none")], "comma")
    left = len(words) - MOST_NAMES
    if left <= 0:
        return Listed(words, "comma")
    return Listed([*words[:MOST_NAMES], counted("{n} more", "{n} more", n=left)], "comma")
