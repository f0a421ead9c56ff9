"""An Istio release and its `istioctl` as `bot.ports.Mesh`. The only package that runs
it.
"""

from __future__ import annotations

from bot.istio.istioctl import Istioctl
from bot.istio.lines import LineKind, ParsedLine, parse_line

__all__ = ["Istioctl", "ParsedLine", "LineKind", "parse_line"]
