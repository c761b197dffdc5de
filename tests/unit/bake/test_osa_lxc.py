"""An appliance with containers: what is where, and what is taken out of their settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aio_image import deployers
from aio_image.appliance import roots
from aio_image.bake.bake import variables
from aio_image.bake.ledger import Ledger, spread
from aio_image.bake.osa import lxc
from aio_image.bake.osa.homes import homes_of
from aio_image.bake.pristine import Rules, pack, tops
from aio_image.bake.scan import Finding
from aio_image.deployers.openstack_ansible.homes import homes
from aio_image.errors import BuildError

FACTS = deployers.load("openstack-ansible")
SERVICES = FACTS.services_of(FACTS.scenario.words)
KEYSTONE = "aio1-keystone-container-2db8d076"
GALERA = "aio1-galera-container-b9b0f3b7"
OVN = "aio1-neutron-ovn-northd-container-0177bfc1"
NAMES = (KEYSTONE, GALERA, OVN)
CONFIG = """\
lxc.include = /usr/share/lxc/config/common.conf
lxc.start.delay = 15
lxc.mount.entry = /opt/aio/git opt/aio/git none bind,create=dir 0 0
lxc.mount.entry = /var/log/journal/9a33 var/log/journal/9a33 none bind,create=dir 0 0
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    hosts = {name: {"ansible_host": f"192.0.2.{n}"} for n, name in enumerate(NAMES, 7)}
    for name in NAMES:
        (tmp_path / "var/lib/lxc" / name / "rootfs/etc").mkdir(parents=True)
        (tmp_path / "var/lib/lxc" / name / "config").write_text(CONFIG)
    (tmp_path / "etc/openstack_deploy").mkdir(parents=True)
    bridge = 'USE_LXC_BRIDGE="true"\nLXC_ADDR="10.255.255.1"\nLXC_NETMASK="255.255.255.0"\n'
    (tmp_path / "etc/default").mkdir()
    (tmp_path / "etc/default/lxc-net").write_text(bridge)
    units = tmp_path / "usr/lib/systemd/system/rabbitmq-server.service.d"
    units.mkdir(parents=True)
    for name in ("20-aio-broker.conf", "10-else.conf"):
        (units / name).write_text("[Service]\n")
    (tmp_path / "etc/systemd/system.conf.d").mkdir(parents=True)
    (tmp_path / "etc/systemd/system.conf.d/50-aio.conf").write_text("[Manager]\n")
    inventory = tmp_path / "etc/openstack_deploy/openstack_inventory.json"
    inventory.write_text(json.dumps({"_meta": {"hostvars": hosts}}))
    return tmp_path


def given() -> dict[str, Any]:
    settings = {"deployer": "openstack-ansible", "services": SERVICES, "dormant": (),
                "scenario": "aio_lxc"}  # fmt: skip
    return variables({"bake_id": "0" * 16}, settings)


def service(table: dict[str, Any], name: str) -> dict[str, Any]:
    (row,) = [row for row in table["aio_facts"]["services"] if row["name"] == name]
    return dict(row)


def test_a_container_is_known_by_the_middle_of_its_name(tree: Path) -> None:
    assert homes_of(tree) == {"keystone": KEYSTONE, "galera": GALERA, "neutron-ovn-northd": OVN}


def test_units_and_apis_are_where_their_container_is(tree: Path) -> None:
    placed = lxc.place(given(), tree)
    keystone = service(placed, "keystone")
    assert keystone["units"] == [f"{KEYSTONE}/keystone-wsgi-public.service",
                                 f"{KEYSTONE}/apache2.service"]  # fmt: skip
    assert keystone["probes"][0]["url"] == "http://192.0.2.7:5000/v3"
    neutron = service(placed, "neutron")["units"]
    assert f"{OVN}/ovn-northd.service" in neutron
    assert "ovn-controller.service" in neutron, "on the host"
    # This tree has no such container.
    assert service(placed, "glance")["units"] == ["glance-api.service"]


def test_the_network_between_containers_and_host_is_inside(tree: Path) -> None:
    inside = lxc.place(given(), tree)["aio_facts"]["inside"]
    assert inside == [*FACTS.inside, "10.255.255.0/24"]


def test_what_is_told_of_a_change_is_there_too(tree: Path) -> None:
    placed = lxc.place(given(), tree)
    rows = {row["service"]: row for row in placed["aio_settle"]["public"]}
    assert rows["haproxy"]["reload"] == ["haproxy.service"]
    overrides = placed["aio_settle"]["overrides"]["keystone_keystone_conf_overrides"]
    assert overrides["restart"] == [f"{KEYSTONE}/keystone-wsgi-public.service"]


def test_recover_looks_into_containers(tree: Path) -> None:
    parts = lxc.place(given(), tree)["aio_recovery"]["parts"]
    kinds = [row["kind"] for row in parts]
    assert kinds[:3] == ["answer", "containers", "mariadb"] and kinds[-1] == "units"
    (database,) = [row for row in parts if row["kind"] == "mariadb"]
    assert database["members"] == [{"unit": f"{GALERA}/mariadb.service", "suffix": ""}]
    keys = next(row for row in parts if row["kind"] == "keys")
    assert keys["restart"] == [f"{KEYSTONE}/keystone-wsgi-public.service"]
    own, _, north = (row for row in parts if row["kind"] == "ovsdb")
    assert own["server"] == "ovsdb-server.service", "the host's"
    assert north["server"] == f"{OVN}/ovn-ovsdb-server-nb.service"
    assert "ovn-controller.service" not in north["restart"]
    first = north["after"][0]["run"]
    assert first[:5] == ["lxc-attach", "--name", OVN, "--", "ovsdb-client"]
    assert north["after"][-1]["run"][0] == "runuser", "this tree has no neutron-server"


