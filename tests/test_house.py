"""The house rules that no linter knows: sizes, and that what belongs together is there together."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from bot.catalog import Catalog
from bot.knowledge.workshop.progress import STEPS as BOARD_STEPS
from bot.knowledge.workshop.tour_pages import PAGES
from handlers import STEPS

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    path for room in ("bot", "handlers", "sandbox") for path in ROOT.glob(f"{room}/**/*.py")
)
LONGEST_FILE, LONGEST_FUNCTION, LONGEST_STEP = 400, 50, 120
LONGEST_CLASS, MOST_METHODS = 200, 15


@cache
def parse(module: Path) -> ast.Module:
    """A module's syntax tree, which several promises look at."""
    return ast.parse(module.read_text(encoding="utf-8"))


def functions(module: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All functions of a module."""
    for node in ast.walk(parse(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


MANIFESTS = {
    "sandbox/istio/components/ambient.py:_build_cni_daemon_set",
    "sandbox/istio/components/ambient.py:_build_ztunnel_daemon_set",
    "sandbox/istio/components/webhooks.py:_build_injection_webhooks",
    "sandbox/istio/ctl/command_tree.py:_build_waypoint_command",
    "sandbox/istio/samples/addons.py:build_jaeger",
}
"""Functions that are one literal from end to end: a manifest, or a tree of commands."""


def name_module(module: Path) -> str:
    """The path of a module from the root."""
    return module.relative_to(ROOT).as_posix()


def count_lines(module: Path) -> int:
    """The lines of a module."""
    return len(module.read_text(encoding="utf-8").splitlines())


def test_no_module_is_too_long() -> None:
    """A module over the budget has a second subject inside."""
    found = {name_module(m) for m in MODULES if count_lines(m) > LONGEST_FILE}
    assert found == set()


def test_no_step_is_too_long() -> None:
    """A step says what is to be true; knowledge of meshes lives elsewhere."""
    steps = [m for m in MODULES if m.parent.name == "handlers"]
    found = {name_module(m) for m in steps if count_lines(m) > LONGEST_STEP}
    assert found == set()


def test_no_function_is_too_long() -> None:
    """A function fits on a screen."""
    found = {
        f"{name_module(m)}:{f.name}"
        for m in MODULES
        for f in functions(m)
        if (f.end_lineno or 0) - f.lineno + 1 > LONGEST_FUNCTION
    }
    assert found == MANIFESTS


def test_no_class_is_too_large() -> None:
    """A class over the budget has a second subject inside: at most 15 methods (without those of
    Python's own protocols) and 200 lines."""
    found = {
        f"{name_module(module)}:{node.name}"
        for top in ("bot", "handlers", "sandbox")
        for module in ROOT.glob(f"{top}/**/*.py")
        for node in ast.walk(parse(module))
        if isinstance(node, ast.ClassDef) and is_too_large(node)
    }
    assert found == set(), "split by subject"


def is_too_large(node: ast.ClassDef) -> bool:
    """Whether a class is over the budget."""
    methods = [
        each.name
        for each in node.body
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
        and not (each.name.startswith("__") and each.name.endswith("__"))
    ]
    lines = (node.end_lineno or 0) - node.lineno + 1
    return len(methods) > MOST_METHODS or lines > LONGEST_CLASS


def test_every_module_says_why_it_exists() -> None:
    """The docstring is the first thing that a newcomer reads."""
    silent = [m.name for m in MODULES if not ast.get_docstring(parse(m))]
    assert silent == []


def test_the_steps_live_together() -> None:
    """No two steps claim a word."""
    assert Catalog(STEPS).steps == STEPS


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.id)
def test_every_step_is_in_the_readme(step: object) -> None:
    """The README's table lists what can be typed."""
    assert f"`/mesh {step.id}" in (ROOT / "README.md").read_text(encoding="utf-8")  # type: ignore[attr-defined]  # parametrised


def test_the_tour_leads_through_the_board() -> None:
    """Each step of the board has a page, in the same order, and all that the pages' buttons type is
    understood."""
    catalog, pages = Catalog(STEPS), [page.step for page in PAGES]
    assert [step for step in pages if step in BOARD_STEPS] == list(BOARD_STEPS)
    for page in PAGES:
        assert catalog.parse(page.typed).step.id == page.step
        assert all(catalog.parse(typed) for typed in page.also)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.id)
def test_every_example_can_be_typed(step: object) -> None:
    """What help shows is understood, and means that step."""
    catalog = Catalog(STEPS)
    for example in step.examples:  # type: ignore[attr-defined]  # parametrised
        assert catalog.parse(example).step is step
