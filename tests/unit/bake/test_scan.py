"""The scanner finds canaries wherever their bytes are, and nothing that is none."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from aio_image.bake.canary import PREFIX, canary
from aio_image.bake.scan import Finding, scan_file, scan_layers

VALUE = canary("0123456789abcdef", "glance_service_password", 40)


def test_text_gzip_link_and_name(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/glance.conf").write_text(f"password = {VALUE}\nagain = {VALUE}\n")
    with gzip.open(tmp_path / "etc/packed.gz", "wb") as packed:
        packed.write(b"a" * (3 << 20) + VALUE.encode() + b"=" * 1000)
    (tmp_path / "link").symlink_to(f"/somewhere/{VALUE}")
    (tmp_path / "empty").touch()
    found = sorted(scan_layers(tmp_path, [tmp_path]), key=lambda each: (each.path, each.offset))
    assert found == [
        Finding("/etc/glance.conf", 11, VALUE),
        Finding("/etc/glance.conf", 60, VALUE),
        Finding("/etc/packed.gz", 3 << 20, VALUE),
        Finding("/link", 11, VALUE),
    ]


def test_code_that_speaks_of_canaries_holds_none(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text(f'PREFIX = "{PREFIX}"\nkind = "{PREFIX}Findings of old"\n')
    assert list(scan_layers(tmp_path, [tmp_path])) == []


@given(before=st.integers(0, 300), after=st.integers(0, 300), length=st.sampled_from([32, 40, 61]))
def test_any_place_in_a_raw_disk(
    tmp_path_factory: object, before: int, after: int, length: int
) -> None:
    disk = tmp_path_factory.mktemp("disk") / "raw"  # type: ignore[attr-defined]
    value = canary("fedcba9876543210", "x", length)
    # A neighbour that base32 could spell too must not hide it or move it.
    disk.write_bytes(b"\0" * before + value.encode() + b"=" * after)
    assert list(scan_file(disk)) == [Finding(str(disk), before, value)]


@given(cut=st.integers(0, 80))
def test_gzip_blocks_hide_nothing_at_their_borders(tmp_path_factory: object, cut: int) -> None:
    path = tmp_path_factory.mktemp("packed") / "log.gz"  # type: ignore[attr-defined]
    # Stored, not packed: then a border of the scanner's blocks is where we put it.
    header = len(gzip.compress(b"", 0)) - 8 + 5 * 17
    before = (1 << 20) - header - cut
    path.write_bytes(gzip.compress(b"-" * before + VALUE.encode() + b"-" * 500, 0))
    unpacked = {each for each in scan_file(path) if each.offset == before}
    assert unpacked == {Finding(str(path), before, VALUE)}


def test_a_broken_gzip_is_searched_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = gzip.compress(VALUE.encode() + os.urandom(5000))
    (tmp_path / "cut.gz").write_bytes(whole[:-2000])
    (tmp_path / "none.gz").write_bytes(b"\x1f\x8b\x08 not gzip at all " + VALUE.encode())
    assert {each.path for each in scan_layers(tmp_path, [tmp_path])} == {"/cut.gz", "/none.gz"}


def test_layers_are_seen_as_the_merged_tree_shows_them(tmp_path: Path) -> None:
    merged, low, high = (tmp_path / name for name in ("merged", "low", "high"))
    for folder in (merged, low, high):
        folder.mkdir()
    for name in ("gone", "replaced", "kept"):
        (low / name).write_text(VALUE)
    (high / "replaced").write_text("new")
    (merged / "kept").write_text(VALUE)
    (merged / "replaced").write_text("new")
    (merged / "of the root").write_text(VALUE)
    assert [each.path for each in scan_layers(merged, [low, high])] == ["/kept"]


def test_no_link_leads_the_scan_out_of_the_tree(tmp_path: Path) -> None:
    merged, layer, outside = (tmp_path / name for name in ("merged", "layer", "outside"))
    for folder in (merged, layer / "var", outside):
        folder.mkdir(parents=True)
    (layer / "var/secret").write_text("x")
    (outside / "secret").write_text(VALUE)
    (merged / "var").symlink_to(outside)
    assert list(scan_layers(merged, [layer])) == []


def test_what_a_file_of_several_names_holds_is_told_of_each(tmp_path: Path) -> None:
    (tmp_path / "one").write_text(f"={VALUE}")
    (tmp_path / "two").hardlink_to(tmp_path / "one")
    found = list(scan_layers(tmp_path, [tmp_path]))
    assert found == [Finding("/one", 1, VALUE), Finding("/two", 1, VALUE)]
