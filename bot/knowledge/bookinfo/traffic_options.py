"""The options of `traffic`, and the load that they ask for."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field

from bot.knowledge.objects.durations import parse_duration, strip_rate_unit
from bot.ports import LoadSpec
from bot.steps import Options, PersonName
from bot.text import Text


class Action(StrEnum):
    """Actions that can be typed after `traffic`."""

    ONCE = "once"
    START = "start"
    STOP = "stop"
    BURST = "burst"


class TrafficOptions(Options):
    """Options of `traffic`."""

    action: Annotated[Action, Field(default=Action.ONCE), Text("once, start, stop or burst")]
    count: Annotated[int, Field(default=100, ge=1, le=2000), Text("requests of a burst")]
    at: Annotated[
        float,
        BeforeValidator(strip_rate_unit),
        Field(default=10.0, gt=0, le=50),
        Text("a burst's rate, e.g. 20/s"),
    ]
    every: Annotated[
        float,
        BeforeValidator(parse_duration),
        Field(default=3.0, ge=0.02, le=60),
        Text("pause of a start, e.g. 3s"),
    ]
    user: Annotated[
        str,
        Field(default="", alias="as", max_length=40, pattern=r"^[\w.@+-]*$"),
        PersonName(),
        Text("logged in as this user"),
    ]
    how_long: Annotated[
        float,
        BeforeValidator(parse_duration),
        Field(default=3600.0, alias="for", ge=1, le=86400),
        Text("how long a start goes on, e.g. 10m"),
    ]
    until: Annotated[str, Field(default="", max_length=20), Text("when a start ends, e.g. 17:00")]

    def build_load(self) -> LoadSpec:
        """Return the load that is sent at once: one request, or a burst."""
        count = self.count if self.action is Action.BURST else 1
        return LoadSpec(count, self.at, self.user, proof=False)
