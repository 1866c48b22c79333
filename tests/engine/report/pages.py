"""What tests read of a page: its tags, its text, its tables."""

from html.parser import HTMLParser

import polars as pl

from engine.report import render
from engine.result import TABLES, Result

HOSTILE = '<script>alert("1")</script> & </title>'
VOID = {"meta", "br", "hr", "wbr"}


class Page(HTMLParser):
    """What a browser would see: tags with their attributes, the text, rows of tables, and what was left open."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.rows: list[list[str]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data

    @property
    def names(self) -> list[str]:
        """The names of all tags, in order."""
        return [tag for tag, _ in self.tags]

    def of(self, attribute: str) -> list[str]:
        """Return every value of an attribute."""
        return [value or "" for _, attributes in self.tags for name, value in attributes.items() if name == attribute]

    def row(self, first: str) -> list[str]:
        """Return the first row that begins so, without the first."""
        return next(row[1:] for row in self.rows if row and row[0] == first)


def rendered(result: Result, *, tables: dict[str, pl.DataFrame] | None = None, manifest: dict[str, object] | None = None, **summary: object) -> str:
    """Return the page of a result with parts of it replaced."""
    whole = {name: getattr(result, name) for name in TABLES}
    return render({**result.summary, **summary}, {**result.manifest, **(manifest or {})}, {**whole, **(tables or {})})
