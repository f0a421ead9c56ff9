"""Ways to hurt the bot on purpose: refused, failing and slow calls, late acknowledgements, doubled envelopes."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class _Ill:
    times: int
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
    _ills: dict[str, list[_Ill]] = field(default_factory=dict)

    def rate_limit(self, method: str, *, times: int = 1, retry_after: int = 1) -> None:
        """The next calls of this method get 429 with this Retry-After, in seconds."""
        self._ills.setdefault(method, []).append(_Ill(times, 429, retry_after))

    def fail(self, method: str, *, times: int = 1, status: int = 503) -> None:
        """The next calls of this method get this 5xx."""
        self._ills.setdefault(method, []).append(_Ill(times, status))

    def slow(self, method: str, *, seconds: float, times: int = 1) -> None:
        """The next calls of this method are answered this many wall seconds late."""
        self._ills.setdefault(method, []).append(_Ill(times, 200, seconds))

    def heal(self) -> None:
        """Nothing goes wrong any more."""
        self._ills.clear()
        self.ack_delay, self.duplicates = 0.0, 0

    def strike(self, method: str) -> tuple[int, float]:
        """What befalls this call: (status, seconds); (200, 0) when it is spared. "*" strikes every method."""
        queue = self._ills.get(method) or self._ills.get("*")
        if not queue:
            return 200, 0.0
        ill = queue[0]
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
