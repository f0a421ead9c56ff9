"""What the documents tell people to type, held to what there is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from bot.cli.arguments import build_parser
from tests.deploy.test_manifests import (
    COMPONENTS,
    DEPLOY,
    HOME,
    OVERLAYS,
    built,
    needs_kubectl,
    only,
)

DOCUMENTS = sorted((HOME / "docs").glob("*.md"))
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def blocks(document: Path) -> list[tuple[str, str]]:
    """Language and text of each code block, with its indentation taken off."""
    found = BLOCK.findall(document.read_text())
    return [
        (kind, re.sub(rf"^{indent}", "", text, flags=re.MULTILINE)) for indent, kind, text in found
    ]


@pytest.mark.parametrize(
    "document", [*DOCUMENTS, HOME / "README.md"], ids=lambda path: str(path.name)
)
def test_links_lead_somewhere(document: Path) -> None:
    """Files exist, and so do the headings that a link jumps to."""
    for target, heading in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", document.read_text()):
        file = (document.parent / target).resolve() if target else document
        assert file.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
            assert heading in {
                re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles
            }


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_of_the_bot_are_understood(document: Path) -> None:
    """Each `meshbot …` that is told parses."""
    text = document.read_text()
    told = {
        line
        for line in re.findall(r"(?:^|[/ `])(meshbot (?:run|doctor|settings|sandbox)[^`\n]*)", text)
    }
    for line in told:
        words = shlex.split(line.split(" > ")[0])[1:]
        assert build_parser().parse_args([word for word in words if word != "…"]).verb == words[0]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_and_parts_exist(document: Path) -> None:
    """Scripts, overlays and components that are named in code."""
    text = document.read_text()
    assert {name for name in re.findall(r"\boverlays/([\w-]+)", text)} <= {*OVERLAYS}
    assert {name for name in re.findall(r"`components/([\w-]+)", text)} <= {*COMPONENTS}
    for path in re.findall(r"(?<![\w/])scripts/[\w-]+(?:\.\w+)?", text):
        assert (HOME / path).is_file(), path


def test_secrets_have_the_names_that_the_manifests_ask_for() -> None:
    """Created in the document as the Deployment refers to them, key by key."""
    text = (HOME / "docs" / "deploy.md").read_text()
    made = set(re.findall(r"create secret generic ([\w-]+)", text))
    manifests = [file.read_text() for file in DEPLOY.rglob("deployment.yaml")]
    asked = {
        name
        for file in manifests
        for name in re.findall(r"(?:secretRef|secretKeyRef):\s+name: ([\w-]+)", file)
    }
    assert made == asked
    assert "--from-file url=" in text
    assert any("key: url" in file for file in manifests)


@needs_kubectl
def test_the_overlay_of_ones_own_builds_as_it_is_told(tmp_path: Path) -> None:
    """The two files as they stand there: another image, other settings, and a new name for these in
    the pod."""
    (tmp_path / "manifests").symlink_to(DEPLOY.parent)
    for kind, text in blocks(HOME / "docs" / "deploy.md"):
        if kind == "yaml":
            file = tmp_path / text.splitlines()[0].removeprefix("# ")
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
    objects = built(tmp_path / "my-workshop")
    pod = only(objects, "Deployment")["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "registry.example.org/meshbot:0.1.0"
    name = next(
        volume["configMap"]["name"] for volume in pod["volumes"] if volume["name"] == "settings"
    )
    assert "U012AB3CD" in only(objects, "ConfigMap", name)["data"]["meshbot.yaml"]
