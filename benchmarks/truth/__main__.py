"""Compare the sandbox with recordings of the real programs: in how many cases both agree, and each
difference with its reason."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
from pathlib import Path

from benchmarks.truth.commands import compare_commands
from benchmarks.truth.compared import Case, format_differences, format_table
from benchmarks.truth.kiali import compare_kiali
from benchmarks.truth.routing import compare_routing
from benchmarks.truth.xds import compare_xds
from sandbox.releases import RELEASES

PARTS = ("commands", "xds", "routing", "kiali")


def main() -> int:
    """Print the table and the differences; 0 when every difference has a known reason."""
    parser = argparse.ArgumentParser(prog="benchmarks.truth", description=__doc__)
    parser.add_argument("recordings", type=Path, help="the directory with the recordings")
    parser.add_argument(
        "--release", action="append", help="of Istio (default: all that are played)"
    )
    parser.add_argument("--part", action="append", choices=PARTS, help="(default: all)")
    parser.add_argument("--only", default="", help="routing cases whose name contains this")
    wanted = parser.parse_args()
    logging.disable(logging.CRITICAL)
    cases = [
        case
        for release in wanted.release or reversed(RELEASES)
        for part in wanted.part or PARTS
        for case in compare(part, wanted.recordings, release, only=wanted.only)
    ]
    if not cases:
        parser.error(f"no recordings of these releases and parts in {wanted.recordings}")
    differences = format_differences(cases)
    if differences:
        print(differences, end="\n\n")
    print(format_table(cases))
    return 1 if any(case.unexplained for case in cases) else 0


def compare(part: str, recordings: Path, release: str, *, only: str = "") -> list[Case]:
    """Return the cases of one part and release; none where nothing was recorded."""
    with tempfile.TemporaryDirectory() as home:
        match part:
            case "commands":
                return asyncio.run(compare_commands(recordings, release, Path(home)))
            case "xds":
                return compare_xds(recordings, release)
            case "kiali":
                return compare_kiali(recordings, release)
            case _:
                return asyncio.run(compare_routing(recordings, release, Path(home), only))


if __name__ == "__main__":
    sys.exit(main())
