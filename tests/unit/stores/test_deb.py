"""What a package says of itself is what dpkg-deb says, whatever it is packed with."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aio_image.stores.deb import NotADeb, control

pytestmark = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="needs dpkg")

CONTROL = """\
Package: nova-tool
Version: 1:2.0-1~x
Architecture: all
Maintainer: Nobody <nobody@example.com>
Description: a tool
 Version: 9
 .
 Package: other
"""


def built(folder: Path, *how: str, text: str = CONTROL) -> Path:
    tree = folder / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN").chmod(0o755)
    (tree / "DEBIAN/control").write_text(text)
    # One that comes first, and of an odd size.
    (tree / "DEBIAN/conffiles").write_text("")
    made = folder / "made.deb"
    subprocess.run(["dpkg-deb", *how, "--build", tree, made], check=True, capture_output=True)
    return made


@pytest.mark.parametrize("packed", ["xz", "gzip", "none", "zstd"])
def test_it_is_what_dpkg_says(tmp_path: Path, packed: str) -> None:
    path = built(tmp_path, f"-Z{packed}", "--uniform-compression")
    shown = subprocess.run(
        ["dpkg-deb", "--field", path, "Package", "Version", "Architecture"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert control(path) == dict(line.split(": ", 1) for line in shown.splitlines())


def test_a_file_that_ends_too_early(tmp_path: Path) -> None:
    path = built(tmp_path)
    path.write_bytes(path.read_bytes()[:140])
    with pytest.raises(NotADeb, match="ends in the middle of its control archive"):
        control(path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("whole"))


@settings(deadline=None)
@given(data=st.data())
def test_damage_is_an_error_of_its_own_kind(whole: Path, data: st.DataObject) -> None:
    content = bytearray(whole.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = whole.with_name("damaged.deb")
    path.write_bytes(content)
    try:
        found = control(path)
    except NotADeb:
        return
    assert set(found) == {"Package", "Version", "Architecture"}