def test_a_containers_files_are_where_lxc_has_them_from(tree: Path) -> None:
    home = tree / "var/lib/lxc" / GALERA
    with (home / "config").open("a") as config:
        config.write(f"lxc.mount.entry = /openstack/{GALERA} var/lib/mysql none bind 0 0\n")
    (home / "rootfs/srv").symlink_to("/var/lib/mysql")
    for name, place in {
        "/var/lib/mysql": f"/openstack/{GALERA}",
        "/srv/ibdata1": f"/openstack/{GALERA}/ibdata1",
        "/var/lib/mysql-files": f"/var/lib/lxc/{GALERA}/rootfs/var/lib/mysql-files",
    }.items():
        assert roots.outside(tree, GALERA, name) == place
    assert roots.outside(tree, "", "/var/lib/mysql") == "/var/lib/mysql"


def test_a_container_that_the_inventory_does_not_have(tree: Path) -> None:
    (tree / "var/lib/lxc/aio1-horizon-container-00000001/rootfs").mkdir(parents=True)
    with pytest.raises(BuildError, match="has no aio1-horizon-container-00000001"):
        lxc.place(given(), tree)


def test_every_unit_with_a_home_is_in_the_table_of_services() -> None:
    known = {row.name: row for row in FACTS.services}
    for name, row in homes().rows.items():
        for units in row.values():
            assert set(units or ()) <= set(known[name].units), name


def test_a_boot_waits_for_no_container_and_mounts_no_journal_of_the_build(tree: Path) -> None:
    lxc.adopt(tree)
    config = (tree / "var/lib/lxc" / KEYSTONE / "config").read_text()
    assert "lxc.start.delay = 0\n" in config
    assert "/var/log/journal" not in config
    assert "/opt/aio/git" in config


def test_units_of_containers_have_the_time_that_the_hosts_have(tree: Path) -> None:
    broker = tree / "var/lib/lxc/aio1-rabbit-mq-container-164f85a2/rootfs"
    broker.mkdir(parents=True)
    (broker.parent / "config").write_text(CONFIG)
    lxc.adopt(tree)
    for name in NAMES:
        manager = tree / "var/lib/lxc" / name / "rootfs/etc/systemd/system.conf.d/50-aio.conf"
        assert manager.read_text() == "[Manager]\n"
    dropin = broker / "usr/lib/systemd/system/rabbitmq-server.service.d/20-aio-broker.conf"
    assert dropin.read_text() == "[Service]\n"
    assert not (broker / "usr/lib/systemd/system/rabbitmq-server.service.d/10-else.conf").exists()


def test_the_database_is_told_in_its_own_container(tree: Path) -> None:
    lxc.adopt(tree)
    home = tree / "var/lib/lxc" / GALERA / "rootfs"
    assert (home / "usr/lib/aio/apply-database").stat().st_mode & 0o777 == 0o755
    dropin = home / "usr/lib/systemd/system/mariadb.service.d/20-aio-database.conf"
    assert "/usr/lib/aio/apply-database" in dropin.read_text()
    assert not (tree / "var/lib/lxc" / OVN / "rootfs/usr/lib/aio").exists()


def test_a_tree_without_containers_stays_as_it_is(tmp_path: Path) -> None:
    lxc.adopt(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_ledger_says_in_which_file_systems_a_secret_is(tree: Path) -> None:
    ledger = Ledger.of("openstack-ansible", "0" * 16, SERVICES)
    canaries = {name: canary for canary, name in ledger.canaries().items()}
    root = f"/var/lib/lxc/{GALERA}/rootfs"
    for place in (
        "/root/.my.cnf",
        f"{root}/root/.my.cnf",
        f"/var/lib/lxc/{OVN}/rootfs/root/.my.cnf",
    ):
        (tree / place[1:]).parent.mkdir(parents=True, exist_ok=True)
        (tree / place[1:]).touch()
    found = [
        Finding(place, 0, canaries["galera_root_password"])
        for place in (f"{root}/root/.my.cnf", "/root/.my.cnf")
    ]
    (row,) = [row for row in spread(ledger, found, tree).secrets
              if row.name == "galera_root_password"]  # fmt: skip
    assert row.files == (
        "/etc/mysql/conf.d/cluster.cnf", "/root/.my.cnf", f"{root}/root/.my.cnf",
    ), "one that is nowhere stays, for the seal to tell of"  # fmt: skip


def test_a_reset_puts_back_what_is_a_containers_own(tree: Path) -> None:
    rootfs = f"var/lib/lxc/{GALERA}/rootfs"
    kept = [f"{rootfs}/etc/mysql/my.cnf", f"openstack/{GALERA}/ibdata1",
            f"{rootfs}/openstack/venvs/nova-33/etc/nova.conf"]  # fmt: skip
    left = [f"{rootfs}/usr/bin/env", f"{rootfs}/openstack/venvs/nova-33/lib/x.py",
            f"{rootfs}/dev/full"]  # fmt: skip
    for name in [*kept, *left]:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(name)
    rules = Rules.of("openstack-ansible")
    assert f"/openstack/{GALERA}" in tops(rules, tree)
    pack(rules, tree)
    entries = json.loads((tree / "usr/lib/aio/pristine.json").read_text())["entries"]
    assert [name for name in kept if f"/{name}" not in entries] == []
    assert [name for name in left if f"/{name}" in entries] == []
    assert "/var/lib/lxc/*/rootfs/etc/mysql" in rules.cloud
