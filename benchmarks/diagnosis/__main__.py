"""How often `/mesh why` names the injected cause, on the embedded sandbox.

Each case of the corpus brings a known cause into a state of the workshop, checks that its evidence
is there, asks, and takes it back. Printed are the shares of cases whose first named cause is right
(top-1), whose causes are all named, and in which something else is blamed; for normal and healthy
states, the last are false alarms. Beside it: what `istioctl analyze` and Kiali's validations point
at on the same states (on normal and healthy ones: whether they say anything).
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from fnmatch import fnmatch
from pathlib import Path

from benchmarks.diagnosis.corpus import STATES, load_cases, select_cases
from benchmarks.diagnosis.run import Options, Result, run_cases
from benchmarks.diagnosis.score import describe, summarize, write_json


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.diagnosis",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--release", default="1.30.3", help="of Istio (default 1.30.3)")
    parser.add_argument("--state", action="append", choices=[*STATES], help="only in this state")
    parser.add_argument("--only", default="", help="causes or ids of cases, as CAUSE,*/unready")
    parser.add_argument("--file", default="*", help="of the corpus, as workloads*")
    parser.add_argument("--kind", default="", help="only cause, normal, healthy or pair")
    parser.add_argument("--pairs", action="store_true", help="pairs instead of single causes")
    parser.add_argument("--part", default="1/1", help="the n-th of m parts, as 1/4")
    parser.add_argument("--speed", type=float, default=100.0, help="of the clock (default 100)")
    parser.add_argument("--evidence", action="store_true", help="check injections, ask nobody")
    parser.add_argument("--no-peers", action="store_true", help="ask neither analyze nor Kiali")
    parser.add_argument("--json", type=Path, help="write every result into this file")
    return parser.parse_args()


def main() -> int:
    """Run the cases and print the table; 0 when every injection showed its evidence."""
    wanted = parse_arguments()
    logging.disable(logging.CRITICAL)
    states = tuple(wanted.state or ())
    cases = [case for case in load_cases() if fnmatch(case.file, wanted.file)]
    chosen = select_cases(
        cases, release=wanted.release, states=states, only=wanted.only, pairs=wanted.pairs
    )
    number, parts = (int(each) for each in wanted.part.split("/"))
    listed = [each for each in chosen if wanted.kind in ("", each[1].kind)]
    options = Options(
        wanted.release,
        wanted.speed,
        ask=not wanted.evidence,
        peers=not wanted.evidence and not wanted.no_peers,
    )

    def tell(result: Result) -> None:
        print(describe(result), flush=True)

    results = asyncio.run(run_cases(listed[number - 1 :: parts], options, tell))
    summarize(results, wanted.release)
    if wanted.json:
        write_json(results, wanted.json)
    return 1 if any(result.fault for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
