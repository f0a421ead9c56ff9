"""The documentation against the code: references are generated, and what is named is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bot.catalog import Catalog
from bot.knowledge.objects.capacity import CPU_NEEDED, MEMORY_NEEDED
from bot.settings import list_settings
from bot.steps import Step
from handlers import STEPS

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md")])
IN_IMAGES = ("deploy", "CONTRIBUTING")
"""Pages about the image, where meshbot is in PATH, and about work on the bot."""
OTHER = frozenset({"MESHBOT_TEST_POSTGRES"})
"""Variables that are no settings."""
PLACEHOLDERS = re.compile(r"\b(STEP|USER|MODE|NAMESPACE|COMMAND|VALUE)\b|…|\[|\.\.\.| / ")


def text(page: Path) -> str:
    """What a page says."""
    return page.read_text(encoding="utf-8")


def named(page: Path) -> str:
    """A page's name for pytest."""
    return str(page.relative_to(ROOT))


def test_the_references_are_what_the_code_says() -> None:
    """`make docs` renews them."""
    check = subprocess.run(
        [sys.executable, "scripts/reference.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert check.stderr == ""


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    """Files that a page links to are there, headings too."""
    for target in re.findall(r"\]\(([^)\s]+)\)", text(page)):
        if re.match(r"https?://|mailto:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name) if name else page
        assert file.exists(), target
        if anchor:
            headings = [
                re.sub(r"[^\w -]", "", h).strip().lower()
                for h in re.findall(r"^#+ (.+)$", text(file), re.M)
            ]
            assert anchor in [h.replace(" ", "-") for h in headings], target


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_variables_are_settings(page: Path) -> None:
    """No page names a setting that there is not."""
    settings = list_settings()
    known = {setting.variable for setting in settings}
    known |= {"MESHBOT_" + setting.name.replace(".", "__").upper() for setting in settings}
    assert set(re.findall(r"MESHBOT_[A-Z_]+[A-Z]", text(page))) - OTHER - known == set()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_can_be_typed(page: Path) -> None:
    """Each whole command in a page is understood."""
    catalog = Catalog(STEPS)
    prose = re.sub(r"```python\n.*?```", "", text(page), flags=re.S)
    for typed in re.findall(r"`/mesh ([^`]+)`", prose):
        if not PLACEHOLDERS.search(typed):
            catalog.parse(typed)


def test_the_example_of_a_step_is_python() -> None:
    """The skeleton in CONTRIBUTING is a step that the catalogue takes beside the others."""
    blocks = re.findall(r"```python\n(.*?)```", text(ROOT / "CONTRIBUTING.md"), re.S)
    scope: dict[str, object] = {}
    exec(compile(blocks[0], "CONTRIBUTING.md", "exec"), scope)  # from this repository
    step = scope["STEP"]
    assert isinstance(step, Step)
    assert Catalog((*STEPS, step)).parse(step.id).step is step


@pytest.mark.parametrize("name", ["docs/host-guide.md", "bot/knowledge/workshop/tour.yaml"])
def test_the_room_for_sidecars_is_one_figure(name: str) -> None:
    """What preflight asks for is what the guide and the tour say."""
    needed = f"{CPU_NEEDED:g} CPU and {MEMORY_NEEDED / 2**30:g} GiB"
    said = " ".join(text(ROOT / name).split())
    assert needed in said
    assert set(re.findall(r"[\d.]+ CPU and [\d.]+ GiB", said)) == {needed}


@pytest.mark.parametrize("page", [p for p in PAGES if p.stem not in IN_IMAGES], ids=named)
def test_commands_can_be_typed_as_they_stand(page: Path) -> None:
    """`make install` puts meshbot into .venv, and a reader has not activated that."""
    bare = re.findall(r"(?m)(?:^|`)meshbot (?:sandbox|doctor|run|settings|audit)\b.*", text(page))
    assert bare == []
