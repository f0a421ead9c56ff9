"""Messages of other programs, quoted short: what failed, without the chain of who passed it on.

A kubelet repeats what containerd said, which repeats what its resolver said, each with the image's
whole name; only the last of them says why.
"""

from __future__ import annotations

import re

LONGEST = 200
"""Characters of another program's message that are shown."""

PASSED_ON = re.compile(
    r"Back-off pulling image \"[^\"]*\": "
    r"|(?:ErrImagePull|ImagePullBackOff): (?=\S)"
    r"|rpc error: code = \w+ desc = "
    r"|failed to pull (?:and unpack )?image \"[^\"]*\": "
    r"|failed to (?:resolve reference|resolve image|copy|do request)(?: \"[^\"]*\")?: "
    r"|failed to authorize: |failed to fetch (?:oauth|anonymous) token: "
    r"|httpReadSeeker: failed open: "
)
"""Words before a message that say by which hands it came (containerd 1.7 to 2.2, the kubelet of
Kubernetes 1.32 to 1.36)."""


def shorten_message(message: str, most: int = LONGEST) -> str:
    """Return a message in one line, without those who passed it on, at most that long."""
    line = " ".join(message.split())
    while (found := PASSED_ON.match(line)) and line[found.end() :]:
        line = line[found.end() :]
    return line if len(line) <= most else line[: most - 1] + "…"


def quote_reason(reason: str, message: str) -> str:
    """Return `ImagePullBackOff: toomanyrequests: …`, or the one of the two that is there."""
    return ": ".join(filter(None, (reason, shorten_message(message))))
