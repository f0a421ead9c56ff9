"""Memory of what a trouble did to objects, and the way back: a patch is taken back field by field,
so that what others changed meanwhile stays; what was created goes, and what was deleted comes back.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from sandbox.cluster.contract import ApiError, Client, Object, Ref
from sandbox.cluster.machinery.meta import NAMESPACES, SERVICES, labels_of
from sandbox.troubles.controls import Undo

ATTEMPTS, PAUSE = 20, 0.1
"""How often, and with how many wall seconds between, an object is put back: a type comes into being
some moments after its CRD, and others write objects as well."""

VOLATILE = ("resourceVersion", "uid", "creationTimestamp", "generation", "managedFields")
"""Metadata that the API server sets, and nobody may."""

MANAGED = "operator.istio.io/component"
"""Label of what istioctl installs."""


class Place(NamedTuple):
    """Where an object is."""

    ref: Ref
    namespace: str
    name: str


@dataclass(frozen=True)
class Step:
    """A step back: what it is about, the fields of it (`()` is the whole object), and how.

    `recreates` says that the object is not there before the step.
    """

    place: Place
    fields: tuple[tuple[str, ...], ...]
    back: Undo
    recreates: bool = False


def find_place(ref: Ref, obj: Object) -> Place:
    """Return the place of an object of that type."""
    return Place(ref, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])


def build_merge_patch(now: Object, wanted: Object) -> Object:
    """Return the merge patch (RFC 7386) that turns one object into the other."""
    patch: Object = {key: None for key in now if key not in wanted}
    for key, value in wanted.items():
        if key not in now:
            patch[key] = value
        elif isinstance(value, dict) and isinstance(now[key], dict):
            if inner := build_merge_patch(now[key], value):
                patch[key] = inner
        elif value != now[key]:
            patch[key] = value
    return patch


def list_fields(patch: Object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the paths of the fields that a merge patch changes."""
    for key, value in patch.items():
        if isinstance(value, dict) and value:
            yield from list_fields(value, (*path, key))
        else:
            yield (*path, key)


class Memory:
    """The steps back from one trouble; `restore` takes them, the last one first."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.steps: list[Step] = []

    def remember_patch(self, place: Place, before: Object, after: Object) -> None:
        """Remember the fields that were changed."""
        patch = build_merge_patch(strip_object(after), strip_object(before))

        async def back() -> None:
            await self._client.merge(place.ref, place.name, place.namespace, copy.deepcopy(patch))

        if patch:
            self.steps.append(Step(place, tuple(list_fields(patch)), back))

    def remember_creation(self, place: Place) -> None:
        """Remember that there was no such object."""

        async def back() -> None:
            await self._client.delete(place.ref, place.name, place.namespace)

        self.steps.append(Step(place, ((),), back))

    def remember_deletion(self, place: Place, before: Object) -> None:
        """Remember an object that goes.

        It is put back unless somebody did so, or took Istio away, to which it belonged.
        """
        again = strip_object(before)

        async def back() -> None:
            if MANAGED not in labels_of(again) or await self._is_istio_there():
                await self._client.create(copy.deepcopy(again))

        self.steps.append(Step(place, ((),), back, recreates=True))

    async def _is_istio_there(self) -> bool:
        """Tell whether istiod's Service is there, which stays when istiod's pods go."""
        return bool(await self._client.list(SERVICES, labels="app=istiod"))

    async def restore(self) -> list[str]:
        """Take all steps back; return what could not be put back, in words."""
        failed = []
        while self.steps:
            step = self.steps.pop()
            if why := await self._take_back(step):
                failed.append(f"{step.place.ref.plural} {step.place.name}: {why}")
        return failed

    async def _take_back(self, step: Step) -> str:
        """Take a step back, again if others were in the way; return why it failed, or ""."""
        refusal: ApiError | None = None
        for _ in range(ATTEMPTS):
            try:
                await step.back()
                return ""
            except ApiError as error:
                refusal = error
                if error.reason == "AlreadyExists" or await self._is_over(step):
                    return ""
            await asyncio.sleep(PAUSE)
        return refusal.message if refusal else ""

    async def _is_over(self, step: Step) -> bool:
        """Tell whether somebody took away what was to be taken back, or the namespace around it."""
        ref, namespace, name = step.place
        if namespace and not await self._client.get(NAMESPACES, namespace):
            return True
        try:
            return not step.recreates and not await self._client.get(ref, name, namespace)
        except ApiError:
            return True  # its type is gone


def strip_object(obj: Object) -> Object:
    """Return what of an object can be written again."""
    again: dict[str, Any] = copy.deepcopy({k: v for k, v in obj.items() if k != "status"})
    for field in VOLATILE:
        again["metadata"].pop(field, None)
    return again
