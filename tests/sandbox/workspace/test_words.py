"""The page's own words by language: each that is said has its translation, and none is left over."""

from __future__ import annotations

import json
import re
from html import unescape
from importlib.resources import files
from pathlib import Path

import aiohttp
import pytest

from sandbox.workspace import Workspace
from sandbox.workspace.page.page_actions import SENTENCES
from sandbox.workspace.words import LOCALES, Words

PAGE = Path(__file__).parents[3] / "sandbox/workspace/page"
LANGUAGES = sorted(
    file.name.removesuffix(".yaml")
    for file in files(LOCALES).iterdir()
    if file.name.endswith(".yaml")
)


def list_said() -> set[str]:
    """Everything that the page says by itself, in English."""
    static = [path.read_text(encoding="utf-8") for path in (PAGE / "static").iterdir()]
    marked = {found for text in static for found in re.findall(r"\{\{(.+?)\}\}", text)}
    scripts = {found for text in static for found in re.findall(r"\bsay\(\"([^\"]+)\"\)", text)}
    source = (PAGE / "renderer.py").read_text(encoding="utf-8")
    source = re.sub(r"\(\s+", "(", source)
    called = re.findall(r"(?:\bsay|words)\(([^()]*)\)", source)
    written = {text for call in called for text in re.findall(r"[\"']([^\"']{2,})[\"']", call)}
    return marked | scripts | written | {text for text in SENTENCES.values() if text}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_has_a_translation(language: str) -> None:
    """And the file has no others."""
    assert set(Words(language).table) == list_said()


def test_a_language_without_a_file_is_english() -> None:
    """The page opens all the same."""
    assert Words("xx")("Send") == "Send"


async def test_the_page_speaks_the_language_of_the_bot() -> None:
    """Its document, what its scripts say, and the language that screen readers are told."""
    workspace = Workspace(language="es")
    await workspace.start()
    try:
        async with aiohttp.ClientSession() as session, session.get(workspace.page_url) as answer:
            page = unescape(await answer.text())
    finally:
        await workspace.stop()
    assert '<html lang="es">' in page
    assert 'aria-label="Enviar"' in page
    assert ">Averías<" in page
    assert "{{" not in page
    words = json.loads(re.search(r"data-words=\"(\{.*?\})\"", page)[1])  # type: ignore[index]
    assert words["Message to"] == "Mensaje para"
