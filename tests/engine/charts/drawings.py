"""What tests read of a drawing: its elements, parsed as XML."""

import re
from xml.etree import ElementTree as ET

Element = ET.Element


def parsed(drawing: str) -> Element:
    """Return the root of a drawing, which has to be well formed."""
    return ET.fromstring(drawing)


def styled(drawing: str, style: str) -> list[Element]:
    """Return the elements of a class, in order."""
    return [found for found in parsed(drawing).iter() if style in (found.get("class") or "").split()]


def words(drawing: str) -> list[str]:
    """Return every text of a drawing, in order."""
    return ["".join(found.itertext()) for found in parsed(drawing).iter("text")]


def points(path: Element) -> list[tuple[float, float]]:
    """Return the places that a path of lines passes."""
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", path.get("d") or "")]


def share(place: str | None) -> float:
    """Return a percentage as a share."""
    assert place is not None
    assert place.endswith("%")
    return float(place[:-1]) / 100
