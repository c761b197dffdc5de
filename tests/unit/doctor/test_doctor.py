"""The host's checks: what they find is told, kept apart by purpose, and never a crash."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from aio_image import deployers
from aio_image.cli.main import main
from aio_image.deployers import HostNeeds
from aio_image.doctor import checks, programs, room
from aio_image.doctor.kernel import inotify_instances_of
from aio_image.doctor.model import (
    BOOT,
    BUILD,
    Finding,
    Host,
    HostCheck,
    Packages,
    failed,
    ok,
    warning,
)
from aio_image.doctor.programs import PROGRAMS, Program, find_program
from aio_image.errors import EXIT_HOST, EXIT_OK, HostError
from aio_image.paths import Home
from aio_image.report.events import Event, Events, Notice


@pytest.fixture
def host(tmp_path: Path) -> Host:
    home = Home(tmp_path / "home")
    return Host(home, home, thorough=True)


def test_a_program_is_found_with_its_version(host: Host) -> None:
    found = find_program(Program("bash", "bash", (BUILD,)), host)
    assert found.outcome == "ok"
    assert found.detail.split()[0][0].isdigit()


def test_an_old_program_is_too_old(host: Host) -> None:
    wanted = Program("bash", "bash", (BUILD,), least=(99, 0), why="it sings")
    found = find_program(wanted, host)
    assert found.outcome == "failed"
    assert "is too old: 99.0 or later (it sings)" in found.detail


def test_a_missing_program_names_its_package(host: Host) -> None:
    found = find_program(Program("no-such-program", "some-package", (BUILD,)), host)
    assert found == failed("not found", "apt install some-package (`make setup` does it)")


def test_packages_named_are_those_that_set_up_installs() -> None:
    listed = Path(__file__).resolve().parents[3] / "tools" / "packages.txt"
    rows = [line.split() for line in listed.read_text(encoding="utf-8").splitlines()]
    installed = {row[0] for row in rows if row}
    assert {program.package for program in PROGRAMS} <= installed


@pytest.mark.parametrize("error", [HostError("no luck"), PermissionError(1, "Not permitted", "/x")])
def test_a_check_that_cannot_be_made_has_failed(host: Host, error: Exception) -> None:
    def probe(_host: Host) -> Finding:
        raise error

    result = checks.run_check(HostCheck("any", probe), host)
    assert result.outcome == "failed"
    assert result.detail in ("no luck", "Not permitted: /x")
    assert result.hint


def test_each_purpose_has_checks_and_names_are_unique() -> None:
    names = [check.name for check in checks.all_checks()]
    assert len(names) == len(set(names))
    for purpose, name in ((BUILD, "mmdebstrap"), (BOOT, "KVM")):
        assert name in [check.name for check in checks.checks_for(purpose)]
    assert "KVM" not in [check.name for check in checks.checks_for(BUILD)]


def test_all_that_is_missing_is_told_at_once(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    build = frozenset({BUILD})
    few = (
        HostCheck("one", lambda _: failed("is off", "switch it on"), build),
        HostCheck("two", lambda _: failed("is away", "fetch it"), build),
        HostCheck("three", lambda _: warning("is slow", "wait"), build),
        HostCheck("four", lambda _: ok("fine"), build),
        HostCheck("other", lambda _: failed("not asked", ""), frozenset({BOOT})),
    )
    monkeypatch.setattr(checks, "all_checks", lambda: few)
    seen: list[Event] = []
    with pytest.raises(HostError) as caught:
        checks.require(host.home, BUILD, Events(seen.append))
    assert caught.value.details == ("one: is off; switch it on", "two: is away; fetch it")
    assert [each.text for each in seen if isinstance(each, Notice)] == ["three: is slow"]


def test_disk_space_is_that_of_where_builds_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is not root tries things out in a cache of his own; builds work elsewhere."""
    builds = Home(tmp_path / "builds")
    host = Host(Home(Path("/proc/nowhere")), builds, thorough=True)
    about = os.statvfs(tmp_path)
    free = about.f_bavail * about.f_frsize
    monkeypatch.setattr(room, "_DISK_LEAST", free * 2)
    found = room.disk_space(host)
    assert found.outcome == "failed"
    assert str(builds.root) in found.detail
    assert not builds.root.exists()
    monkeypatch.setattr(room, "_DISK_LEAST", 1)
    assert room.disk_space(host).outcome == "ok"
    # What the deployer's table calls ample is for a first build: kept trees make a warning of it.
    more = HostNeeds(disk=free // 10**9 + 1, inotify=0, programs=())
    found = room.disk_space(replace(host, needs=more))
    assert found.outcome == "warning"
    assert f"{more.disk} GB" in found.detail
    enough = replace(more, disk=free // 10**9)
    assert room.disk_space(replace(host, needs=enough)).outcome == "ok"


def test_a_program_of_some_deployers_is_asked_for_theirs_only(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenStack-Ansible's container has its way out by pasta; nothing else runs it."""
    monkeypatch.setattr(
        programs, "PROGRAMS", (Program("pasta-nobody-has", "passt", (BUILD,), asked=True),)
    )
    (check,) = (each for each in programs.program_checks() if each.name == "pasta-nobody-has")
    assert check.probe(host).outcome == "skipped"
    needs = HostNeeds(disk=1, inotify=1, programs=("pasta-nobody-has",))
    with pytest.raises(HostError) as caught:
        monkeypatch.setattr(checks, "all_checks", lambda: (check,))
        checks.require(host.home, BUILD, Events(), needs)
    assert "apt install passt" in str(caught.value.details)


def test_every_program_that_a_deployer_asks_for_is_known() -> None:
    known = {each.name for each in programs.PROGRAMS if each.asked}
    for name in deployers.names():
        for containers in (False, True):
            needs = deployers.host_needs(name, containers=containers)
            assert set(needs.programs) <= known
            assert needs.disk >= 15
            assert needs.inotify >= 64


def test_what_the_profile_takes_is_examined(capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor", "osa-aio-lxc", "--json", "--set", "mirrors.debian=http://127.0.0.1:9/debian"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (pasta,) = (row for row in rows if row.get("check") == "pasta")
    assert pasta["outcome"] != "skipped"


def test_the_mirror_is_asked_for_the_release_of_the_profile(tmp_path: Path) -> None:
    home = Home(tmp_path)
    # Nothing listens on the discard port of this very machine.
    dead = Packages("debian", "trixie", "http://127.0.0.1:9/debian")
    found = room.mirror(Host(home, home, thorough=True, packages=dead))
    assert found.outcome == "failed"
    assert "no Debian mirror serves trixie" in found.detail
    assert "http://127.0.0.1:9/debian" in found.detail
    assert found.hint
    assert room.mirror(Host(home, home, thorough=True)).outcome == "skipped"


def _mirror_away() -> tuple[HostCheck, ...]:
    away = HostCheck(
        "mirror", lambda _: failed("is away", "ask"), frozenset({BUILD}), at_start=False
    )
    return (away, HostCheck("other", lambda _: ok("fine"), frozenset({BOOT})))


def test_what_is_not_for_every_start_is_left_to_the_check_up(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "all_checks", _mirror_away)
    checks.require(host.home, BUILD, Events())
    found = checks.examine(host, Events())
    assert [each.outcome for each in found] == ["failed", "ok"]


@pytest.mark.parametrize(
    ("words", "status"),
    [([], EXIT_HOST), (["--for", "build"], EXIT_HOST), (["--for", "boot"], EXIT_OK)],
)
def test_what_is_shown_as_failed_decides_the_exit_code(
    words: list[str], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "all_checks", _mirror_away)
    assert main(["doctor", *words]) == status


def test_memory_is_what_the_kernel_says() -> None:
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert room.available_memory() > 0
    swap = sum(
        int(line.split()[2]) * 1024
        for line in Path("/proc/swaps").read_text(encoding="ascii").splitlines()[1:]
    )
    assert room.available_memory() <= physical + swap


def test_inotify_instances_are_counted_by_user(tmp_path: Path) -> None:
    fd = tmp_path / "17" / "fd"
    fd.mkdir(parents=True)
    for number, target in enumerate(["anon_inode:inotify", "/dev/null", "anon_inode:inotify"]):
        (fd / str(number)).symlink_to(target)
    user = os.getuid()
    assert inotify_instances_of(tmp_path / "17", user) == 2
    assert inotify_instances_of(tmp_path / "17", user + 1) == 0
    assert inotify_instances_of(tmp_path / "18", user) == 0, "over meanwhile"
