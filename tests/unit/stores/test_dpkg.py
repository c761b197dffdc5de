"""Which packages a tree has, of dpkg's own database."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from aio_image.errors import HostError
from aio_image.stores.dpkg import installed

_STATUS = """\
Package: gone
Status: deinstall ok config-files
Version: 1

Package: held
Status: hold ok installed
Architecture: amd64
Version: 1:2.0-3+b1
Description: what it is
 Version: none of these

Package: half
Status: install ok half-configured
Version: 4
"""


def test_only_what_is_installed_counts(tmp_path: Path) -> None:
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").write_text(_STATUS)
    assert installed(tmp_path) == {"held": "1:2.0-3+b1"}


def test_it_says_the_same_as_dpkg_does() -> None:
    try:
        said = subprocess.run(
            ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Version}\\n"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    except FileNotFoundError:
        pytest.skip("this host has no dpkg")
    rows = (line.split() for line in said.splitlines())
    assert installed(Path("/")) == {row[1]: row[2] for row in rows if row[0] == "installed"}


def test_a_tree_without_dpkg_is_named(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=f"{tmp_path}/var/lib/dpkg/status"):
        installed(tmp_path)
