"""Fault injection for the Slack side: refused, failing, cut and slow calls, an account that is not
active, late acknowledgements, doubled envelopes.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(eq=False)
class InjectedFault:
    """One fault of a Web API method: for how many calls (None: until removed), status and
    delay.

    `code` is the error of an answer with `ok: false`. The call is `carried_out` before it fails,
    or never; `cut` closes the connection instead of answering.
    """

    times: int | None
    status: int = 200
    seconds: float = 0.0
    code: str = ""
    carried_out: bool = False
    cut: bool = False


NO_FAULT = InjectedFault(None)


@dataclass
class FaultInjector:
    """Faults that are still to come; each call of these methods adds to them."""

    ack_delay: float = 0.0
    """Wall seconds by which every acknowledgement reaches Slack late."""
    duplicates: int = 0
    """How many of the next envelopes are delivered twice."""
    file_delay: float = 0.3
    """Wall seconds after its upload for which a file cannot be shown; Slack takes one or two."""
    account_refusal: str = ""
    """What every call with the bot's token is refused with, such as `account_inactive`; "" when it
    is good."""
    no_sockets: bool = False
    """Whether Socket Mode connections are refused at the door; their tickets stay good."""
    _faults: dict[str, list[InjectedFault]] = field(default_factory=dict)

    def rate_limit_method(
        self, method: str, *, times: int | None = 1, retry_after: int = 1
    ) -> InjectedFault:
        """Answer the next calls of this method with 429 and this Retry-After, in seconds."""
        return self._add_fault(method, InjectedFault(times, 429, retry_after))

    def fail_method(
        self,
        method: str,
        *,
        times: int | None = 1,
        status: int = 503,
        code: str = "",
        carried_out: bool = False,
    ) -> InjectedFault:
        """Answer the next calls of this method with this 5xx status, or with this error code.

        With `carried_out` each has been done all the same, as Slack documents for its own errors
        (`internal_error`, `fatal_error`).
        """
        status = 200 if code else status
        return self._add_fault(
            method, InjectedFault(times, status, code=code, carried_out=carried_out)
        )

    def refuse_method(self, method: str, code: str, *, times: int | None = 1) -> InjectedFault:
        """Refuse the next calls of this method with this error code."""
        return self._add_fault(method, InjectedFault(times, code=code))

    def cut_method(
        self, method: str, *, times: int | None = 1, carried_out: bool = True
    ) -> InjectedFault:
        """Close the connection of the next calls of this method, once each is carried out."""
        return self._add_fault(method, InjectedFault(times, carried_out=carried_out, cut=True))

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
        self.account_refusal = ""

    def take_next_fault(self, method: str) -> InjectedFault:
        """Return the fault of this call, and count it down; faults of "*" hit every method."""
        queue = self._faults.get(method) or self._faults.get("*")
        if not queue:
            return NO_FAULT
        fault = queue[0]
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                queue.pop(0)
        return fault

    def consume_duplicate(self) -> bool:
        """Tell whether the envelope being delivered goes out twice, and count it down."""
        if self.duplicates <= 0:
            return False
        self.duplicates -= 1
        return True
