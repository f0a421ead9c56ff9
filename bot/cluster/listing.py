"""Lists of objects, read page by page as kubectl does, up to a ceiling."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from bot.cluster.api import Api, build_path
from bot.cluster.bounded_answers import MEGABYTE
from bot.errors import Rejected, Unreadable
from bot.kinds import Kind, Object
from bot.text import Text

PAGE = 500
"""Objects per request of a list, as kubectl asks."""
SMALLER = 10
"""By how much a page is made smaller when it is longer than is read."""
EXPIRED = 410
MOST_LIST = 128 * MEGABYTE
"""Bytes of all pages of one list: some twelve thousand pods."""
LONGEST_LIST = 10
"""Time of all pages of one list, in times that one request may take; outages come beside it."""


async def list_with_version(
    api: Api, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = ""
) -> tuple[list[Object], str]:
    """Return all matching objects and the resourceVersion of the list, from which a watch goes
    on.

    Raises NotFound when the type is not served, Unreadable when the list is too long.
    """
    query = {"labelSelector": labels} if labels else {}
    query |= {"fieldSelector": fields} if fields else {}
    pages = _read_pages(api, build_path(kind, namespace), query)
    seconds = LONGEST_LIST * api.seconds + api.retry_policy.total
    try:
        async with asyncio.timeout(seconds):
            return await _join_pages(pages, kind)
    except TimeoutError as error:
        raise Unreadable(
            Text(
                "the list of {kinds} had not ended after {seconds:g} s; read no further",
                kinds=kind.plural,
                seconds=seconds,
            )
        ) from error


async def _join_pages(
    pages: AsyncIterator[tuple[Object, int] | None], kind: Kind
) -> tuple[list[Object], str]:
    """Return the objects of all pages, and the version of the last."""
    found: list[Object] = []
    version, length = "", 0
    async for read in pages:
        if read is None:
            # What was read belongs to another version of the list.
            found.clear()
            length = 0
            continue
        page, size = read
        length += size
        if length > MOST_LIST:
            raise Unreadable(
                Text(
                    "the list of {kinds} is longer than {most:g} MB; read no further",
                    kinds=kind.plural,
                    most=MOST_LIST / MEGABYTE,
                )
            )
        found += [
            {"apiVersion": kind.api_version, "kind": kind.kind, **item}
            for item in page.get("items") or []
        ]
        version = page.get("metadata", {}).get("resourceVersion", "")
    return found, version


async def _read_pages(
    api: Api, path: str, selectors: Mapping[str, str]
) -> AsyncIterator[tuple[Object, int] | None]:
    """Yield the pages of a list with their lengths in bytes, and None when the continue token has
    expired on the way and the list begins again.
    """
    query = {"limit": str(PAGE), **selectors}
    while True:
        try:
            page, length = await api.get_page(path, query)
        except Unreadable:
            limit = int(query.get("limit", "1"))
            if limit == 1:
                raise
            # The token goes on where the last page ended, whatever the size of the next.
            query["limit"] = str(max(1, limit // SMALLER))
            continue
        except Rejected as error:
            if error.status != EXPIRED or not query.pop("continue", ""):
                raise
            # Unpaged this time: a list whose token expired once may never end in pages.
            query.pop("limit", None)
            yield None
            continue
        yield page, length
        if not (token := page.get("metadata", {}).get("continue", "")):
            return
        query["continue"] = token
