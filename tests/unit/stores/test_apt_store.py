"""The apt repository of an image: real packages, and a real apt that has nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from aio_image.errors import AioError, MirrorError
from aio_image.stores.apt import choose, make_repository, read_debs, sources
from aio_image.stores.sets import MANIFEST, StoredSet, damaged

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("dpkg-deb", "dpkg-scanpackages", "apt-get"))),
    reason="needs dpkg-dev and apt",
)


def deb(folder: Path, name: str, version: str, *, depends: str = "", body: str = "") -> Path:
    """A real package with one file, of 2024-02-03 whenever it is made."""
    tree = folder / f"tree-{name}-{version}"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN").chmod(0o755)
    (tree / "usr/share").mkdir(parents=True)
    (tree / "usr/share" / name).write_text(body or f"{name} {version}\n")
    needs = f"Depends: {depends}\n" if depends else ""
    (tree / "DEBIAN/control").write_text(
        f"Package: {name}\nVersion: {version}\nArchitecture: all\n{needs}"
        f"Maintainer: Nobody <nobody@example.com>\nDescription: {name}\n more of it\n"
    )
    made = folder / f"{name}-{version.replace(':', '_')}.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "--build", tree, made],
        check=True,
        capture_output=True,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1706918400"},
    )
    shutil.rmtree(tree)
    return made


@pytest.fixture
def debs(tmp_path: Path) -> Path:
    folder = tmp_path / "archives"
    folder.mkdir()
    deb(folder, "nova-tool", "1:2.0-1", depends="nova-lib (>= 1.5)")
    deb(folder, "nova-lib", "1.5")
    deb(folder, "nova-lib", "1.4")
    return folder


@pytest.fixture
def stored(debs: Path, tmp_path: Path) -> StoredSet:
    return make_repository(read_debs([debs]), tmp_path / "store")


class Apt:
    """A real apt-get whose whole world is a folder and one repository."""

    def __init__(self, folder: Path, repository: Path) -> None:
        self.folder = folder
        for name in ("etc/apt/sources.list.d", "state/lists/partial", "cache/archives/partial"):
            (folder / name).mkdir(parents=True)
        (folder / "etc/apt/sources.list.d/aio.sources").write_text(sources(repository))
        for name in ("status", "empty.conf"):
            (folder / name).touch()

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        # No proxy could help it: a network is nothing it is told of.
        options = {
            "Dir::Etc": self.folder / "etc/apt",
            "Dir::State": self.folder / "state",
            "Dir::State::status": self.folder / "status",
            "Dir::Cache": self.folder / "cache",
            "Dir::Log": self.folder / "log",
            "Debug::NoLocking": "1",
            "APT::Sandbox::User": "",
            "APT::Install-Recommends": "false",
        }
        given = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        return subprocess.run(
            ["apt-get", *given, *words],
            cwd=self.folder,
            env={**os.environ, "APT_CONFIG": str(self.folder / "empty.conf"), "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
        )


def test_apt_installs_from_it(stored: StoredSet, tmp_path: Path) -> None:
    apt = Apt(tmp_path / "apt", stored.folder)
    updated = apt.run("update")
    assert updated.returncode == 0, updated.stderr
    assert "W:" not in updated.stderr + updated.stdout
    planned = apt.run("install", "--simulate", "nova-tool")
    assert planned.returncode == 0, planned.stderr
    done = [line.split()[1:3] for line in planned.stdout.splitlines() if line.startswith("Inst")]
    assert sorted(done) == [["nova-lib", "(1.5"], ["nova-tool", "(1:2.0-1"]]
    # The package itself passes apt's comparison with the index.
    fetched = apt.run("download", "nova-tool")
    assert fetched.returncode == 0, fetched.stderr
    assert len(list(apt.folder.glob("nova-tool_*.deb"))) == 1
    again = apt.run("update")
    assert again.returncode == 0, again.stderr


def test_apt_refuses_a_package_that_was_changed(stored: StoredSet, tmp_path: Path) -> None:
    apt = Apt(tmp_path / "apt", stored.folder)
    assert apt.run("update").returncode == 0
    (held,) = [each for each in stored.files if each.name == "nova-tool:all"]
    changed = stored.folder / held.file
    changed.unlink()
    changed.write_bytes(b"x" * held.size)
    assert apt.run("download", "nova-tool").returncode != 0
    assert damaged(stored) == [f"{held.file}: is not what the manifest says"]


def test_the_manifest_says_what_is_in_it(stored: StoredSet) -> None:
    assert [(each.name, each.version) for each in stored.files] == [
        ("nova-lib:all", "1.4"),
        ("nova-lib:all", "1.5"),
        ("nova-tool:all", "1:2.0-1"),
    ]
    told = json.loads((stored.folder / MANIFEST).read_text())
    assert (told["format"], told["kind"], len(told["files"])) == (1, "apt", 3)
    assert damaged(stored) == []
    (stored.folder / stored.files[0].file).unlink()
    assert damaged(stored) == [f"{stored.files[0].file}: is missing"]


def test_the_same_packages_are_the_same_repository(debs: Path, tmp_path: Path) -> None:
    first = make_repository(read_debs([debs]), tmp_path / "store")
    index = (first.folder / "Packages").stat()
    again = make_repository(reversed(read_debs([debs])), tmp_path / "store")
    assert again == first
    assert (again.folder / "Packages").stat().st_mtime_ns == index.st_mtime_ns
    # On another machine, at another time: the same bytes.
    other = make_repository(read_debs([debs]), tmp_path / "other")
    assert other.key == first.key
    for name in ("Packages", "Release"):
        assert (other.folder / name).read_bytes() == (first.folder / name).read_bytes()
    release = (first.folder / "Release").read_text()
    assert "Date: Sat, 03 Feb 2024 00:00:00 GMT\n" in release
    fewer = make_repository(choose(read_debs([debs]), {"nova-lib": "1.5"}), tmp_path / "store")
    assert fewer.key != first.key
    assert [each.version for each in fewer.files] == ["1.5"]


def test_a_repository_that_was_not_finished_is_made_anew(debs: Path, tmp_path: Path) -> None:
    whole = make_repository(read_debs([debs]), tmp_path / "store")
    shutil.rmtree(whole.folder)
    left = tmp_path / "store/sets" / f".{whole.key}.{os.getpid()}"
    (left / "pool").mkdir(parents=True)
    (left / "pool" / Path(whole.files[0].file).name).write_text("half of it")
    made = make_repository(read_debs([debs]), tmp_path / "store")
    assert damaged(made) == []
    assert not left.exists()


def test_nothing_is_copied_where_a_link_will_do(stored: StoredSet, debs: Path) -> None:
    (tool,) = debs.glob("nova-tool*.deb")
    held = next(each for each in stored.files if each.name == "nova-tool:all")
    assert (stored.folder / held.file).stat().st_ino == tool.stat().st_ino


def test_what_is_installed_and_not_at_hand_is_named(debs: Path) -> None:
    wanted = {"nova-lib": "1.6", "nova-tool": "1:2.0-1", "gone": "3"}
    with pytest.raises(MirrorError) as caught:
        choose(read_debs([debs]), wanted)
    assert caught.value.message == "2 packages for the apt repository are not at hand"
    assert caught.value.details == ("gone 3", "nova-lib 1.6 (there is 1.4, 1.5)")


def test_two_packages_that_should_be_one(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        deb(tmp_path / name, "same", "1", body=name)
    with pytest.raises(AioError) as caught:
        make_repository(read_debs([tmp_path / "one", tmp_path / "two"]), tmp_path / "store")
    assert caught.value.details == (
        f"same_1_all.deb: {tmp_path}/one/same-1.deb and {tmp_path}/two/same-1.deb differ",
    )
    assert not (tmp_path / "store").exists()


def test_a_file_that_is_no_package(debs: Path) -> None:
    (debs / "half.deb").write_bytes(b"!<arch>\n")
    (debs / "none.deb").write_text("<html>")
    with pytest.raises(AioError, match="not Debian packages") as caught:
        read_debs([debs])
    assert [line.split(": ")[0] for line in caught.value.details] == [
        f"{debs}/half.deb",
        f"{debs}/none.deb",
    ]
