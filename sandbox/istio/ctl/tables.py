"""Tables as istioctl's writers lay them out, and ages as Kubernetes writes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sandbox.istio.components.common import get_nested
from sandbox.istio.ctl.invocation import IstioctlInvocation
from sandbox.istio.ctl.kube import Object


def format_table(rows: Sequence[Sequence[str]], *, gap: int) -> str:
    """Return rows in columns, so many blanks between them, as Go's tabwriter does."""
    widths = [max(len(row[i]) for row in rows) + gap for i in range(len(rows[0]))]
    lines = (
        "".join(f"{cell:<{width}}" for cell, width in zip(row[:-1], widths, strict=False)) + row[-1]
        for row in rows
    )
    return "\n".join(lines)


def format_age(run: IstioctlInvocation, pod: Object) -> str:
    """Return how long ago a pod was started, by the cluster's clock: `45s`, `12m`, `3h5m`."""
    started = get_nested(pod, "status.startTime", "") or pod["metadata"]["creationTimestamp"]
    then = datetime.fromisoformat(started.replace("Z", "+00:00"))
    seconds = max(0, round((datetime.now(UTC) - then).total_seconds()))
    if seconds < 120:
        return f"{seconds}s"
    minutes = seconds // 60
    if minutes < 10 and seconds % 60:
        return f"{minutes}m{seconds % 60}s"
    return f"{minutes}m" if minutes < 180 else f"{minutes // 60}h"
