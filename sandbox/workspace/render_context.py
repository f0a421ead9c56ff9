"""Context of a rendering: the reader's names, time zone and moment, and the addresses of
pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any

Json = dict[str, Any]


def return_no_picture(image: Json) -> str:
    """Return "" as a picture's address, where there are no pictures."""
    return ""


@dataclass(frozen=True)
class RenderContext:
    """Everything that a rendering needs besides the blocks.

    `picture` returns the address on this server of an image element or block, or "": the
    page loads nothing foreign.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    people: tuple[tuple[str, str], ...] = ()
    channels: tuple[tuple[str, str], ...] = ()
    zone: tzinfo = UTC
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    picture: Callable[[Json], str] = return_no_picture
