"""Discovery of the types that the API server serves, remembered for half a minute."""

from __future__ import annotations

import time
from collections.abc import Callable

from bot.cluster.api import Api
from bot.errors import NotFound, Rejected
from bot.kinds import Kind, Object
from bot.text import Text

REMEMBERED_SECONDS = 30.0


class Discovery:
    """The served types by API group and version."""

    def __init__(self, api: Api, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._api, self._clock = api, clock
        self._known: dict[str, tuple[float, list[Kind]]] = {}

    async def list_types(self, group: str) -> list[Kind]:
        """Return the types of a group, each in the group's preferred version or, where that has it
        not, in the next that has: ProxyConfig is in v1beta1 alone. Empty when the group is not
        there.
        """
        if (known := self._get_remembered(group)) is None:
            known = self._remember_kinds(group, await self._list_group_kinds(group))
        return list(known)

    async def find_kind(self, obj: Object) -> Kind:
        """Return the served type of an object; raise NotFound when the server does not know it
        (yet).
        """
        version, name = obj.get("apiVersion"), obj.get("kind")
        if not isinstance(version, str) or not isinstance(name, str):
            raise Rejected(Text("an object needs apiVersion and kind"), status=400)
        # Asked anew before it counts as unknown: its CRD may have come in the last half minute.
        for fresh in (False, True):
            for kind in await self._list_version_kinds(version, fresh=fresh):
                if kind.kind == name:
                    return kind
        raise NotFound(
            Text("the cluster does not serve {name} in {version}", name=name, version=version),
            status=404,
        )

    async def _list_group_kinds(self, group: str) -> list[Kind]:
        if not group:
            return await self._list_version_kinds("v1")
        try:
            said = await self._api.get_json(f"/apis/{group}")
        except NotFound:
            return []
        preferred = said.get("preferredVersion", {}).get("groupVersion", "")
        versions = [preferred, *(each.get("groupVersion", "") for each in said.get("versions", []))]
        found: dict[str, Kind] = {}
        for version in dict.fromkeys(filter(None, versions)):
            for kind in await self._list_version_kinds(version):
                found.setdefault(kind.plural, kind)
        return list(found.values())

    async def _list_version_kinds(self, version: str, *, fresh: bool = False) -> list[Kind]:
        key = f"={version}"
        if not fresh and (known := self._get_remembered(key)) is not None:
            return known
        try:
            said = await self._api.get_json(
                f"/apis/{version}" if "/" in version else f"/api/{version}"
            )
        except NotFound:
            return []
        return self._remember_kinds(
            key,
            [_build_kind(version, r) for r in said.get("resources", []) if "/" not in r["name"]],
        )

    def _get_remembered(self, key: str) -> list[Kind] | None:
        at, known = self._known.get(key, (0.0, []))
        # An empty answer is not remembered: the CRDs may be installed at any moment.
        return known if known and self._clock() - at < REMEMBERED_SECONDS else None

    def _remember_kinds(self, key: str, kinds: list[Kind]) -> list[Kind]:
        self._known[key] = (self._clock(), kinds)
        return kinds


def _build_kind(group_version: str, resource: Object) -> Kind:
    group, _, version = group_version.rpartition("/")
    return Kind(
        group, version, resource["name"], resource["kind"], bool(resource.get("namespaced"))
    )
