"""Documents as Markdown and as HTML: strangers' words stay words."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import NamedTuple

import pytest

from bot.documents import Document, Section
from bot.language import ENGLISH
from bot.steps import mark_person
from bot.text import Text, verbatim
from bot.view.document_files import DocumentWriter, render_html, render_markdown

EVIL = '<script>alert(1)</script> | a\nb \\| "x" &amp; <img src=x onerror=1>'
NAMES = {"U0ALICE": "Alice <b>"}


class Shown(NamedTuple):
    """A picture."""

    title: str
    words: str
    png: bytes


def document(words: Text) -> Document:
    """A document that says this everywhere."""
    section = Section(words, (words,), (words, words), ((words, words),))
    return Document("x", words, (words,), (section,), pictures=words)


class Reader(HTMLParser):
    """Collects what a browser would find."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.said = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.said += data


def test_html_runs_nothing_and_loads_nothing() -> None:
    """Whatever people typed: no element, no attribute and no address of theirs."""
    writer = DocumentWriter(ENGLISH, {})
    picture = Shown(EVIL, EVIL, b"png")
    html = render_html(writer, document(verbatim(EVIL)), [picture], language="en")
    reader = Reader()
    reader.feed(html)
    assert not {"script", "iframe", "object", "link"} & set(reader.tags)
    assert reader.tags.count("img") == 1
    assert not [name for name, _ in reader.attributes if name.startswith("on")]
    sources = [value for name, value in reader.attributes if name in ("src", "href")]
    assert sources == ["data:image/png;base64,cG5n"]
    assert "<script>alert(1)</script>" in reader.said


def test_a_table_of_markdown_keeps_its_columns() -> None:
    """Marks in a cell are escaped, and it has one line."""
    markdown = render_markdown(DocumentWriter(ENGLISH, {}), document(verbatim(EVIL)), [])
    rows = [line for line in markdown.splitlines() if line.startswith("| ")]
    assert len(rows) == 3
    assert {row.replace("\\\\", "").replace("\\|", "").count("|") for row in rows} == {3}
    assert "<script" not in markdown


@pytest.mark.parametrize(("names", "said"), [(NAMES, "Alice <b>"), ({}, "U0ALICE")])
def test_people_have_names(names: dict[str, str], said: str) -> None:
    """Where Slack tells them; a mention would be mere text in a file."""
    writer = DocumentWriter(ENGLISH, names)
    assert writer.write(Text("by {person}", person=mark_person("U0ALICE"))) == f"by {said}"


def test_what_stands_between_backticks_is_code() -> None:
    """In HTML; Markdown has them as they are."""
    writer = DocumentWriter(ENGLISH, {})
    assert writer.write_html(verbatim("type `a <b>`")) == "type <code>a &lt;b&gt;</code>"
