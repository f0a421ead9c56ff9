"""Fault injection for the Slack side: refused, failing and slow calls, late
acknowledgements, doubled envelopes.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(eq=False)
class InjectedFault:
    """One fault of a Web API method: for how many calls (None: until removed), status and
    delay.
    """

    times: int | None
    status: int = 200
    seconds: float = 0.0


@dataclass
class FaultInjector:
    """Faults that are still to come; each call of these methods adds to them."""

    ack_delay: float = 0.0
    """Wall seconds by which every acknowledgement reaches Slack late."""
    duplicates: int = 0
    """How many of the next envelopes are delivered twice."""
    file_delay: float = 0.3
    """Wall seconds after its upload for which a file cannot be shown; Slack takes one or two."""
    no_sockets: bool = False
    """Whether Socket Mode connections are refused at the door; their tickets stay good."""
    _faults: dict[str, list[InjectedFault]] = field(default_factory=dict)

    def rate_limit_method(
        self, method: str, *, times: int | None = 1, retry_after: int = 1
    ) -> InjectedFault:
        """Answer the next calls of this method with 429 and this Retry-After, in seconds."""
        return self._add_fault(method, InjectedFault(times, 429, retry_after))

    def fail_method(
        self, method: str, *, times: int | None = 1, status: int = 503
    ) -> InjectedFault:
        """Answer the next calls of this method with this 5xx status."""
        return self._add_fault(method, InjectedFault(times, status))

    def slow_method(self, method: str, *, seconds: float, times: int | None = 1) -> InjectedFault:
        """Answer the next calls of this method this many wall seconds late."""
        return self._add_fault(method, InjectedFault(times, 200, seconds))

    def _add_fault(self, method: str, fault: InjectedFault) -> InjectedFault:
        self._faults.setdefault(method, []).append(fault)
        return fault

    def remove_fault(self, fault: InjectedFault) -> None:
        """Remove one fault, however many calls it was still to hit."""
        for queue in self._faults.values():
            if fault in queue:
                queue.remove(fault)

    def clear_faults(self) -> None:
        """Remove all faults."""
        self._faults.clear()
        self.ack_delay, self.duplicates, self.no_sockets = 0.0, 0, False

    def take_next_fault(self, method: str) -> tuple[int, float]:
        """Return (status, seconds) for this call, and count the fault down.

        Return (200, 0) when there is none. Faults of "*" hit every method.
        """
        queue = self._faults.get(method) or self._faults.get("*")
        if not queue:
            return 200, 0.0
        fault = queue[0]
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                queue.pop(0)
        return fault.status, fault.seconds

    def consume_duplicate(self) -> bool:
        """Tell whether the envelope being delivered goes out twice, and count it down."""
        if self.duplicates <= 0:
            return False
        self.duplicates -= 1
        return True
