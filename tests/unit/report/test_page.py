"""The report as a page: whole in one file, whatever names and details hold."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

from aio_image.report.chart import Bar, draw
from aio_image.report.events import CheckFinished
from aio_image.report.page import write_page

SVG = "{http://www.w3.org/2000/svg}"
BARS = [
    Bar("api", "keystone", None, 30.0),
    Bar("unit", "mariadb.service", 10.0, 20.0),
    Bar("stage", "address", 5.0, 5.2),
]


def test_rows_are_by_their_beginning_and_to_scale() -> None:
    svg = ET.fromstring(draw(BARS))
    titles = [each.text for each in svg.iter(f"{SVG}title")]
    assert titles == [
        "stage address: at 5.0 s, took 0.2 s",
        "unit mariadb.service: at 10.0 s, took 10.0 s",
        "api keystone: at 30.0 s",
    ]
    stage, unit = svg.iter(f"{SVG}rect")
    assert float(unit.attrib["width"]) == 760 / 3 or abs(float(unit.attrib["width"]) - 253.3) < 0.2
    assert float(unit.attrib["x"]) > float(stage.attrib["x"]) > 330
    axis = [each.text for each in svg.iter(f"{SVG}text") if (each.text or "").endswith("0 s")]
    assert "0 s" in axis
    assert "30 s" in axis


def test_an_empty_chart_is_one() -> None:
    assert ET.fromstring(draw([])).tag == f"{SVG}svg"


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "link", "img", "iframe") or any(
            name in ("src", "href") for name, _ in attrs
        ):
            self.loads.append(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_is_whole_and_safe(tmp_path: Path) -> None:
    checks = [
        CheckFinished("tls", "ok", 1.5, "TLSv1.3"),
        CheckFinished("x", "failed", 75.0, "<script>alert(1)</script>\x1b[0m & more", "look there"),
    ]
    path = tmp_path / "new" / "report.html"
    write_page(path, "test <a>", checks, {"image": "x.qcow2", "cpus": 2}, BARS)
    text = path.read_text(encoding="utf-8")
    reader = Reader()
    reader.feed(text)
    assert reader.loads == []
    shown = " ".join(reader.text)
    assert "test <a>: failed" in shown
    assert "<script>alert(1)</script> [0m & more" in shown
    assert "look there" in shown
    assert "mariadb.service" in shown
    svg = text[text.index("<svg") : text.index("</svg>") + 6]
    assert ET.fromstring(svg).tag == f"{SVG}svg"
