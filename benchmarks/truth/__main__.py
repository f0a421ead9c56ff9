"""Compare the sandbox with recordings of the real programs: in how many cases both agree, and each
difference with its reason."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
from pathlib import Path

from benchmarks.truth.routing import compare_routing


def main() -> int:
    """Print the figures and the differences; 0 when every difference has a known reason."""
    parser = argparse.ArgumentParser(prog="benchmarks.truth", description=__doc__)
    parser.add_argument("recordings", type=Path, help="the directory with the recordings")
    parser.add_argument("--release", action="append", help="of Istio (default 1.30.3 and 1.23.2)")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    wanted = parser.parse_args()
    logging.disable(logging.CRITICAL)
    unexplained = 0
    for release in wanted.release or ("1.30.3", "1.23.2"):
        with tempfile.TemporaryDirectory() as home:
            played, found = asyncio.run(
                compare_routing(wanted.recordings, release, Path(home), wanted.only)
            )
        for difference in found:
            print(difference)
        agree = played - len({d.case for d in found if d.case != "plain"})
        print(f"routing {release}: {agree} of {played} cases agree")
        unexplained += len(found)
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
