"""Breaks the lines that matter most, one at a time, and tells which breaks no test notices.

python scripts/mutations.py               applies each mutation of mutations.toml, runs its tests
python scripts/mutations.py --only WORD   those that have the word in their file or description
python scripts/mutations.py --check       says which mutations do not apply to the source any more
python scripts/mutations.py --jobs 4      that many at a time, each in a copy of its own

Nothing is changed in the tree itself: each mutation is made in a temporary copy, its tests run
there, and it is taken back. It is killed when its tests fail, and survives when they pass: then a
test is missing. Exits with 1 when one survives, does not apply, or has tests that cannot be run.
"""

from __future__ import annotations

import argparse
import ast
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
LIST: Final = Path(__file__).with_name("mutations.toml")
LEFT_OUT: Final = (".git", ".venv*", ".mypy_cache", ".ruff_cache", ".pytest_cache", "__pycache__")
SECONDS: Final = 600
"""Seconds that the tests of one mutation may take; a mutation that hangs them is noticed."""
FAILED, PASSED = 1, 0
"""Exit codes of pytest; any other says that nothing was tested."""


@dataclass(frozen=True)
class Mutation:
    """One break: `old`, which stands once in `file`, becomes `new`; `tests` must notice."""

    what: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def apply(self, root: Path) -> None:
        """Write the mutated file. Raises ValueError when the mutation does not apply."""
        path = root / self.file
        path.write_text(self.mutate(path.read_text(encoding="utf-8")), encoding="utf-8")

    def mutate(self, source: str) -> str:
        """Return the mutated source.

        Raises ValueError that says why the mutation does not apply.
        """
        if (found := source.count(self.old)) != 1:
            raise ValueError(f"{self.file} has “{self.old}” {found} times, not once")
        mutated = source.replace(self.old, self.new)
        try:
            same = ast.dump(ast.parse(mutated)) == ast.dump(ast.parse(source))
        except SyntaxError as problem:
            raise ValueError(f"“{self.new}” is no Python there: {problem.msg}") from None
        if same:
            raise ValueError(f"“{self.new}” changes nothing")
        return mutated


def read_mutations(path: Path = LIST) -> list[Mutation]:
    """Return the mutations of the list, in its order."""
    found = tomllib.loads(path.read_text(encoding="utf-8"))["mutation"]
    return [Mutation(**{**each, "tests": tuple(each["tests"])}) for each in found]


def find_fault(mutation: Mutation, root: Path = ROOT) -> str:
    """Return why a mutation does not apply, or ""."""
    path = root / mutation.file
    if not path.is_file():
        return f"there is no {mutation.file}"
    missing = [test for test in mutation.tests if not is_there(root, test)]
    if missing or not mutation.tests:
        return f"there are no tests {', '.join(missing)}"
    try:
        mutation.mutate(path.read_text(encoding="utf-8"))
    except ValueError as problem:
        return str(problem)
    return ""


def is_there(root: Path, test: str) -> bool:
    """Tell whether a test file, or a test in it, is there."""
    file, _, name = test.partition("::")
    path = root / file
    named = f"def {name.partition('[')[0]}("
    return path.exists() and (not name or named in path.read_text(encoding="utf-8"))


def run_tests(root: Path, tests: tuple[str, ...]) -> int:
    """Run tests of a copy, whatever their marks, until one fails; return pytest's exit code."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-m", "", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        return subprocess.run(
            [*command, *tests],
            cwd=root,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        return FAILED


def judge(mutation: Mutation, root: Path) -> str:
    """Return what became of a mutation in a copy: killed, survived, or why it says nothing."""
    if fault := find_fault(mutation, root):
        return f"does not apply: {fault}"
    path = root / mutation.file
    source = path.read_bytes()
    try:
        mutation.apply(root)
        code = run_tests(root, mutation.tests)
    finally:
        path.write_bytes(source)
    if code == FAILED:
        return "killed"
    return "survived" if code == PASSED else f"not tested: pytest ended with {code}"


def judge_all(mutations: list[Mutation], jobs: int) -> list[str]:
    """Judge mutations, `jobs` at a time, and print each as it is judged."""
    with tempfile.TemporaryDirectory(prefix="mutations-") as place:
        copies: queue.Queue[Path] = queue.Queue()
        for number in range(jobs):
            copy = Path(place, str(number))
            shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True)
            copies.put(copy)

        def judge_one(mutation: Mutation) -> str:
            copy = copies.get()
            try:
                outcome = judge(mutation, copy)
            finally:
                copies.put(copy)
            sys.stdout.write(f"{outcome}: {mutation.what} ({mutation.file})\n")
            sys.stdout.flush()
            return outcome

        with ThreadPoolExecutor(jobs) as pool:
            return list(pool.map(judge_one, mutations))


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only say which do not apply")
    parser.add_argument("--only", default="", metavar="WORD", help="in the file or the description")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="copies side by side")
    options = parser.parse_args()
    chosen = [m for m in read_mutations() if options.only in f"{m.file} {m.what}"]
    if options.check:
        outcomes = [f"does not apply: {fault}" for m in chosen if (fault := find_fault(m))]
        sys.stdout.write("\n".join([*outcomes, f"{len(outcomes)} of {len(chosen)} do not apply\n"]))
    else:
        outcomes = judge_all(chosen, options.jobs)
        killed = outcomes.count("killed")
        survived = outcomes.count("survived")
        sys.stdout.write(f"{killed} of {len(outcomes)} killed, {survived} survived\n")
    sys.exit(any(outcome != "killed" for outcome in outcomes))


if __name__ == "__main__":
    main()
