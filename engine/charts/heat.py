"""A heat map: a value for each pair of two parameters, in colour and in figures."""

from collections.abc import Sequence

import numpy as np

from engine.arrays import Floats
from engine.charts import svg
from engine.charts.lines import Caption

_ROW, _HEAD, _NAMED = 30, 26, 0.16
LOSS, NEITHER, GAIN = (0xB3, 0x4A, 0x00), (0xF4, 0xF1, 0xEA), (0x00, 0x5A, 0x9C)
"""Orange, pale and blue, which differ to every kind of colour-blindness, and in lightness as well."""


def heat_map(
    caption: Caption, values: Floats, *, rows: Sequence[str], columns: Sequence[str], best: tuple[int, int] | None = None, form: str = "{:.2f}"
) -> str:
    """Return a table of coloured cells, each with its value.

    Parameters
    ----------
    caption : Caption
        Names and unit.
    values : (R, C) float64
        nan: no such trial, or not defined.
    rows, columns : Sequence[str]
        The values of the two parameters.
    best : tuple[int, int] | None
        Row and column of the cell with a frame and a star.
    form : str
        How a value is written.
    """
    known = np.abs(values[np.isfinite(values)])
    scale = float(known.max()) if known.size and known.max() > 0 else 1.0
    width = (1 - _NAMED) / max(len(columns), 1)
    middles = [svg.percent(_NAMED + (k + 0.5) * width) for k in range(len(columns))]
    parts = [svg.text(name, class_="tick", x=x, y=_HEAD - 9, text_anchor="middle") for name, x in zip(columns, middles, strict=True)]
    for r, name in enumerate(rows):
        parts.append(svg.text(name, class_="tick", x=svg.percent(_NAMED - 0.015), y=_HEAD + r * _ROW + 19, text_anchor="end"))
        for c, column in enumerate(columns):
            said = form.format(values[r, c]) if np.isfinite(values[r, c]) else "–"
            place = (_NAMED + c * width, float(_HEAD + r * _ROW), width)
            parts += _cell(said, f"{name}, {column}: {said} {caption.unit}", place, share=float(values[r, c]) / scale, is_best=(r, c) == best)
    return svg.drawing(caption.ident, caption.title, caption.description, height=_HEAD + _ROW * len(rows), parts=parts)


def legend(ident: str, largest: float, unit: str, *, form: str = "{:.3g}") -> str:
    """Return what the colours stand for: from the largest loss over 0 to the largest gain, written in a form."""
    shares = (-1.0, -0.5, 0.0, 0.5, 1.0)
    width = 1 / len(shares)
    parts: list[str] = []
    for k, share in enumerate(shares):
        said = ("+" if share > 0 else "") + form.format(share * largest) if share else "0"
        parts += _cell(said, f"{said} {unit}", (k * width, 0.0, width), share=share, is_best=False)
    return svg.drawing(ident, "Legend", f"Colours from a loss of {form.format(largest)} {unit} to a gain of as much.", height=_ROW, parts=parts)


def colour(share: float) -> tuple[int, int, int]:
    """Return the colour of a value as a share of the largest, from -1 to 1."""
    end, weight = (GAIN if share > 0 else LOSS), min(abs(share), 1.0)
    red, green, blue = (round(a + weight * (b - a)) for a, b in zip(NEITHER, end, strict=True))
    return red, green, blue


def contrast(first: tuple[int, int, int], second: tuple[int, int, int]) -> float:
    """Return the contrast ratio of two colours, from 1 to 21.

    References
    ----------
    WCAG 2.2, relative luminance and contrast ratio (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio).
    """
    dark, light = sorted((_luminance(first), _luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour_: tuple[int, int, int]) -> float:
    linear = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour_]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _cell(said: str, told: str, place: tuple[float, float, float], *, share: float, is_best: bool) -> list[str]:
    left, top, width = place
    missing = not np.isfinite(share)
    ground = colour(share) if not missing else NEITHER
    ink = "#fff" if contrast(ground, (255, 255, 255)) > contrast(ground, (0, 0, 0)) else "#000"
    style = "cell best" if is_best else "cell"
    box: dict[str, svg.Value] = {"x": svg.percent(left), "width": svg.percent(width), "y": top, "height": _ROW}
    middle: dict[str, svg.Value] = {"x": svg.percent(left + width / 2), "y": top + 19, "text_anchor": "middle"}
    if missing:
        return [svg.element("rect", svg.title(told), class_="cell missing", fill="none", **box), svg.text(said, class_="tick", **middle)]
    filled = svg.element("rect", svg.title(told), class_=style, fill="#{:02x}{:02x}{:02x}".format(*ground), **box)
    return [filled, svg.text(f"{said} ★" if is_best else said, class_="cell-text", fill=ink, **middle)]
