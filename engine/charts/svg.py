"""The elements of a drawing, with everything escaped that comes from outside."""

from collections.abc import Iterable
from html import escape

Value = str | float | int


def element(name: str, *inside: str, **attributes: Value | None) -> str:
    """Return an element; what is inside is markup, attributes are text. `class_` is class, other underscores are hyphens, None is left out.

    A number is written with at most two decimals.
    """
    written = "".join(f' {_name(key)}="{escape(_text(value))}"' for key, value in attributes.items() if value is not None)
    return f"<{name}{written}>{''.join(inside)}</{name}>" if inside else f"<{name}{written}/>"


def text(said: str, **attributes: Value | None) -> str:
    """Return words at a place."""
    return element("text", escape(said, quote=False), **attributes)


def title(said: str) -> str:
    """Return what shows beside the pointer, and to those who hear the page."""
    return element("title", escape(said, quote=False))


def drawing(ident: str, said: str, described: str, *, height: float, parts: Iterable[str]) -> str:
    """Return a drawing as wide as its place, with a name and a description in words.

    Parameters
    ----------
    ident : str
        Of its own on the page.
    said, described : str
        What it is, and what can be seen in it.
    height : float [px]
        How high it is.
    parts : Iterable[str]
        Elements.
    """
    named = element("title", escape(said, quote=False), id=f"{ident}-title")
    told = element("desc", escape(described, quote=False), id=f"{ident}-desc")
    labels = f"{ident}-title {ident}-desc"
    return element("svg", named, told, *parts, id=ident, class_="chart", role="img", aria_labelledby=labels, width="100%", height=height)


def stretched(*inside: str, width: float, height: float, y: float = 0) -> str:
    """Return a part of a drawing that stretches over the whole width, drawn on `width` by `height`; lines keep their thickness."""
    box = f"0 0 {_text(width)} {_text(height)}"
    return element("svg", *inside, x=0, y=y, width="100%", height=height, viewBox=box, preserveAspectRatio="none")


def percent(share: float) -> str:
    """Return a share of the width."""
    return f"{_text(100 * share)}%"


def _name(key: str) -> str:
    return key if key in {"viewBox", "preserveAspectRatio"} else key.rstrip("_").replace("_", "-")


def _text(value: Value) -> str:
    if not isinstance(value, float):
        return str(value)
    written = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if written == "-0" else written
