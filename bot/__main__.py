"""`python -m bot`, the same as `meshbot`."""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping
from pathlib import Path

NOWHERE = "/nonexistent"
"""The home directory of whoever has none, as Debian calls it."""


def name_home(environ: MutableMapping[str, str]) -> None:
    """Set HOME for a user that has none and is not in /etc/passwd, as in many containers.

    Libraries look for it when they are imported, and end with a traceback (kubernetes 37).
    """
    try:
        Path.home()
    except RuntimeError:
        environ["HOME"] = NOWHERE


def main() -> int:
    """Run one command; return the exit code."""
    name_home(os.environ)
    # Not before HOME is there.
    from bot.cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
