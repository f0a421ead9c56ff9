"""Who set an object's fields, by its managedFields: the bot, controllers of the mesh, or others.

Fields that the bot set as well are its own, also where another manager claims them too. Lists that
Kubernetes merges are recorded item by item, all other lists as one field.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

from bot.kinds import Object
from bot.knowledge.objects.desired import REVISION
from bot.ports import FIELD_MANAGER

Path = tuple[str | int, ...]
"""The way to a field: names of fields, and numbers of items."""
Fields = Mapping[str, Any]
"""A set of fields in the form of FieldsV1; an empty one stands for the whole of a field."""

CONTROLLERS = frozenset({"istio.io/gateway-controller", "pilot-discovery"})
"""Field managers of istiod, which notes on Gateways what it made of them (Istio 1.23 and 1.30)."""
MEANINGFUL_DOMAINS = ("istio.io", "gateway.networking.k8s.io", "kubernetes.io", "k8s.io")
"""Domains of labels and annotations that Kubernetes or Istio act upon."""
MEANINGFUL_KEYS = ("istio-injection",)
"""Keys without a domain that Istio acts upon."""
BOOKKEEPING = (
    "kubectl.kubernetes.io/",
    "app.kubernetes.io/",
    "kubernetes.io/metadata.name",
    REVISION,
)
"""Beginnings of keys in those domains by which tools only remember something."""
TEMPLATE = ("spec", "template", "metadata")


class Owner(NamedTuple):
    """A field manager, and what it owns of an object."""

    manager: str
    fields: Fields


def read_owners(obj: Object) -> list[Owner]:
    """Return who owns what an object is meant to be; owners of its status are left out."""
    return [
        Owner(str(entry.get("manager", "")), entry.get("fieldsV1") or {})
        for entry in obj["metadata"].get("managedFields") or []
        if entry.get("subresource") != "status"
    ]


def list_foreign_owners(obj: Object) -> list[Owner]:
    """Return the others who own something of what an object means, with what is theirs alone.

    The bot and the controllers of the mesh are no others, and notes in the metadata mean nothing.
    """
    owners = read_owners(obj)
    own = [owner.fields for owner in owners if owner.manager == FIELD_MANAGER]
    found = []
    for owner in owners:
        if owner.manager == FIELD_MANAGER or owner.manager in CONTROLLERS:
            continue
        if left := reduce(subtract_fields, own, select_meaningful_fields(owner.fields)):
            found.append(Owner(owner.manager, left))
    return found


def find_owners(obj: Object, path: Path) -> tuple[str, ...]:
    """Return the managers that own a field, or something in it; () when nobody does."""
    return tuple(o.manager for o in read_owners(obj) if owns(o.fields, obj, path))


def is_of_controllers(owners: Sequence[str]) -> bool:
    """Tell whether some manager owns a field, and none but controllers of the mesh."""
    return bool(owners) and CONTROLLERS.issuperset(owners)


def is_recorded(obj: Object) -> bool:
    """Tell whether an object says who set its fields; one without managedFields does not."""
    return bool(read_owners(obj))


def is_own(obj: Object) -> bool:
    """Tell whether the bot set something of what an object means."""
    return any(
        owner.manager == FIELD_MANAGER and select_meaningful_fields(owner.fields)
        for owner in read_owners(obj)
    )


def is_of_bot_alone(obj: Object) -> bool:
    """Tell whether the bot set something of what an object means, and no others did."""
    return is_own(obj) and not list_foreign_owners(obj)


def is_applied_by_bot_alone(obj: Object) -> bool:
    """Tell whether all that an object has was applied by the bot, so that applying it anew also
    removes what is no longer wanted.
    """
    entries = obj["metadata"].get("managedFields") or []
    return bool(entries) and all(
        entry.get("subresource") == "status"
        or (entry.get("manager"), entry.get("operation")) == (FIELD_MANAGER, "Apply")
        for entry in entries
    )


def subtract_fields(fields: Fields, others: Fields) -> Fields:
    """Return the fields of one set that another does not have."""
    found: dict[str, Any] = {}
    for key, below in fields.items():
        if key == ".":
            continue
        if key not in others:
            found[key] = below
        elif left := subtract_fields(below, others[key]):
            found[key] = left
    return found


def select_meaningful_fields(fields: Fields, before: Path = ()) -> Fields:
    """Return a set of fields without notes, and without the rest of the object's own metadata."""
    found: dict[str, Any] = {}
    for key, below in fields.items():
        path = (*before, key.removeprefix("f:"))
        if key == "." or is_note(path) or (path[0] == "metadata" and not below and len(path) < 3):
            continue
        # What is left empty had only notes; what was empty is the whole of a field.
        if left := select_meaningful_fields(below, path):
            found[key] = left
        elif not below:
            found[key] = below
    return found


def is_note(path: Path) -> bool:
    """Tell whether a field is metadata that means nothing to the mesh: of the object, or an
    annotation of its pods.
    """
    if path[:3] == TEMPLATE:
        return path[3:4] == ("annotations",) and len(path) > 4 and not is_meaningful(str(path[4]))
    if path[0] != "metadata" or len(path) == 1:
        return False
    if path[1] not in ("labels", "annotations"):
        return True
    return len(path) > 2 and not is_meaningful(str(path[2]))


def is_meaningful(key: str) -> bool:
    """Tell whether a label or an annotation can change what Kubernetes or Istio do.

    Only the domain tells: everybody may note what they like under other names.
    """
    domain, slash, _ = key.partition("/")
    if key in MEANINGFUL_KEYS:
        return True
    if not slash or key.startswith(BOOKKEEPING):
        return False
    return any(domain == known or domain.endswith(f".{known}") for known in MEANINGFUL_DOMAINS)


def owns(fields: Fields, value: Any, path: Sequence[str | int]) -> bool:
    """Tell whether a set of fields has the field at a path in a value, or something in it."""
    if not path or not fields:
        return True
    step, *rest = path
    below = find_below(fields, value, step)
    return below is not None and owns(below, get_part(value, step), rest)


def find_below(fields: Fields, value: Any, step: str | int) -> Fields | None:
    """Return what a set of fields has one step below; None when it has nothing there."""
    if isinstance(step, str):
        return fields.get(f"f:{step}")
    item = get_part(value, step)
    return next((below for key, below in fields.items() if is_item(key, item, step)), None)


def is_item(key: str, item: Any, number: int) -> bool:
    """Tell whether a key of FieldsV1 stands for that item of a list."""
    kind, _, text = key.partition(":")
    if kind == "i":
        return text == str(number)
    if kind not in ("k", "v"):
        return False
    told = json.loads(text)
    if kind == "v":
        return bool(told == item)
    return isinstance(item, dict) and all(item.get(name) == each for name, each in told.items())


def get_part(value: Any, step: str | int) -> Any:
    """Return the part of a value one step below it; None when there is none."""
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return value[step]
    return None


def name_fields(fields: Fields) -> Iterator[str]:
    """Yield the fields of a set by their names, such as `gateways`; those of `spec` without it,
    and labels and annotations by their keys.
    """
    for key, below in fields.items():
        name = key.removeprefix("f:")
        if name not in ("spec", "metadata", "labels", "annotations") or not below:
            yield name
        else:
            yield from name_fields({k: v for k, v in below.items() if k != "."})
