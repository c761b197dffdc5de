"""What a scenario with LXC containers takes besides, as data and in the tree."""

from __future__ import annotations

import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml

from aio_image.bake.lent import PLACE
from aio_image.bake.osa.containers import KEPT, place
from aio_image.bake.osa.runtime import KEPT as COMMON
from aio_image.bake.osa.sources import GIT
from aio_image.deployers.openstack_ansible.containers import containers
from aio_image.deployers.openstack_ansible.deploying import deployment
from aio_image.sources.git.pins import Lock, Pin

_COMMIT = "6" * 40
_PIN = Pin(
    "requirements", "requirements", "https://opendev.org/openstack/requirements", "x", _COMMIT
)
_LOCK = Lock("openstack-ansible", "2026.1", "33.0.1", "aio_lxc", (_PIN,))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    place(tmp_path, _LOCK)
    return tmp_path


def _text(tree: Path, path: str) -> str:
    return (tree / path.lstrip("/")).read_text("utf-8")


def test_its_variables_come_after_those_of_every_scenario(tree: Path) -> None:
    assert Path(COMMON).parent == Path(KEPT).parent
    assert Path(COMMON).name < Path(KEPT).name
    kept = yaml.safe_load(_text(tree, KEPT))
    assert not kept.keys() & deployment().kept.keys()
    # Containers have the constraints that the variables of every scenario name.
    wanted = f"/opt/ansible-runtime-constraints-{_COMMIT}.txt"
    assert kept["lxc_container_cache_files_from_host"] == ["/etc/gitconfig", wanted]
    mounts = kept["lxc_container_bind_mounts"]
    # That image is in openstack_user_image of every scenario.
    wanted_mounts = [GIT, "/usr/share/aio/images"]
    assert mounts == [{"host_directory": one, "container_directory": one} for one in wanted_mounts]
    (image,) = deployment().kept["openstack_user_image"]["images"]
    assert image["url"].startswith("file:///usr/share/aio/images/")


def test_the_table_itself_is_not_changed_by_a_lock() -> None:
    containers().variables("/opt/constraints.txt")
    assert containers().kept["lxc_container_cache_files_from_host"] == ["/etc/gitconfig"]


def test_the_role_finds_the_program_that_makes_the_root(tree: Path) -> None:
    program = containers().kept["lxc_hosts_container_build_command"].split()[0]
    path = tree / program.lstrip("/")
    assert path.stat().st_mode & 0o777 == 0o755
    subprocess.run(["sh", "-n", path], check=True)
    # What that program lays aside, the role's last commands put in place.
    assert "own.sources.list.d" in path.read_text("utf-8")
    assert "own.sources.list.d" in containers().kept["lxc_cache_prep_post_commands"]


def test_a_container_of_lxc_download_has_no_architecture_to_take_a_personality_of(
    tree: Path, tmp_path: Path
) -> None:
    name = containers().kept["lxc_container_template"]
    template = tree / f"usr/share/lxc/templates/lxc-{name}"
    its = template.with_name("lxc-download")
    its.write_text('#!/bin/sh\nfor word; do echo "$word" >> "${0%/*}/words"; done\n')
    its.chmod(0o755)
    config = tmp_path / "config"
    config.write_text("lxc.include = common.conf\nlxc.arch = x86_64\nlxc.uts.name = one\n")
    words = [f"--path={tmp_path}", "--name=one", "--dist", "debian"]
    subprocess.run([template, *words], check=True)
    assert config.read_text() == "lxc.include = common.conf\nlxc.uts.name = one\n"
    assert template.with_name("words").read_text().splitlines() == words


def test_every_mount_of_what_is_lent_may_be_missing(tree: Path) -> None:
    """An appliance has nothing of a build host."""
    lines = _text(tree, "/usr/share/lxc/config/common.conf.d/90-aio-build.conf").splitlines()
    entries = [line.removeprefix("lxc.mount.entry = ").split() for line in lines]
    lent = [entry for entry in entries if entry[0].startswith(PLACE)]
    assert entries[0][1] == "run", "or systemd would lay its own over it"
    assert len(lent) == 4
    for source, target, _, options, *_ in lent:
        assert {"bind", "ro", "optional"} <= set(options.split(","))
        assert not target.startswith("/")
        assert source == PLACE or Path(source).parent == Path(PLACE)


def test_units_are_ini_files_that_systemd_reads(tree: Path) -> None:
    units = [path for path in containers().files if path.startswith("/etc/systemd/system/")]
    assert len(units) == 4
    for path in units:
        unit = ConfigParser(strict=False)
        unit.read_string(_text(tree, path))
        assert unit.sections()


def test_the_file_that_the_role_would_make_a_disk_of_is_there_and_empty(tree: Path) -> None:
    assert (tree / "var/lib/machines.raw").stat().st_size == 0
