"""Lists of objects, read page by page as kubectl does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from bot.cluster.api import Api, build_path
from bot.errors import Rejected
from bot.kinds import Kind, Object

PAGE = 500
"""Objects per request of a list, as kubectl asks."""
EXPIRED = 410


async def list_with_version(
    api: Api, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = ""
) -> tuple[list[Object], str]:
    """Return all matching objects and the resourceVersion of the list, from which a watch goes
    on.

    Raises NotFound when the type is not served.
    """
    query = {"labelSelector": labels} if labels else {}
    query |= {"fieldSelector": fields} if fields else {}
    found: list[Object] = []
    version = ""
    async for page in _read_pages(api, build_path(kind, namespace), query):
        if page is None:
            # What was read belongs to another version of the list.
            found.clear()
            continue
        found += [
            {"apiVersion": kind.api_version, "kind": kind.kind, **item}
            for item in page.get("items") or []
        ]
        version = page.get("metadata", {}).get("resourceVersion", "")
    return found, version


async def _read_pages(
    api: Api, path: str, selectors: Mapping[str, str]
) -> AsyncIterator[Object | None]:
    """Yield the pages of a list, and None when the continue token has expired on the way and the
    list begins again.
    """
    query = {"limit": str(PAGE), **selectors}
    while True:
        try:
            page = await api.get_json(path, query)
        except Rejected as error:
            if error.status != EXPIRED or not query.pop("continue", ""):
                raise
            # Unpaged this time: a list whose token expired once may never end in pages.
            query.pop("limit", None)
            yield None
            continue
        yield page
        if not (token := page.get("metadata", {}).get("continue", "")):
            return
        query["continue"] = token
