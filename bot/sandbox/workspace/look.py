"""Through whose eyes something is rendered: the names, the zone and the moment, and where pictures are to be had."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any

Json = dict[str, Any]


def no_picture(image: Json) -> str:
    """The address of a picture where there is none to be had."""
    return ""


@dataclass(frozen=True)
class Look:
    """What a rendering needs besides the blocks.

    `picture` gives the address on this server of an image element or block, or "": the page loads nothing foreign.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    people: tuple[tuple[str, str], ...] = ()
    channels: tuple[tuple[str, str], ...] = ()
    zone: tzinfo = UTC
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    picture: Callable[[Json], str] = no_picture
