"""What clean would remove, and that it removes that and nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from aio_image.execution.clean import clean, removable
from aio_image.execution.locks import ResultLock
from aio_image.host import runs
from aio_image.host.cancel import Cancel
from aio_image.paths import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def make_result(home: Home, step: str, key: str, profile: str = "p", used: float = 0) -> Path:
    folder = home.steps / step / key
    folder.mkdir(parents=True)
    (folder / "content").write_bytes(b"x" * 100_000)
    record = {
        "profile": profile, "step": step, "key": key, "inputs": [], "settings": {},
        "needs": {}, "finished": "2026-01-01T00:00:00+00:00", "seconds": 1.0,
    }  # fmt: skip
    (folder / "step.json").write_text(json.dumps(record))
    os.utime(folder / "step.json", (used, used))
    return folder


def make_log(home: Home, name: str) -> Path:
    folder = home.logs / name
    folder.mkdir(parents=True)
    (folder / "root.log").write_text("x")
    return folder


def test_the_results_last_of_use_stay(home: Home) -> None:
    paths = [make_result(home, "root", f"key{n}", used=n) for n in range(4)]
    other = make_result(home, "root", "other", profile="q", used=0)
    found = removable(home, keep=2)
    assert [each.path for each in found] == [paths[1], paths[0]]
    assert all(each.size >= 100_000 for each in found)
    gone, stayed = clean(home, found)
    assert gone == found
    assert stayed == []
    assert sorted(home.steps.glob("*/*")) == sorted([paths[2], paths[3], other])
    assert list(home.work.iterdir()) == []


def test_what_a_build_uses_stays(home: Home) -> None:
    path = make_result(home, "root", "key")
    lock = ResultLock(home, "root", "key")
    assert lock.use()
    gone, stayed = clean(home, removable(home, keep=0))
    assert gone == []
    assert "a build is using it" in stayed[0]
    assert path.exists()
    lock.release()
    clean(home, removable(home, keep=0))
    assert not path.exists()


def test_a_lock_waited_for_while_the_result_goes_is_still_a_lock(home: Home) -> None:
    first, second = ResultLock(home, "root", "key"), ResultLock(home, "root", "key")
    first.make(lambda _: None, Cancel())
    assert not second.use()
    first.release()
    assert first.remove()
    first.release()
    second.make(lambda _: None, Cancel())
    assert not first.use()
    second.release()


def test_a_folder_without_a_record_goes(home: Home) -> None:
    folder = home.steps / "root" / "odd"
    folder.mkdir(parents=True)
    clean(home, removable(home))
    assert not folder.exists()


def test_old_logs_go_and_running_ones_stay(home: Home) -> None:
    logs = [make_log(home, f"20260101T0000{n:02}-p") for n in range(25)]
    (home.work / logs[0].name).mkdir(parents=True)
    clean(home, removable(home))
    assert sorted(home.logs.iterdir()) == [logs[0], *logs[5:]]


def test_everything(home: Home) -> None:
    make_result(home, "root", "key")
    make_log(home, "20260101T000000-p")
    for folder in (home.downloads / "debian", home.failed / "run-root"):
        folder.mkdir(parents=True)
        (folder / "file").write_text("x")
    assert {each.what.split()[0] for each in removable(home)} == {"failed"}
    clean(home, removable(home, everything=True))
    left = [path for path in home.root.rglob("*") if path.is_file() and ".lock" not in path.name]
    assert left == []


def make_packages(home: Home, *names: str) -> dict[str, Path]:
    folder = home.downloads / "debian" / "trixie"
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(b"x" * 1000)
    return {name: folder / name for name in names}


def test_packages_in_no_root_that_stays_go(home: Home) -> None:
    old, kept = (make_result(home, "root", key, used=n) for n, key in enumerate(("a", "b")))
    (old / "packages.txt").write_text("adduser 3.1 4\nbash 5.1-1 70\n")
    (kept / "packages.txt").write_text("bash 5.2-1 70\nnova-api 2:31.0-1 12\n")
    packages = make_packages(
        home, "adduser_3.1_all.deb", "bash_5.1-1_amd64.deb", "bash_5.2-1_amd64.deb",
        "nova-api_2%3a31.0-1_all.deb", "lock",
    )  # fmt: skip
    # Both roots stay: so do their packages.
    assert removable(home, keep=2) == []
    found = removable(home, keep=1)
    assert [(each.what, each.size) for each in found[1:]] == [
        ("downloads trixie: 2 packages", 2000)
    ]
    gone, stayed = clean(home, found)
    assert (gone, stayed) == (found, [])
    assert sorted(path.name for path in packages["lock"].parent.iterdir()) == [
        "bash_5.2-1_amd64.deb", "lock", "nova-api_2%3a31.0-1_all.deb",
    ]  # fmt: skip


def test_packages_stay_without_a_root_and_while_something_is_at_work(home: Home) -> None:
    make_packages(home, "bash_5.2-1_amd64.deb")
    assert removable(home) == []
    kept = make_result(home, "root", "key")
    (kept / "packages.txt").write_text("adduser 3.1 4\n")
    (home.work / "20260101T000000-p-abcd").mkdir(parents=True)
    assert removable(home) == []
    (home.work / "20260101T000000-p-abcd").rmdir()
    assert [each.what for each in removable(home)] == ["downloads trixie: one package"]


def test_nothing_is_removed_by_asking(home: Home) -> None:
    path = make_result(home, "root", "key")
    assert removable(home, everything=True)
    assert path.exists()


def test_an_empty_home(home: Home) -> None:
    assert removable(home, everything=True) == []


def test_links_are_not_followed(home: Home, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    path = make_result(home, "root", "key")
    (path / "link").symlink_to(outside)
    (home.downloads).mkdir(parents=True)
    (home.downloads / "link").symlink_to(outside)
    clean(home, removable(home, everything=True))
    assert (outside / "precious").exists()
    assert not path.exists()


def test_a_killed_clean_is_finished_by_the_next_start(home: Home) -> None:
    leftover = home.work / "20260101T000000-clean-abcd"
    leftover.mkdir(parents=True)
    (leftover / runs.OWNER).write_text("{}")
    (leftover / "0").mkdir()
    from aio_image.host.reap import reap  # noqa: PLC0415

    (found,) = reap(home)
    assert "20260101T000000-clean-abcd" in str(found)
    assert not leftover.exists()
