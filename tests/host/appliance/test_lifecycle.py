"""Reset, rebuild and recover on a whole appliance that boots in a container. Some minutes each."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from aio_image.bake.nspawn import Container
from tests.host.appliance.booted import DEPLOYER, Appliance, appliance
from tests.host.bake.conftest import private
from tests.unit.appliance.small_image import spelled_anywhere
from tests.unit.appliance.test_appliance_report import unpacked

__all__ = ["private"]

pytestmark = pytest.mark.host

# Seconds that only what fails takes, even on a machine that others have, too.
_LONG = 1800
SECRETS = "etc/openstack_deploy/user_secrets.yml"
# What no two appliances may share, and a rebuild keeps.
LASTING = (
    "etc/machine-id",
    "etc/aio/pki/ca.pem",
    "etc/ssh/ssh_host_ed25519_key",
    "etc/ssh/ssh_host_ecdsa_key",
)
# What no two appliances may share, and a rebuild makes anew as well.
OF_THE_CLOUD = (
    "etc/openvswitch/system-id.conf",
    "var/lib/rabbitmq/.erlang.cookie",
    "etc/keystone/fernet-keys/1",
    # The database of the other deployer knows its host by this already.
    *(("var/lib/nova/compute_id",) if DEPLOYER == "debian" else ()),
)
# What the step `image` writes into the root, after the seal has packed what a reset puts back.
OF_THE_DISK = ("etc/fstab", "etc/default/grub.d/50-aio-image.cfg")
_OF_THE_DISK = "# written with the disk\n"
_NETWORK = "set -a; . /root/openrc; exec openstack --insecure network create n -f value -c id"
# Units that are stopped and damaged, and a program of theirs, which is where they are.
SERVERS = {
    "mariadb.service": "usr/sbin/mariadbd",
    "rabbitmq-server.service": "usr/sbin/rabbitmqctl",
    "ovn-ovsdb-server-sb.service": "usr/bin/ovn-northd",
    "ovn-ovsdb-server-nb.service": "usr/bin/ovn-northd",
}
MARK = "CREATE TABLE keystone.mark (word INT)"
_SQL = ["mariadb", "--no-defaults", "--user=root", "--batch", "--skip-column-names", "--execute"]
_TOKEN = "set -a; . /root/openrc; exec openstack --insecure token issue -f value -c id"


def identities(made: Appliance, names: tuple[str, ...]) -> dict[str, str]:
    return {name: made.at(name).read_text() for name in names}


def secrets(root: Path) -> dict[str, str]:
    found: dict[str, str] = yaml.safe_load((root / SECRETS).read_text())
    return found


def drawn(root: Path) -> list[str]:
    """Which secrets there are; the UUIDs of OpenStack-Ansible's image are none."""
    found = secrets(root) if (root / SECRETS).exists() else {}
    return [name for name, value in found.items() if value and not name.endswith("uuid")]


