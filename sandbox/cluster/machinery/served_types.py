"""The resource types of CRDs that are served now, learned from the CRDs themselves."""

from __future__ import annotations

import asyncio

from sandbox.cluster.contract import Object, Ref
from sandbox.cluster.machinery.meta import find_status_condition, is_condition_true


class ServedTypes:
    """Flags to wait for; `apply_crd_change` is the listener of an informer of CRDs."""

    def __init__(self) -> None:
        self._flags: dict[tuple[str, bool], asyncio.Event] = {}

    def _get_flag(self, name: str, *, away: bool) -> asyncio.Event:
        """Return the flag that is set while the type is served (with `away`, while it is not)."""
        # Two events for a type: one can be waited for to be set, but not to be cleared.
        if (name, away) not in self._flags:
            self._flags[name, away] = asyncio.Event()
            if away:
                self._flags[name, away].set()
        return self._flags[name, away]

    def apply_crd_change(self, before: Object | None, after: Object | None) -> None:
        """Take over one change of a CRD; `after` is None when it was removed."""
        away = after is None or not is_condition_true(find_status_condition(after, "Established"))
        name = (after or before or {})["metadata"]["name"]
        self._get_flag(name, away=away).set()
        self._get_flag(name, away=not away).clear()

    async def wait(self, ref: Ref, *, away: bool = False) -> None:
        """Wait until the type is served (with `away`, until it no longer is)."""
        await self._get_flag(f"{ref.plural}.{ref.group}", away=away).wait()
