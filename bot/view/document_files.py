"""Documents as files: Markdown, and one HTML file that needs nothing else and runs nothing."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape as escape_html
from typing import Protocol

from bot.documents import Document, Section
from bot.language.localizer import Localizer
from bot.text import Text, show_hidden
from bot.view.blocks import PERSON

STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2rem}"
    "table{border-collapse:collapse;width:100%;font-size:.9rem}"
    "th,td{border:1px solid #8888;padding:.35rem .5rem;text-align:left;vertical-align:top;"
    "overflow-wrap:break-word}"
    "th{background:#8882}code{font-family:ui-monospace,monospace}"
    "figure{margin:1rem 0}img{max-width:100%;height:auto;background:#fff}"
)
CODE = re.compile("`([^`]+)`")
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""What the HTML file may load: nothing but what stands in it."""


class PagePicture(Protocol):
    """A picture as it is shown in a document."""

    @property
    def title(self) -> str:
        """Its title."""
        ...

    @property
    def words(self) -> str:
        """What it shows, in words."""
        ...

    @property
    def png(self) -> bytes:
        """Its file."""
        ...


class DocumentWriter:
    """Writes the sentences of documents in one language, with people by their names."""

    def __init__(self, say: Localizer, names: Mapping[str, str]) -> None:
        self._say, self._names = say, names

    def write(self, text: Text) -> str:
        """Return a sentence as plain text in one line."""
        said = PERSON.sub(lambda found: self._names.get(found[1], found[1]), self._say(text))
        return " ".join(show_hidden(said).split())

    def write_html(self, text: Text) -> str:
        """Return a sentence in HTML, with what stands between backticks as code."""
        return CODE.sub(r"<code>\1</code>", escape_html(self.write(text)))

    def write_cell(self, text: Text) -> str:
        """Return a sentence for a table of Markdown, whose marks are its own."""
        said = escape_html(self.write(text), quote=False)
        return said.replace("\\", "\\\\").replace("|", "\\|")


def render_markdown(
    writer: DocumentWriter, document: Document, pictures: Sequence[PagePicture]
) -> str:
    """Return a document in Markdown; pictures are named, for they are files of their own."""
    lines = [f"# {writer.write_cell(document.title)}", ""]
    lines += [f"{writer.write_cell(each)}  " for each in document.intro]
    for section in document.sections:
        lines += ["", f"## {writer.write_cell(section.title)}", ""]
        lines += [f"- {writer.write_cell(each)}" for each in section.lines]
        if section.columns:
            lines += [write_row(map(writer.write_cell, section.columns))]
            lines += [write_row("---" for _ in section.columns)]
            lines += [write_row(map(writer.write_cell, row)) for row in section.rows]
    if pictures:
        lines += ["", f"## {writer.write_cell(document.pictures)}", ""]
        lines += [f"- {escape_html(each.title, quote=False)}" for each in pictures]
    return "\n".join([*lines, ""])


def write_row(cells: Iterable[str]) -> str:
    """Return a row of a table of Markdown."""
    return f"| {' | '.join(cells)} |"


def render_html(
    writer: DocumentWriter, document: Document, pictures: Sequence[PagePicture], *, language: str
) -> str:
    """Return a document as one HTML file with its pictures in it."""
    title = escape_html(writer.write(document.title))
    parts = [
        f'<!doctype html><html lang="{escape_html(language)}"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{title}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1>",
        *(f"<p>{writer.write_html(each)}</p>" for each in document.intro),
        *(render_section(writer, section) for section in document.sections),
    ]
    if pictures:
        parts.append(f"<h2>{writer.write_html(document.pictures)}</h2>")
        parts += [render_figure(each) for each in pictures]
    return "\n".join([*parts, "</main></body></html>", ""])


def render_section(writer: DocumentWriter, section: Section) -> str:
    """Return a section with its sentences and its table."""
    write = writer.write_html
    shown = [f"<h2>{write(section.title)}</h2>", *(f"<p>{write(x)}</p>" for x in section.lines)]
    if section.columns:
        head = "".join(f'<th scope="col">{write(x)}</th>' for x in section.columns)
        rows = ("".join(f"<td>{write(cell)}</td>" for cell in row) for row in section.rows)
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        shown.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
    return "\n".join(shown)


def render_figure(picture: PagePicture) -> str:
    """Return a picture with its title; its words are for those who do not see it."""
    data = b64encode(picture.png).decode()
    title, words = escape_html(picture.title), escape_html(picture.words)
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="{words}">'
        f"<figcaption>{title}</figcaption></figure>"
    )