def shared(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """What two boots have in common and should not; UUIDs among the secrets are none."""
    return [name for name in one if one[name] == other[name] and not name.endswith("uuid")]


def sql(made: Appliance, container: Container, said: str) -> str:
    return container.run(made.beside("usr/sbin/mariadbd", [*_SQL, said])).output.strip()


def tables(made: Appliance, container: Container) -> str:
    return sql(made, container, "SHOW TABLES FROM keystone LIKE 'mark'")


def client(made: Appliance, container: Container, script: str) -> str:
    """What ``script`` says where OpenStack's client is: in LXC, in the utility container."""
    command = made.beside("usr/local/bin/openstack", ["sh", "-c", script])
    return container.run(command, timeout=_LONG).output


def use(made: Appliance, container: Container) -> None:
    sql(made, container, MARK)
    for name in ("root/mark", "var/lib/glance/images/mark", "etc/nova/mark"):
        made.at(str(Path(name).parent)).joinpath("mark").write_text("the owner's")


def carried_out(made: Appliance, container: Container, what: str) -> None:
    """Order ``what`` in the running appliance, and see it carried out in a boot of its own."""
    container.run(["aio", what, "--yes"], timeout=_LONG, check=False)
    made.until_down(container, _LONG)
    with made.boot() as restoring:
        made.until_down(restoring, _LONG)
    assert not (made.root / "var/lib/aio-reset/order.json").exists()
    assert not (made.root / "system-update").is_symlink()


def test_reset_then_rebuild(private: Callable[..., None], tmp_path: Path) -> None:
    def body() -> None:
        with appliance(tmp_path) as made:
            for name in OF_THE_DISK:
                (made.root / name).parent.mkdir(parents=True, exist_ok=True)
                (made.root / name).write_text(_OF_THE_DISK)
            with made.boot() as container:
                made.until_healthy(container)
                first = secrets(made.root), identities(made, LASTING + OF_THE_CLOUD)
                use(made, container)
                carried_out(made, container, "reset")
            assert (made.root / "etc/machine-id").read_text() == ""
            assert {(made.root / name).read_text() for name in OF_THE_DISK} == {_OF_THE_DISK}
            assert drawn(made.root) == [] and not (made.root / "root/mark").exists()
            assert not (made.root / "var/lib/cloud/instances").exists()
            made.seed()
            with made.boot() as container:
                made.until_healthy(container)
                second = secrets(made.root), identities(made, LASTING + OF_THE_CLOUD)
                assert tables(made, container) == ""
                for before, after in zip(first, second, strict=True):
                    same = shared(before, after)
                    assert not same, f"both boots have the same {same}"
                use(made, container)
                carried_out(made, container, "rebuild")
            assert (made.root / "root/mark").exists() and not made.at("etc/nova/mark").exists()
            made.seed()
            with made.boot() as container:
                made.until_healthy(container)
                assert secrets(made.root) == second[0]
                third = identities(made, LASTING + OF_THE_CLOUD)
                assert [third[name] for name in LASTING] == [second[1][name] for name in LASTING]
                assert tables(made, container) == ""
                client(made, container, _TOKEN)

    private(body)


def test_recover_mends_what_is_broken(private: Callable[..., None], tmp_path: Path) -> None:
    def body() -> None:
        with appliance(tmp_path) as made, made.boot() as container:
            made.until_healthy(container)
            sql(made, container, MARK)
            whole = container.run(["aio", "recover", "--check"], timeout=_LONG, check=False)
            assert whole.status == 0, whole.output
            # Not in the image's own northbound database: neutron has to tell OVN of it again.
            network = client(made, container, _NETWORK).strip()
            break_all(made, container)
            checked = container.run(["aio", "recover", "--check"], timeout=_LONG, check=False)
            print(checked.output)
            assert checked.status == 1
            for word in ("mariadb.service", "rabbitmq", "fernet-keys", "southbound", "northbound"):
                assert word in checked.output
            began = time.monotonic()
            done = container.run(["aio", "recover"], timeout=_LONG, check=False)
            print(done.output, done.errors, f"{time.monotonic() - began:.0f} s")
            assert done.status == 0
            assert tables(made, container) == "mark", "what the database held is there"
            listed = made.beside("usr/bin/ovn-northd", ["ovn-nbctl", "--timeout=10", "ls-list"])
            north = container.run(listed, timeout=30).output
            assert f"neutron-{network}" in north
            client(made, container, _TOKEN)
            again = container.run(["aio", "recover", "--check"], timeout=_LONG, check=False)
            assert again.status == 0, again.output
            report = container.run(["aio", "report", "--output", "/root/r.tar.zst"], timeout=_LONG)
            print(report.output)
            inside = unpacked(made.root / "root/r.tar.zst", tmp_path / "report")
            known = [
                *secrets(made.root).values(),
                made.at("etc/keystone/fernet-keys/1").read_text(),
            ]
            for value in known:
                assert not spelled_anywhere(inside, value.encode()), "a secret in the report"
            names = {path.name for path in inside.rglob("*") if path.stat().st_size > 40}
            assert {"status.json", "journal-this-boot.txt", "release.yaml"} <= names
            (south,) = inside.rglob("south.txt")
            assert "Chassis" in south.read_text(), "where its database is"

    private(body)


def break_all(made: Appliance, container: Container) -> None:
    """What power cuts and people do, all at once."""
    for unit, program in SERVERS.items():
        container.run(made.beside(program, ["systemctl", "stop", unit]), timeout=_LONG)
    # Its folder may be mounted into a container.
    for command in ("truncate --size=0 aria_log_control", "truncate --size=52 aria_log_control",
                    "chown nobody ibdata1"):  # fmt: skip
        script = ["sh", "-c", f"cd /var/lib/mysql && {command}"]
        container.run(made.beside(SERVERS["mariadb.service"], script))
    for path in made.at("etc/keystone/fernet-keys").iterdir():
        path.unlink()
    for name in ("ovnsb_db.db", "ovnnb_db.db"):
        made.at(f"var/lib/ovn/{name}").write_bytes(b"OVSDB JSON 9999 garbage\n")
    # The debian deployer's broker throws damage away by itself (test_broker.py): it stays stopped.
    for schema in made.at("var/lib/rabbitmq/mnesia").glob("rabbit@*/schema.DAT"):
        schema.write_bytes(b"\0" * schema.stat().st_size)
    for unit, program in SERVERS.items():
        if "rabbitmq" not in unit:
            start = ["systemctl", "start", "--no-block", unit]
            container.run(made.beside(program, start))
    time.sleep(20)
