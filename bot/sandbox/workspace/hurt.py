"""Ways to hurt the bot on purpose: refused, failing and slow calls, late acknowledgements, doubled envelopes."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(eq=False)
class Ill:
    """One thing that befalls calls: how often still (None: until it is lifted), with which status, how late."""

    times: int | None
    status: int = 200
    seconds: float = 0.0


@dataclass
class Hurt:
    """What goes wrong next; each call of these methods adds to what is pending."""

    ack_delay: float = 0.0
    """Wall seconds by which every acknowledgement reaches Slack late."""
    duplicates: int = 0
    """How many of the next envelopes are delivered twice."""
    file_delay: float = 0.3
    """Wall seconds after its upload for which a file cannot be shown; Slack takes one or two."""
    no_sockets: bool = False
    """Whether Socket Mode connections are refused at the door; their tickets stay good."""
    _ills: dict[str, list[Ill]] = field(default_factory=dict)

    def rate_limit(self, method: str, *, times: int | None = 1, retry_after: int = 1) -> Ill:
        """The next calls of this method get 429 with this Retry-After, in seconds."""
        return self._befall(method, Ill(times, 429, retry_after))

    def fail(self, method: str, *, times: int | None = 1, status: int = 503) -> Ill:
        """The next calls of this method get this 5xx."""
        return self._befall(method, Ill(times, status))

    def slow(self, method: str, *, seconds: float, times: int | None = 1) -> Ill:
        """The next calls of this method are answered this many wall seconds late."""
        return self._befall(method, Ill(times, 200, seconds))

    def _befall(self, method: str, ill: Ill) -> Ill:
        self._ills.setdefault(method, []).append(ill)
        return ill

    def lift(self, ill: Ill) -> None:
        """Ends one ill, whatever is left of it."""
        for queue in self._ills.values():
            if ill in queue:
                queue.remove(ill)

    def heal(self) -> None:
        """Nothing goes wrong any more."""
        self._ills.clear()
        self.ack_delay, self.duplicates, self.no_sockets = 0.0, 0, False

    def strike(self, method: str) -> tuple[int, float]:
        """What befalls this call: (status, seconds); (200, 0) when it is spared. "*" strikes every method."""
        queue = self._ills.get(method) or self._ills.get("*")
        if not queue:
            return 200, 0.0
        ill = queue[0]
        if ill.times is not None:
            ill.times -= 1
            if ill.times <= 0:
                queue.pop(0)
        return ill.status, ill.seconds

    def duplicated(self) -> bool:
        """Whether the envelope being delivered goes out twice."""
        if self.duplicates <= 0:
            return False
        self.duplicates -= 1
        return True
