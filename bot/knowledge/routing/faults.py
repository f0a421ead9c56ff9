"""Faults: parsed from words, within the limits of Istio and of Bookinfo."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.errors import UserError
from bot.kinds import Object
from bot.knowledge.routing.manifests import DataPath
from bot.text import Text

SHORTEST, LONGEST = 0.1, 8.0
"""Seconds that a delay may be. Longer ones show nothing new: reviews v3 gives up on ratings after
2.5, productpage on reviews after 3, twice (1.20), and the proof's own patience is ten."""
WORKSHOP_USERS = {"jason", "biznagafest"}
"""The workshop's text prints the first, its file has the second: with both, nothing would be seen.
"""


@dataclass(frozen=True)
class Fault:
    """An abort with an HTTP status, or a delay in seconds, for a percentage of requests."""

    status: int = 500
    delay: float = 0.0
    percent: int = 100

    @property
    def spec(self) -> Object:
        """The fault as it stands in a VirtualService."""
        share = {"percentage": {"value": float(self.percent)}}
        if self.delay:
            return {"delay": share | {"fixedDelay": f"{self.delay:g}s"}}
        return {"abort": share | {"httpStatus": self.status}}

    def describe_effect(self, user: str) -> Text:
        """Return the effect on the user, who alone meets it, as a sentence."""
        if self.delay and self.percent < 100:
            return Text(
                "{user} waits {delay:g} s for ratings in {percent} % of requests, "
                "and nobody else does.",
                user=user,
                delay=self.delay,
                percent=self.percent,
            )
        if self.delay:
            return Text(
                "{user} waits {delay:g} s for ratings, and nobody else does.",
                user=user,
                delay=self.delay,
            )
        if self.percent < 100:
            return Text(
                "{user} loses ratings in {percent} % of requests, and nobody else does.",
                user=user,
                percent=self.percent,
            )
        return Text("{user} loses ratings, and nobody else does.", user=user)


def read_fault(words: Sequence[str]) -> Fault:
    """Parse `abort 500`, `delay 2s` and `50%`, in any order.

    Raises ValueError with a Text that says what is wrong, the word that is, and words that would
    fit in its place.
    """
    shares = [word for word in words if word.endswith("%")]
    rest = [word for word in words if not word.endswith("%")]
    if len(shares) > 1 or len(rest) > 2:
        raise ValueError(Text("that is more than one fault"))
    percent = 100
    for word in shares:
        mistake = Text("a share is 1% to 100%")
        percent = int(parse_number(word, "%", (1, 100), mistake))
    kind, value = (*rest, "", "")[:2]
    if kind.lower() in ("", "abort"):
        mistake = Text("an abort has a status of 400 to 599")
        return Fault(
            status=int(parse_number(value or "500", "", (400, 599), mistake)), percent=percent
        )
    if kind.lower() == "delay":
        mistake = Text(
            "a delay is {shortest:g}s to {longest:g}s", shortest=SHORTEST, longest=LONGEST
        )
        seconds = parse_number(value or "2s", "s", (SHORTEST, LONGEST), mistake)
        return Fault(delay=seconds, percent=percent)
    near = difflib.get_close_matches(kind.lower(), ("abort", "delay"), n=1)
    raise ValueError(Text("“{word}” is no fault: it is abort or delay", word=kind), kind, *near)


def parse_number(word: str, unit: str, limits: tuple[float, float], mistake: Text) -> float:
    """Parse a number within limits; its unit may be left out.

    Raises ValueError with `mistake`, the word, and the nearest one that would do.
    """
    text = word.lower().removesuffix(unit)
    if not re.fullmatch(r"\d+(\.\d+)?", text):
        raise ValueError(mistake, word)
    nearest = min(max(float(text), limits[0]), limits[1])
    if nearest != float(text):
        raise ValueError(mistake, word, f"{nearest:g}{unit}")
    return nearest


def refuse_unsupported_fault(user: str, fault: Fault, path: DataPath) -> None:
    """Raise UserError for a fault that a waypoint cannot take.

    Gateway API has no delay and no percentage; a waypoint takes an abort with 500 for all
    requests.
    """
    if path is DataPath.WAYPOINT and fault != Fault():
        raise UserError(
            Text("A waypoint takes only an abort with 500, of all requests."),
            Text("Type `fault {user}` alone.", user=user),
            (f"fault {user}",),
        )


def explain_fault(path: DataPath, user: str) -> tuple[Text, ...]:
    """Return notes on how the fault is made."""
    found = [
        Text(
            "Gateway API has no fault: a backend of weight 0 answers 500, at the waypoint of "
            "ratings."
        )
        if path is DataPath.WAYPOINT
        else Text(
            "The fault happens in the caller's proxy: ratings itself never sees those requests "
            "(response flag FI)."
        )
    ]
    if user in WORKSHOP_USERS:
        found.append(
            Text(
                "The workshop's text says jason here and its file biznagafest; this fault and its "
                "proof are for {user}.",
                user=user,
            )
        )
    return tuple(found)
