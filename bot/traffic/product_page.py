"""Reading Bookinfo's product page: the page is 200 even when its parts fail, so only the text tells
what happened.

Markers are those of the Bookinfo 1.20.x images, which Istio 1.23 and 1.30 both use.
"""

from __future__ import annotations

import re
from typing import NamedTuple

VERSION = re.compile(r"Reviews served by:\s+reviews-(v\d+)-")
STARS = re.compile(r'class="flex gap-x-1 text-(?:black|red)-500"')
NO_RATINGS = "Ratings service is currently unavailable"
NO_DETAILS = "Error fetching product details"


class Page(NamedTuple):
    """`version` is `v1`, `v2`, … or `none`; `ratings` is `seen`, `unavailable` or `none`."""

    version: str
    ratings: str
    has_details: bool = True


def parse_page(text: str) -> Page:
    """Return what of details, reviews and ratings a product page shows."""
    found, details = VERSION.search(text), NO_DETAILS not in text
    if found is None:
        return Page("none", "none", details)
    if NO_RATINGS in text:
        return Page(found[1], "unavailable", details)
    return Page(found[1], "seen" if STARS.search(text) else "none", details)
