"""A staged image with containers: what it carries of their root, packages and inventory."""

from __future__ import annotations

import json
import lzma
import shutil
import subprocess
import sys
import tarfile
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import yaml

from aio_image import appliance, deployers
from aio_image.bake.bake import variables
from aio_image.bake.canary import canary
from aio_image.bake.osa import container_bake, container_root, container_stage, lxc
from aio_image.bake.osa import container_stores as stores
from aio_image.bake.osa.container_wheels import Homes
from aio_image.bake.osa.containers import KEPT
from aio_image.bake.osa.sleeping import SOURCES
from aio_image.deployers.openstack_ansible.containers import containers
from aio_image.deployers.openstack_ansible.homes import homes
from aio_image.deployers.openstack_ansible.orders import orders
from aio_image.deployers.openstack_ansible.staged_containers import staged_containers
from aio_image.deployers.openstack_ansible.staging import staging
from aio_image.errors import BuildError
from aio_image.paths import resource
from aio_image.sources.git.pins import Lock, Pin
from aio_image.stores.freeze import Frozen
from aio_image.stores.wheels import Pip, make_store
from tests.unit.stores.test_wheel_store import wheel

FACTS = deployers.load("openstack-ansible")
SERVICES = FACTS.services_of(FACTS.scenario.words)
KEYSTONE = "aio1-keystone-container-2db8d076"
GALERA = "aio1-galera-container-b9b0f3b7"
PLACE = f"{container_root.CACHE}/debian/13/amd64/default"
ASLEEP = "etc/apt/sources.list.d/debian.sources"
STATUS = "Package: base\nStatus: install ok installed\nVersion: 1\nInstalled-Size: 7\n"
MORE = "\nPackage: apache2\nStatus: install ok installed\nVersion: 2.4-1\nInstalled-Size: 9\n"
LOCK = Lock(
    "openstack-ansible", "2026.1", "33.0.1", "aio_lxc",
    (Pin("requirements", "requirements", "https://opendev.org/openstack/requirements", "x",
         "6" * 40),),
)  # fmt: skip
INVENTORY = {
    "_meta": {"hostvars": {KEYSTONE: {"ansible_host": "192.0.2.7"},
                           GALERA: {"ansible_host": "192.0.2.8"}}},
    "all": {"vars": {"external_lb_vip_address": "aio-canary.invalid"}, "children": ["hosts"]},
}  # fmt: skip


def pack(tree: Path, files: dict[str, str]) -> Path:
    """A packed root as tar makes the role's: with ``./`` before each name, links and modes."""
    folder = tree / PLACE
    folder.mkdir(parents=True)
    with (
        lzma.open(folder / "rootfs.tar.xz", "wb") as out,
        tarfile.open(fileobj=out, mode="w|", format=tarfile.GNU_FORMAT) as packed,
    ):
        for name, text in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size, member.mode, member.uid, member.mtime = len(text), 0o640, 7, 1_700_000_000
            packed.addfile(member, BytesIO(text.encode()))
        link = tarfile.TarInfo("./usr/bin/sh")
        link.type, link.linkname = tarfile.SYMTYPE, "dash"
        packed.addfile(link)
        twin = tarfile.TarInfo("./usr/bin/twin")
        twin.type, twin.linkname = tarfile.LNKTYPE, f"./{next(iter(files))}"
        packed.addfile(twin)
    (folder / "expiry").write_text("2110782832")
    return folder


ROOT = {
    "usr/bin/dash": "program",
    ASLEEP: "Types: deb\nURIs: http://deb.debian.org/debian\nSuites: trixie\n",
    "var/lib/dpkg/status": STATUS,
}


def members(folder: Path) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(folder / "rootfs.tar.xz") as packed:
        return {
            each.name: (each, found.read() if (found := packed.extractfile(each)) else b"")
            for each in packed.getmembers()
        }


