"""Choosing a mirror of RPMs, against a real HTTP server on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from aio_image.errors import MirrorError
from aio_image.sources.mirrors import choose
from aio_image.sources.rpm_mirror import RpmMirror, mirror_of
from aio_image.systems import load
from tests.unit.sources.test_debian_mirror import server

CENTOS = load("centos")
TEN = CENTOS.releases["10"]


def index(folder: Path, repository: str) -> None:
    where = folder / f"10-stream/{repository}/x86_64/os/repodata"
    where.mkdir(parents=True)
    (where / "repomd.xml").write_text("<repomd/>")


def test_the_profiles_mirror_serves_every_repository(tmp_path: Path) -> None:
    index(tmp_path, "BaseOS")
    index(tmp_path, "AppStream")
    with server(tmp_path) as url:
        found = choose(CENTOS, TEN, f"{url}/", "amd64")
    assert isinstance(found, RpmMirror)
    assert (found.uri, found.origin) == (url, "the profile's mirrors.centos")
    assert found.as_repo(TEN.title).startswith(
        f"[baseos]\nname=CentOS Stream 10 baseos\nbaseurl={url}/10-stream/BaseOS/x86_64/os\n"
    )


def test_what_a_mirror_lacks_is_named(tmp_path: Path) -> None:
    index(tmp_path, "BaseOS")
    with server(tmp_path) as url, pytest.raises(MirrorError) as caught:
        choose(CENTOS, TEN, url, "amd64")
    assert caught.value.message == "no CentOS Stream mirror serves CentOS Stream 10"
    assert caught.value.details == (
        f"{url}/10-stream/AppStream/x86_64/os (from the profile's mirrors.centos): HTTP 404",
    )
    assert "mirrors: {centos: URL}" in caught.value.hint


def test_a_mirror_that_is_not_there() -> None:
    with pytest.raises(MirrorError) as caught:
        choose(CENTOS, TEN, "http://127.0.0.1:9", "amd64")
    assert all("no connection" in line for line in caught.value.details)
    with pytest.raises(MirrorError) as caught:
        choose(CENTOS, TEN, "file:///srv/centos", "amd64")
    assert all("inside the root no folder is seen" in line for line in caught.value.details)


def test_without_one_it_is_where_it_is_published() -> None:
    assert mirror_of(CENTOS, TEN).uri == CENTOS.archive.main
    assert mirror_of(CENTOS, TEN).origin == "where CentOS Stream is published"
