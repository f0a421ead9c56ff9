"""What an istiod writes to its log: the form is Istio's, and the words say what it did here."""

from __future__ import annotations

import json

from sandbox.clock import Clock
from sandbox.cluster.contract import Object
from sandbox.cluster.log_buffer import LogBuffer

CONTAINER = "discovery"
"""The name of istiod's container."""


class IstiodLog:
    """One istiod's log: moment, level, scope and text, with tabs between them."""

    def __init__(self, buffer: LogBuffer, clock: Clock) -> None:
        self._buffer, self._clock = buffer, clock

    def info(self, scope: str, text: str) -> None:
        """Write a line of level info; the scope may be empty."""
        stamp = f"{self._clock.now():%Y-%m-%dT%H:%M:%S.%f}Z"
        parts = (stamp, "info", *([scope] if scope else []), text)
        self._buffer.write("\t".join(parts))

    def report_injection(self, review: bytes) -> None:
        """Tell of a pod that istiod was asked to inject."""
        asked = json.loads(review).get("request") or {}
        meta = (asked.get("object") or {}).get("metadata") or {}
        name = (
            meta.get("name") or f"{meta.get('generateName', '')}***** (actual name not yet known)"
        )
        place = meta.get("namespace") or asked.get("namespace", "")
        self.info("", f"Sidecar injection request for {place}/{name}")

    def report_validation(self, answer: Object) -> None:
        """Tell of an object that istiod has refused."""
        response = answer.get("response") or {}
        if not response.get("allowed", True):
            message = (response.get("status") or {}).get("message", "")
            self.info("validationServer", f"configuration is invalid: {message}")
