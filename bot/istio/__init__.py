"""An Istio release and its `istioctl`, in the words of `bot.ports.Mesh`. The only package that runs it."""

from __future__ import annotations

from bot.istio.istioctl import Istioctl
from bot.istio.lines import Reading, Says, read

__all__ = ["Istioctl", "Reading", "Says", "read"]
