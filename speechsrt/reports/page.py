"""One HTML page that needs nothing beside itself: no script, no font, no address; pictures are data URIs.

A page is a title, a summary and sections; a section is a heading and parts, each of which writes itself as
HTML. Text arrives as plain text and is escaped here, and here only.
"""

import base64
import os
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Protocol

from speechsrt.reports.files import write_atomically
from speechsrt.reports.style import STYLE
from speechsrt.reports.tables import Row, cell, numeric_columns

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


class Part(Protocol):
    """What stands under a heading."""

    def html(self) -> str:
        """The part as escaped HTML."""
        ...


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str

    def html(self) -> str:
        """The part as escaped HTML."""
        return f"<p>{escape(self.text)}</p>"


@dataclass(frozen=True)
class Grid:
    """A table; columns of numbers are aligned right."""

    columns: Sequence[str]
    rows: Sequence[Row]

    def html(self) -> str:
        """The part as escaped HTML, in a box that scrolls sideways where the screen is narrow."""
        texts = [[cell(value) for value in row] for row in self.rows]
        styles = [
            ' class="number"' if numeric else "" for numeric in numeric_columns(len(self.columns), texts)
        ]
        head = _cells("th", styles, self.columns)
        body = "\n".join(_cells("td", styles, row) for row in texts)
        table = f"<table>\n<thead>\n{head}\n</thead>\n<tbody>\n{body}\n</tbody>\n</table>"
        return f'<div class="scroll">{table}</div>'


@dataclass(frozen=True)
class Picture:
    """A PNG, and the words that stand for it where it is not seen."""

    png: bytes
    alt: str

    def html(self) -> str:
        """The part as HTML, the picture inside it."""
        data = base64.b64encode(self.png).decode("ascii")
        return f'<img alt="{escape(self.alt)}" src="data:image/png;base64,{data}">'


@dataclass(frozen=True)
class Preformatted:
    """Text whose line breaks count; with a `summary`, folded behind it."""

    text: str
    summary: str = ""

    def html(self) -> str:
        """The part as escaped HTML."""
        block = f"<pre>{escape(self.text)}</pre>"
        return (
            f"<details><summary>{escape(self.summary)}</summary>\n{block}\n</details>"
            if self.summary
            else block
        )


@dataclass(frozen=True)
class Aligned:
    """What was said over what was heard, word over word, in lines as long as the screen is wide.

    A pair is its mark (S, D, I, or empty where the word is right), the word said and the word heard.
    """

    caption: str
    pairs: Sequence[tuple[str, str, str]]

    def html(self) -> str:
        """The part as escaped HTML; the script of its first letter tells which way it reads."""
        words = "\n".join(
            f'<span class="pair {mark}"><span>{escape(said)}</span><span>{escape(heard)}</span></span>'
            for mark, said, heard in self.pairs
        )
        caption = f"<figcaption>{escape(self.caption)}</figcaption>"
        return f'<figure>{caption}\n<div class="aligned" dir="auto">\n{words}\n</div></figure>'


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    heading: str
    parts: Sequence[Part]

    def html(self) -> str:
        """The section as escaped HTML."""
        body = "\n".join(part.html() for part in self.parts)
        return f"<section>\n<h2>{escape(self.heading)}</h2>\n{body}\n</section>"


def write_report(
    path: str | os.PathLike[str],
    title: str,
    summary_rows: Sequence[tuple[str, str]],
    sections: Sequence[Section],
) -> None:
    """Write the page; of the (name, value) pairs of the summary the first is its headline.

    Raises:
        OSError: the folder is absent or cannot be written.
    """
    summary = "\n".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in summary_rows
    )
    body = "\n".join(section.html() for section in sections)
    page = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
<dl>
{summary}
</dl>
{body}
</body>
</html>
"""
    # A file name that is no valid Unicode reaches Python as lone surrogates, which UTF-8 refuses.
    write_atomically(path, page.encode("utf-8", "replace"))


def _cells(tag: str, styles: Sequence[str], texts: Sequence[str]) -> str:
    cells = (f"<{tag}{style}>{escape(text)}</{tag}>" for style, text in zip(styles, texts, strict=True))
    return f"<tr>{''.join(cells)}</tr>"