def test_the_packed_root_is_carried_with_the_sources_of_the_image(tmp_path: Path) -> None:
    pack(tmp_path / "tree", ROOT)
    found = container_root.find(tmp_path / "tree")
    assert container_root.carry(found, tmp_path / "kept") == STATUS
    assert (tmp_path / "kept/expiry").read_text() == "2110782832"
    before, after = members(found), members(tmp_path / "kept")
    assert after.keys() - before.keys() == {f".{SOURCES}"}
    for name, (was, data) in before.items():
        now, kept = after[name]
        told = ("type", "mode", "uid", "mtime", "linkname")
        assert [getattr(now, one) for one in told] == [getattr(was, one) for one in told]
        assert (kept == data) == (name != f"./{ASLEEP}"), name
    assert after[f"./{ASLEEP}"][1].startswith(b"Enabled: no\nTypes: deb\n")
    # Where containers see the repository that is theirs.
    assert f"URIs: file:{staging().places['apt']}\n".encode() in after[f".{SOURCES}"][1]
    # As lxc's own template unpacks it.
    (tmp_path / "rootfs").mkdir()
    packed, rootfs = tmp_path / "kept/rootfs.tar.xz", tmp_path / "rootfs"
    subprocess.run(["tar", "-xJf", packed, "-C", rootfs, "--no-same-owner"], check=True)
    assert (rootfs / "usr/bin/twin").read_text() == "program"


def test_a_packed_root_with_a_secret_of_the_build_is_refused(tmp_path: Path) -> None:
    secret = canary("0" * 16, "nova_service_password", 40)
    pack(tmp_path, {**ROOT, "etc/environment": f"password={secret}\n"})
    with pytest.raises(BuildError, match="/etc/environment in it holds a secret"):
        container_root.carry(container_root.find(tmp_path), tmp_path / "kept")


@pytest.mark.parametrize("missing", [ASLEEP, "var/lib/dpkg/status"])
def test_a_packed_root_without_what_is_changed_is_named(tmp_path: Path, missing: str) -> None:
    pack(tmp_path, {name: text for name, text in ROOT.items() if name != missing})
    with pytest.raises(BuildError, match=f"has no /{missing}"):
        container_root.carry(container_root.find(tmp_path), tmp_path / "kept")


