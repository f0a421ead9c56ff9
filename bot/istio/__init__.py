"""An Istio release and its `istioctl` as `bot.ports.Mesh`. The only package that runs
it.
"""

from __future__ import annotations

from bot.istio.istioctl import Istioctl

__all__ = ["Istioctl"]
