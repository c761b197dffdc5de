"""Resolving a release to commits, on small repositories made by real git."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from aio_image.deployers.openstack_ansible import locking, named
from aio_image.deployers.openstack_ansible.locking import Allowed, lock
from aio_image.deployers.openstack_ansible.series import facts, newest
from aio_image.errors import MirrorError, UsageError
from aio_image.profile.scenario import expand
from aio_image.sources.git.client import Git
from aio_image.sources.git.mirrors import chosen
from aio_image.sources.git.pins import Lock, read
from tests.osa.repositories import Upstream, upstream

_METAL = expand(["aio", "metal"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Upstream:
    return upstream(tmp_path_factory.mktemp("upstream"))


@pytest.fixture
def git(made: Upstream, tmp_path: Path) -> Git:
    return Git(tmp_path / "store", chosen([str(made.mirror)]))


def _lock(
    git: Git,
    release: str = "latest",
    words: tuple[str, ...] = _METAL,
    allowed: Allowed | None = None,
    later: tuple[str, ...] = (),
) -> Lock:
    return lock(
        git, release, "aio_metal", words,
        allowed=allowed or Allowed(), told=lambda *_: None, later=later,
    )  # fmt: skip


def test_everything_a_release_names_is_found(made: Upstream, git: Git) -> None:
    found = _lock(git)
    assert (found.release, found.series) == ("33.0.1", "2026.1")
    pins = {pin.name: pin for pin in found.sources}
    kinds = {name: pin.kind for name, pin in pins.items()}
    assert kinds == {
        "openstack-ansible": "deployer",
        "os_nova": "role",
        "os_horizon": "role",
        "openstack.osa": "collection",
        "adriacloud.kubernetes": "collection",
        # What Galaxy would have served, at the newest version that its user allows.
        "kubernetes.core": "collection",
        "requirements": "requirements",
        "nova": "service",
        # What os_horizon installs by `git+`.
        "pyScss": "python",
    }
    assert pins["nova"].commit == made.parts["nova"].commits[-1]
    assert pins["nova"].url == "https://opendev.org/openstack/nova"
    assert pins["kubernetes.core"].asked == "5.1.0"
    assert pins["os_nova"].instead == ""
    assert all(git.has(pin.url, pin.commit) for pin in found.sources)


def test_copies_are_shallow_and_have_the_tags_that_versions_are_made_of(git: Git) -> None:
    nova = next(pin for pin in _lock(git).sources if pin.name == "nova")
    assert re.fullmatch(r"33\.0\.0-3-g[0-9a-f]{7,}", nova.version)
    role = next(pin for pin in _lock(git).sources if pin.name == "os_nova")
    copy = git.copy_of(role.url)
    count = subprocess.run(
        ["git", "--git-dir", copy, "rev-list", "--all", "--count"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert count.stdout.strip() == "1"


def test_a_lock_file_says_the_same_again(git: Git, tmp_path: Path) -> None:
    found = _lock(git)
    path = tmp_path / "a.lock.yaml"
    path.write_text(found.text())
    assert read(path) == found
    assert read(path).digest() == found.digest()


def test_a_second_lock_asks_for_no_commit_again(git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    first = _lock(git)
    fresh = Git(git.store, git.mirrors)
    monkeypatch.setattr(fresh, "_fetch", lambda *_, **__: pytest.fail("fetched again"))
    assert _lock(fresh) == first


@pytest.mark.parametrize(
    ("asked", "release"),
    [
        ("latest", "33.0.1"),
        ("2026.1", "33.0.1"),
        ("33.0.1", "33.0.1"),
        ("stable/2026.1", "stable/2026.1"),
    ],
)
def test_ways_to_name_a_release(git: Git, asked: str, release: str) -> None:
    found = _lock(git, asked)
    assert (found.release, found.series) == (release, "2026.1")


def test_a_commit_names_a_release(made: Upstream, git: Git) -> None:
    commit = made.osa.commits[1]
    assert _lock(git, commit).sources[0].commit == commit


def test_a_release_there_is_not(git: Git) -> None:
    with pytest.raises(UsageError, match=r"no release '33\.9\.9'") as caught:
        _lock(git, "33.9.9")
    assert "latest is 33.0.1" in caught.value.hint


def test_missing_commits_are_all_named_and_the_ways_out_are_recorded(
    tmp_path: Path,
) -> None:
    made = upstream(tmp_path)
    gone = tmp_path / "gone"
    (made.mirror / "opendev.org/openstack/requirements").rename(gone)
    nova = made.parts["os_nova"]
    asked, head = nova.commits
    nova.git("checkout", "--quiet", "--orphan", "other", "stable/2026.1")
    nova.git("commit", "--quiet", "-m", "history is gone")
    nova.git("branch", "--force", "stable/2026.1")
    nova.git("checkout", "--quiet", "other")
    nova.git("branch", "--delete", "--force", "master")
    nova.git("reflog", "expire", "--expire=now", "--all")
    nova.git("gc", "--quiet", "--prune=now")
    git = Git(tmp_path / "store", chosen([str(made.mirror)]))
    with pytest.raises(MirrorError, match="2 sources cannot be had") as caught:
        _lock(git)
    role, requirements = caught.value.details
    assert role.startswith("ansible-role-requirements.yml: role os_nova: file://")
    assert f"has no commit {asked}" in role
    assert "--nearest os_nova: the head of stable/2026.1" in role
    assert "requirements: https://opendev.org/openstack/requirements: no repository at" in (
        requirements
    )
    allowed = Allowed(frozenset({"os_nova"}), frozenset({"requirements"}))
    found = _lock(Git(tmp_path / "store", git.mirrors), allowed=allowed)
    pin = next(pin for pin in found.sources if pin.name == "os_nova")
    assert (pin.asked, pin.instead) == (asked, "head of stable/2026.1")
    assert pin.commit not in (asked, head)
    assert [one.name for one in found.left_out] == ["requirements"]
    assert "instead: head of stable/2026.1" in found.text()


def test_services_nobody_asked_for_are_not_fetched(git: Git) -> None:
    assert "heat" not in [pin.name for pin in _lock(git).sources]
    with pytest.raises(MirrorError) as caught:
        _lock(git, words=expand(["aio", "metal", "heat"]))
    (line,) = caught.value.details
    assert line.startswith("inventory/group_vars/heat_all/source_git.yml: service heat: ")


def test_services_that_are_carried_for_later_have_a_kind_of_their_own(
    made: Upstream, git: Git
) -> None:
    without, found = _lock(git), _lock(git, later=("barbican",))
    (pin,) = found.of_kind("addition")
    assert (pin.name, pin.url) == ("barbican", "https://opendev.org/openstack/barbican")
    assert pin.commit == made.parts["barbican"].commits[-1]
    # For pbr, as of what is deployed.
    assert pin.version == "22.0.0"
    assert git.has(pin.url, pin.commit)
    assert [one for one in found.sources if one != pin] == list(without.sources)
    # What the scenario has is not carried besides.
    both = _lock(git, words=expand(["aio", "metal", "barbican"]), later=("barbican",))
    assert [one.kind for one in both.sources if one.name == "barbican"] == ["service"]


def test_what_is_carried_for_later_has_to_be_there_too(git: Git) -> None:
    with pytest.raises(MirrorError) as caught:
        _lock(git, later=("heat",))
    (line,) = caught.value.details
    assert line.startswith("inventory/group_vars/heat_all/source_git.yml: addition heat: ")
    found = _lock(git, later=("heat",), allowed=Allowed(without=frozenset({"heat"})))
    assert [(one.kind, one.name) for one in found.left_out] == [("addition", "heat")]
    with pytest.raises(MirrorError, match="does not name every source") as caught:
        _lock(git, later=("designate",))
    assert caught.value.details == ("designate: https://opendev.org/openstack/designate",)


def test_names_that_the_release_does_not_have(git: Git) -> None:
    with pytest.raises(UsageError) as caught:
        _lock(git, allowed=Allowed(frozenset({"os_novo"}), frozenset({"all"})))
    assert caught.value.details == (
        "the release names no 'os_novo'",
        "--without takes names, not 'all'",
    )


def test_the_newest_stable_tag() -> None:
    tags = ["31.3.0", "33.0.1", "33.0.0.0rc1", "34.0.0.0b1", "v9.0.0", "zed-eom", "9.0.0"]
    assert newest(tags) == "33.0.1"
    assert newest(tags, facts().series["2025.1"]) == "31.3.0"
    assert newest(["34.0.0"]) is None


@pytest.mark.parametrize("series", facts().series.values(), ids=lambda one: one.name)
def test_the_facts_hold_for_a_real_checkout(series: object) -> None:
    """Reads the real repository when AIO_IMAGE_OSA names one, at the newest tag of each series."""
    where = os.environ.get("AIO_IMAGE_OSA")
    if not where:
        pytest.skip("AIO_IMAGE_OSA names no checkout of openstack-ansible")

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", where, *words], capture_output=True, text=True, check=True
        ).stdout

    tag = newest(git("tag").split(), series)  # type: ignore[arg-type]
    assert tag

    def show(path: str) -> str:
        return git("show", f"{tag}:{path}")

    known = facts()
    paths = git("ls-tree", "-r", "--name-only", tag).split()
    assert len(named.roles(show, known)) > 40
    assert {"openstack.osa"} <= {one.name for one in named.collections(show, known)}
    services = named.services(show, paths, _METAL, known)
    assert {one.name for one in services} >= {"requirements", "keystone", "nova", "neutron"}
    assert all(one.url.startswith("https://") for one in services)
    every = {
        key.removesuffix("_git_repo")
        for path in paths
        if path.endswith("source_git.yml")
        for key in yaml.safe_load(show(path)) or {}
        if key.endswith("_git_repo")
    }
    wanted = {name for names in known.words.values() for name in names}
    # A name that no series has would be a typing error; not every series has every service.
    assert len(wanted - every) <= 6, wanted - every
    quickstart = show("doc/source/user/aio/quickstart.rst")
    words = {"bookworm": "Debian 12", "trixie": "Debian 13", "noble": "24.04"}
    for release in series.systems["debian"] + series.systems["ubuntu"]:  # type: ignore[attr-defined]
        assert words.get(release, release).lower() in quickstart.lower()


def test_the_command_line(made: Upstream, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "aio_image", "lock", "osa-aio-metal", "--mirror", made.mirror],
        cwd=tmp_path,
        env={**os.environ, "AIO_IMAGE_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = read(tmp_path / "osa-aio-metal.lock.yaml")
    assert len(found.sources) == 10
    assert found.deployer == locking.NAME
    assert "33.0.1 (2026.1), 10 sources" in done.stdout
