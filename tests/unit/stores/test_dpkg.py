"""Which packages a tree has, of dpkg's own database."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from aio_image.errors import HostError
from aio_image.stores.dpkg import Package, installed, package_list

_STATUS = """\
Package: gone
Status: deinstall ok config-files
Version: 1

Package: held
Status: hold ok installed
Architecture: amd64
Version: 1:2.0-3+b1
Installed-Size: 12
Description: what it is
 Version: none of these

Package: empty
Status: install ok installed
Version: 3

Package: half
Status: install ok half-configured
Version: 4
"""


def test_only_what_is_installed_counts(tmp_path: Path) -> None:
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").write_text(_STATUS)
    assert installed(tmp_path) == [Package("empty", "3", 0), Package("held", "1:2.0-3+b1", 12)]
    assert package_list(tmp_path) == "empty 3 0\nheld 1:2.0-3+b1 12\n"


def test_it_says_the_same_as_dpkg_does() -> None:
    row = "${db:Status-Status} ${Package} ${Version} ${Installed-Size}\\n"
    try:
        said = subprocess.run(
            ["dpkg-query", "-W", "-f", row],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    except FileNotFoundError:
        pytest.skip("this host has no dpkg")
    rows = [line.split() for line in said.splitlines() if line.startswith("installed ")]
    assert installed(Path("/")) == sorted(
        Package(name, version, int(*size)) for _, name, version, *size in rows
    )


def test_a_tree_without_dpkg_is_named(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=f"{tmp_path}/var/lib/dpkg/status"):
        installed(tmp_path)
