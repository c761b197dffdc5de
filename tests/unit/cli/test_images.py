"""An image without its manifest is booted as the default profile's, and that is said."""

from __future__ import annotations

from pathlib import Path

from aio_image.cli.images import offer_of, tell_guess
from aio_image.report.events import Event, Events, Notice


def test_an_image_without_its_manifest_is_told(tmp_path: Path) -> None:
    image = tmp_path / "cloud.qcow2"
    image.write_text("any")
    seen: list[Event] = []
    tell_guess(image, Events(seen.append))
    (notice,) = seen
    assert isinstance(notice, Notice)
    assert notice.level == "warning"
    assert "cloud.manifest.json is not there" in notice.text
    assert "debian-aio" in notice.text
    assert offer_of(image) == offer_of(None)


def test_one_with_its_manifest_is_not(tmp_path: Path) -> None:
    image = tmp_path / "cloud.qcow2"
    (tmp_path / "cloud.manifest.json").write_text("{}")
    seen: list[Event] = []
    tell_guess(image, Events(seen.append))
    assert not seen
