"""A chart of what took its time and when, as SVG that needs nothing else to be seen."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

# Pixels. The bars' part is as wide as a second is worth looking at on a screen of 1280.
_ROW, _BAR, _NAMES, _BARS, _TOP, _EDGE = 16, 11, 330, 760, 24, 70
_COLOURS = {
    "milestone": "#6b7280",
    "stage": "#7c3aed",
    "unit": "#2563eb",
    "api": "#059669",
    "page": "#65a30d",
    "check": "#d97706",
    "failed": "#dc2626",
}
_OTHER = "#6b7280"
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600)
_MOST_TICKS = 14


@dataclass(frozen=True)
class Bar:
    """``name`` from ``start`` to ``end``, in seconds; ``start`` None: a moment, ``end``."""

    kind: str
    name: str
    start: float | None
    end: float

    @property
    def begins(self) -> float:
        return self.end if self.start is None else self.start


def draw(bars: Sequence[Bar]) -> str:
    """The SVG element: one row a bar, by its beginning, on an axis of seconds."""
    rows = sorted(bars, key=lambda one: (one.begins, one.end))
    last = max([one.end for one in rows] or [1.0]) or 1.0
    height = _TOP + _ROW * len(rows) + 6
    width = _NAMES + _BARS + _EDGE
    svg = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {width} {height}",
            "width": str(width),
            "height": str(height),
            "font-family": "sans-serif",
            "font-size": "11",
        },
    )

    def at(seconds: float) -> float:
        return round(_NAMES + _BARS * max(seconds, 0.0) / last, 1)

    step = next((each for each in _STEPS if last / each <= _MOST_TICKS), _STEPS[-1])
    for tick in range(int(last / step) + 1):
        x = str(at(tick * step))
        line = {"x1": x, "x2": x, "y1": str(_TOP - 4), "y2": str(height), "stroke": "#e5e7eb"}
        ET.SubElement(svg, "line", line)
        _text(svg, x, _TOP - 8, f"{tick * step:g} s", anchor="middle", fill="#374151")
    for number, one in enumerate(rows):
        _row(svg, one, _TOP + _ROW * number, at(one.begins), at(one.end))
    return ET.tostring(svg, encoding="unicode")


def _row(svg: ET.Element, one: Bar, top: int, left: float, right: float) -> None:
    colour = _COLOURS.get(one.kind, _OTHER)
    middle = top + _BAR - 2
    _text(svg, str(_NAMES - 8), middle, one.name[:52], anchor="end", fill="#111827")
    took = "" if one.start is None else f"{one.end - one.start:.1f} s"
    group = ET.SubElement(svg, "g", {"fill": colour})
    if one.start is None:
        x, y, r = left, top + _BAR / 2, 4
        points = f"{x},{y - r} {x + r},{y} {x},{y + r} {x - r},{y}"
        ET.SubElement(group, "polygon", {"points": points})
    else:
        size = {"x": str(left), "y": str(top), "height": str(_BAR)}
        ET.SubElement(group, "rect", {**size, "width": str(max(round(right - left, 1), 1.5))})
    told = f"{one.kind} {one.name}: at {one.begins:.1f} s" + (f", took {took}" if took else "")
    ET.SubElement(group, "title").text = told
    _text(svg, str(right + 6), middle, took or f"{one.end:.1f}", fill="#4b5563")


def _text(svg: ET.Element, x: str, y: int, words: str, *, anchor: str = "start", fill: str) -> None:
    place = {"x": x, "y": str(y), "text-anchor": anchor, "fill": fill}
    ET.SubElement(svg, "text", place).text = "".join(c for c in words if c.isprintable())
