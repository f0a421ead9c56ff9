"""Reading what istioctl printed: its errors, and whether the API server was away."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.knowledge.objects.pod_causes import API_SERVER_AWAY

NOT_READY_IN_TIME = re.compile(
    r"^failed to wait for resource:"
    r"|^(Deployment|DaemonSet|Namespace|CustomResourceDefinition)/\S+ \("
)
"""What istioctl says of pods that were not ready in time: their own words say more."""
APPLY_PREFIX = re.compile(
    r"failed to update resource with server-side apply for obj [A-Za-z]+/\S*?/[^/:\s]+: "
)
COUNT_PREFIX = re.compile(r"failed to install manifests: (\d+ errors? occurred:)?")


def extract_errors(tail: Sequence[str]) -> list[str]:
    """Return istioctl's errors, one in a line, without its own prefixes; empty for a mere timeout.

    They follow `Error: `, which stands behind the last line of progress when that was not
    ended (1.23.2, 1.30.3).
    """
    text = "\n".join(tail)
    said = text.rpartition("Error: ")[2] if "Error: " in text else ""
    lines = [
        COUNT_PREFIX.sub("", APPLY_PREFIX.sub("", line.strip(" \t*"))).strip()
        for line in said.splitlines()
    ]
    return list(dict.fromkeys(line for line in lines if line and not NOT_READY_IN_TIME.match(line)))


def is_api_server_away(tail: Sequence[str]) -> bool:
    """Tell whether istioctl ended because it could not reach the API server."""
    return any(API_SERVER_AWAY.search(line) for line in extract_errors(tail))
