"""Creates an object or replaces it whole, and never overwrites what was changed in between."""

from __future__ import annotations

from collections.abc import Mapping

from bot.cluster.api import Api, build_path
from bot.errors import Conflict, NotFound
from bot.kinds import Kind, Object

SERVER_KEPT = frozenset(
    {
        "managedFields",
        "resourceVersion",
        "uid",
        "creationTimestamp",
        "generation",
        "selfLink",
    }
)
"""Metadata that the server sets itself (Kubernetes 1.27 to 1.36)."""
WRITTEN_WITH_STATUS = frozenset({"managedFields", "resourceVersion"})
"""Metadata that is another after a controller has written a status (Kubernetes 1.36)."""
ATTEMPTS = 5
"""Times that an object is sent while its controller writes its status."""


async def create_or_replace(api: Api, kind: Kind, obj: Object, query: Mapping[str, str]) -> Object:
    """Return the object as the server holds it then.

    Sent again when its status alone was written in between: istiod does that within milliseconds
    of any change. Raises Conflict when something else was changed.
    """
    metadata = {k: v for k, v in obj["metadata"].items() if k not in SERVER_KEPT}
    namespace = str(metadata.get("namespace", ""))
    path = build_path(kind, namespace, str(metadata["name"]))
    live = await read_live(api, path)
    for _ in range(ATTEMPTS - 1):
        try:
            return await send_once(api, live, path, {**obj, "metadata": metadata}, query)
        except Conflict:
            newer = await read_live(api, path)
            if not is_same_but_status(live, newer):
                raise
            live = newer
    return await send_once(api, live, path, {**obj, "metadata": metadata}, query)


async def read_live(api: Api, path: str) -> Object | None:
    """Return the object as it is, None when it is not there."""
    try:
        return await api.get_json(path)
    except NotFound:
        return None


async def send_once(
    api: Api, live: Object | None, path: str, obj: Object, query: Mapping[str, str]
) -> Object:
    """Create the object, or put it in the place of that very version."""
    if live is None:
        return await api.send("POST", path.rpartition("/")[0], query=query, body=obj)
    # A change in between is then a Conflict, and not overwritten.
    version = {"resourceVersion": live["metadata"]["resourceVersion"]}
    body = {**obj, "metadata": {**obj["metadata"], **version}}
    return await api.send("PUT", path, query=query, body=body)


def is_same_but_status(one: Object | None, other: Object | None) -> bool:
    """Tell whether both are there and differ in their status at most."""
    return one is not None and other is not None and drop_status(one) == drop_status(other)


def drop_status(obj: Object) -> Object:
    """Return an object without its status and what changes with it."""
    metadata = {k: v for k, v in obj["metadata"].items() if k not in WRITTEN_WITH_STATUS}
    return {k: v for k, v in obj.items() if k != "status"} | {"metadata": metadata}