def test_there_is_one_packed_root(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="0 packed roots") as no:
        container_root.find(tmp_path)
    assert "--from setup_hosts" in no.value.hint


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A deployed tree: two containers, one of which has a package and a virtualenv more."""
    tree = tmp_path / "deployed"
    for name, status in ((KEYSTONE, STATUS + MORE), (GALERA, STATUS)):
        base = tree / "var/lib/lxc" / name / "rootfs/var/lib/dpkg"
        base.mkdir(parents=True)
        (base / "status").write_text(status)
    for top in ("", f"var/lib/lxc/{KEYSTONE}/rootfs"):
        held = tree / top / "openstack/venvs/keystone-33.0.1"
        info = held / "lib/python3.13/site-packages/oslo_config-9.8.0.dist-info"
        info.mkdir(parents=True)
        (held / "pyvenv.cfg").touch()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: oslo.config\nVersion: 9.8.0\n")
    for path, text in (
        ("etc/openstack_deploy/openstack_inventory.json", json.dumps(INVENTORY)),
        ("etc/default/lxc-net", 'LXC_ADDR="10.255.255.1"\nLXC_NETMASK="255.255.255.0"\n'),
        ("usr/lib/systemd/system/pmcd.service", "[Unit]\n"),
        ("etc/systemd/system/nova-compute.service", "[Unit]\n"),
    ):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
    return tree


def test_what_containers_have_and_their_root_has_not(tree: Path, tmp_path: Path) -> None:
    found = stores.brought(tree, STATUS, tmp_path / "scratch")
    assert found == {KEYSTONE: {"apache2": "2.4-1"}, GALERA: {}}


def test_virtualenvs_are_the_hosts_and_the_containers(tree: Path) -> None:
    host, inner = stores.environments(tree)
    assert (host.container, host.place) == ("", "/openstack/venvs/keystone-33.0.1")
    assert (inner.container, inner.path) == (KEYSTONE, host.path)
    assert inner.place == f"/var/lib/lxc/{KEYSTONE}/rootfs{inner.path}"
    assert host.held == inner.held
    assert [one.requirement for one in inner.held] == ["oslo-config==9.8.0"]


def test_a_package_that_came_in_two_versions_is_carried_in_both() -> None:
    tables = [{"a": "1", "b": "1"}, {"a": "2"}, {"a": "1", "c": "1"}]
    parts = list(stores.parts(tables))
    assert parts == [{"a": "1", "b": "1", "c": "1"}, {"a": "2"}]
    assert list(stores.parts([{}])) == []


@pytest.mark.skipif(not (find_spec("pip") and shutil.which("git")), reason="needs pip and git")
def test_a_wheel_is_made_where_what_it_is_of_was_installed(tmp_path: Path) -> None:
    def pip(folder: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return (sys.executable,), ("--no-index", "--find-links", str(tmp_path / folder))

    for folder, name in (("host", "pbr"), ("container", "systemd")):
        (tmp_path / folder).mkdir()
        wheel(tmp_path / folder, name, "1.0")
    homes = Homes(*pip("host"), homes={"systemd==1.0": Pip(*pip("container"))})
    rows = [Frozen(name, "1.0", f"{name}==1.0") for name in ("pbr", "systemd")]
    made = make_store(rows, tmp_path / "store", homes, tools=())
    assert [one.name for one in made.files] == ["pbr", "systemd"]


def given() -> dict[str, Any]:
    settings = {"deployer": "openstack-ansible", "services": SERVICES, "dormant": (),
                "scenario": "aio_lxc"}  # fmt: skip
    return variables({"bake_id": "0" * 16}, settings)


def test_the_outline_says_of_the_tree_all_that_places_services(tree: Path, tmp_path: Path) -> None:
    stores.outline(tree, tmp_path / "outline")
    told = lxc.place(given(), tmp_path / "outline")
    assert told == lxc.place(given(), tree)
    assert told["aio_recipe"]["units"]["unwanted"] == ["pmcd.service"]
    placed = container_bake.placed(given(), tmp_path / "outline")
    assert placed["aio_deployed"] is False
    assert placed["aio_staged_packages"] == ["lvm2"]
    (keystone,) = [row for row in placed["aio_facts"]["services"] if row["name"] == "keystone"]
    assert f"{KEYSTONE}/keystone-wsgi-public.service" in keystone["units"]
    # Nothing else of the tree: its configuration has canaries.
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "outline").rglob("*")
             if path.is_file()}  # fmt: skip
    assert {name for name, size in sizes.items() if size} == {
        "openstack_inventory.json", "lxc-net",
    }  # fmt: skip


@pytest.fixture
def staged(tree: Path, tmp_path: Path) -> Path:
    """What the step puts into the image, besides what every staged one has."""
    kept, root = tmp_path / "stores", tmp_path / "image"
    stores.outline(tree, kept / stores.OUTLINE)
    (kept / stores.ROOT / "debian/13/amd64/default").mkdir(parents=True)
    (kept / stores.ROOT / "debian/13/amd64/default/rootfs.tar.xz").write_text("packed")
    host = root / staging().places["apt"].lstrip("/")
    for folder, name, text in (
        (host, "pool/alike.deb", "alike"), (host, "pool/other.deb", "the host's"),
        (host, "Packages", "the host's"),
        (kept / stores.APT, "pool/alike.deb", "alike"),
        (kept / stores.APT, "pool/other.deb", "containers'"),
        (kept / stores.APT, "Packages", "containers'"),
    ):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    container_stage.place(root, LOCK, kept)
    return root


def test_containers_have_a_repository_of_their_own(staged: Path) -> None:
    host = staged / staging().places["apt"].lstrip("/")
    own = staged / staged_containers().apt.lstrip("/")
    assert (own / "pool/alike.deb").samefile(host / "pool/alike.deb")
    for name in ("Packages", "pool/other.deb"):
        assert (own / name).read_text() == "containers'"
        assert (host / name).read_text() == "the host's"


def test_they_see_it_where_the_host_has_its_own_and_may_not_write_there(staged: Path) -> None:
    (path,) = staged.glob("usr/share/lxc/config/common.conf.d/*")
    rows = [
        line.removeprefix("lxc.mount.entry = ").split() for line in path.read_text().splitlines()
    ]
    places = staging().places
    assert {source: f"/{target}" for source, target, *_ in rows} == {
        staged_containers().apt: places["apt"], places["wheels"]: places["wheels"],
    }  # fmt: skip
    for _, _, _, options, *_ in rows:
        assert {"bind", "ro", "create=dir"} <= set(options.split(","))


def test_the_packed_root_is_where_the_role_looks(staged: Path) -> None:
    assert container_root.find(staged).relative_to(staged) == Path(PLACE)


def test_the_inventory_names_containers_and_not_the_builds_public_host(staged: Path) -> None:
    text = (staged / stores.INVENTORY).read_text()
    assert json.loads(text)["_meta"] == INVENTORY["_meta"]
    assert json.loads(text)["all"] == {"children": ["hosts"]}


def test_nothing_is_there_that_only_a_build_needs(staged: Path) -> None:
    for path in homes().build:
        assert not (staged / path.lstrip("/")).exists(), path
    for path in containers().files.keys() - set(homes().build):
        assert (staged / path.lstrip("/")).exists(), path
    kept = yaml.safe_load((staged / KEPT.lstrip("/")).read_text())
    assert kept["lxc_image_cache_expiration"] == "10years"


def test_files_of_the_table_are_what_reads_them_takes(staged: Path) -> None:
    for path, file in staged_containers().files.items():
        assert (staged / path.lstrip("/")).stat().st_mode & 0o777 == file.mode
        if file.text.startswith("#!/bin/sh"):
            subprocess.run(["sh", "-n", staged / path.lstrip("/")], check=True)
    scripts = {one.path for one in staged_containers().scripts}
    assert scripts <= staged_containers().files.keys()


FIRST_START = "usr/lib/systemd/system/rabbitmq-server.service.d/21-aio-first-start.conf"


def test_containers_get_what_those_of_a_deployed_image_have(tmp_path: Path) -> None:
    """The script after the playbooks, and what a bake does to a tree that is deployed."""
    names = (KEYSTONE, GALERA, "aio1-rabbit-mq-container-164f85a2")
    trees = [tmp_path / one for one in ("staged", "deployed")]
    files = Path(appliance.__file__).parent / "files"
    for tree in trees:
        for name in names:
            (tree / "var/lib/lxc" / name / "rootfs").mkdir(parents=True)
        for row in yaml.safe_load((files.parent / "install.yaml").read_text())["files"]:
            if row["source"].startswith("files/"):
                target = tree / row["target"].lstrip("/")
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(files.parent / row["source"], target)
        role = resource("playbooks/roles/openstack_ansible/templates/tree")
        shutil.copy(role / FIRST_START, tree / FIRST_START)
        manager = tree / "etc/systemd/system.conf.d/50-aio.conf"
        manager.parent.mkdir(parents=True)
        manager.write_text("[Manager]\n")
    lxc.adopt(trees[1])
    (script,) = [file.text for path, file in staged_containers().files.items()
                 if path == staged_containers().scripts[0].path]  # fmt: skip
    (tmp_path / "bin").mkdir()
    # Each line: the container, what is run in it, how many drop-ins it had by then.
    (tmp_path / "bin/lxc-attach").write_text(
        f'#!/bin/sh\nunit="{trees[0]}/var/lib/lxc/$2/rootfs/{Path(FIRST_START).parent}"\n'
        'have=$(ls "$unit" 2>/dev/null | wc -l)\n'
        'echo "$2 $4 $have" >>"${0%/*}/run"\n'
    )
    (tmp_path / "bin/lxc-attach").chmod(0o755)
    moved = script.replace("/var/lib/lxc/", f"{trees[0]}/var/lib/lxc/")
    moved = moved.replace('"/$3"', f'"{trees[0]}/$3"')
    path = f"{tmp_path}/bin:/usr/bin:/bin"
    subprocess.run(["sh", "-c", moved], check=True, env={"PATH": path})
    found = [
        {str(one.relative_to(tree)): (one.stat().st_mode, one.is_file() and one.read_bytes())
         for one in (tree / "var/lib/lxc").rglob("*")}
        for tree in trees
    ]  # fmt: skip
    assert found[0] == found[1]
    # The mark comes before the drop-in that would take its tables for half-made ones.
    assert (tmp_path / "bin/run").read_text().splitlines() == [
        f"{GALERA} systemctl 0",
        f"{KEYSTONE} systemctl 0",
        f"{names[2]} sh 0",
        f"{names[2]} systemctl 2",
    ]


def test_orders_have_what_containers_take_before_the_last_of_all() -> None:
    known = {"setup_hosts": {"plays": 1, "tasks": 2}}
    told = orders().dump(
        "aio_lxc", known, containers().bootstrap, staged_containers().scripts
    )  # fmt: skip
    names = [step["name"] for step in told["steps"]]
    assert names[-2:] == ["adopt-containers", "adopt"]
    assert told["variables"]["bootstrap_host_data_disk_min_size"] == 10
