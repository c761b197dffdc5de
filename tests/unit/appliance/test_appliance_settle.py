"""Later boots: what changed is done again, nothing else is, and a broken file stops nothing."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from aio_image.appliance import addresses, notices, personalise, pki, readdress, settled
from aio_image.appliance.config import Config, DataDisk, Network, Proxy, Storage
from aio_image.appliance.layout import Layout
from aio_image.appliance.machine import Record
from aio_image.appliance.problems import ApplianceProblem
from aio_image.appliance.status import Reporter
from tests.power_cuts import PowerCut
from tests.unit.appliance.small_image import BAKE_ID, spelled_anywhere
from tests.unit.appliance.test_appliance_personalise import (
    check_certificate,
    check_end,
    cut_power_after,
    seeded,
)

OLD, NEW = "cloud.example.org", "moved.example.org"


def boot(image: Layout) -> list[str]:
    work = personalise.run(image, Reporter(image))
    return work.ran if work is not None else ["nothing could be settled"]


@pytest.fixture
def settled_image(image: Layout) -> Layout:
    """After its first boot, whose statements MariaDB has taken in."""
    boot(seeded(image))
    image.database_sql.unlink()
    return image


def content(image: Layout) -> dict[str, bytes]:
    left_out = {"run", "dev"}
    return {
        str(path.relative_to(image.root)): path.read_bytes()
        for path in sorted(image.root.rglob("*"))
        if path.is_file() and path.relative_to(image.root).parts[0] not in left_out
    }


def move(image: Layout) -> None:
    image.config.write_text(image.config.read_text().replace(OLD, NEW).replace(".10", ".20"))


def check_moved(image: Layout, ca: bytes) -> None:
    check_certificate(image)
    assert (image.pki / "ca.pem").read_bytes() == ca, "clients trust the CA: it stays"
    names = subprocess.run(
        ["openssl", "x509", "-in", image.pki / "server.pem", "-noout", "-text"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert f"DNS:{NEW}" in names
    assert "IP Address:192.0.2.20" in names
    for old in (OLD, "192.0.2.10"):
        assert old not in names
        assert [
            name for name in spelled_anywhere(image.root, old.encode())
            if not name.startswith(("var/lib/cloud", "dev/"))
        ] == []  # fmt: skip
    sql = image.database_sql.read_text()
    assert f"'https://{NEW}'" in sql
    assert "password" not in sql, "a password its owner changed since is not set back"
    assert f"https://{NEW}:6080" in image.at("/etc/nova/nova.conf.d/50-aio-public.conf").read_text()


def test_a_boot_on_which_nothing_changed_writes_nothing(settled_image: Layout) -> None:
    before = content(settled_image)
    assert boot(settled_image) == []
    assert content(settled_image) == before


def test_a_boot_on_which_nothing_changed_reads_no_yaml(settled_image: Layout) -> None:
    program = (
        "import sys, pathlib\n"
        "from aio_image.appliance import cli, layout\n"
        "code = cli.main(['personalise'], layout.Layout(pathlib.Path(sys.argv[1])))\n"
        "heavy = {'yaml', 'tempfile', 'bcrypt', 'ssl', 'asyncio'} & set(sys.modules)\n"
        "sys.exit(code or ', '.join(heavy) or None)\n"
    )
    done = subprocess.run(
        [sys.executable, "-IS", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{program}",
         settled_image.root], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_new_address_and_name(settled_image: Layout) -> None:
    ca = (settled_image.pki / "ca.pem").read_bytes()
    move(settled_image)
    assert boot(settled_image) == ["address", "certificate", "database", "public"]
    check_moved(settled_image, ca)
    assert settled.values(settled_image)["host"] == NEW
    assert boot(settled_image) == []


def test_moved_before_mariadb_was_told_of_the_first_boot(image: Layout) -> None:
    boot(seeded(image))
    move(image)
    boot(image)
    sql = image.database_sql.read_text()
    assert f"'https://{NEW}'" in sql
    assert "ALTER USER" in sql, "first boot's passwords are still to be set"


def test_a_further_address_that_comes_late_changes_nothing(
    settled_image: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def others(*there: str) -> None:
        found = addresses.PublicHost("192.0.2.10", OLD, there)
        monkeypatch.setattr(addresses, "find", lambda *_: found)

    others("198.51.100.2", "2001:db8::2")
    assert boot(settled_image) == ["address", "certificate", "public"]
    others("198.51.100.2")
    assert boot(settled_image) == []
    others("198.51.100.3")
    assert boot(settled_image) == ["address", "certificate", "public"]


def test_a_broken_configuration_takes_nothing_down(settled_image: Layout) -> None:
    before = content(settled_image)
    settled_image.config.write_text("public_adress: 192.0.2.99\n")
    assert boot(settled_image) == []
    assert content(settled_image) == before | {
        "etc/aio/config.yaml": b"public_adress: 192.0.2.99\n"
    }
    (warning,) = [one for one in notices.every(settled_image) if "public_adress" in one]
    assert "line 1" in warning
    assert "stays in force" in warning
    settled_image.config.write_text("public_address: 192.0.2.99\n")
    assert "address" in boot(settled_image)
    assert not [one for one in notices.every(settled_image) if "public_adress" in one]


def test_what_goes_wrong_later_is_a_warning(
    settled_image: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", str(settled_image.pki / "server.pem"))

    move(settled_image)
    monkeypatch.setattr(pki, "make_certificate", full)
    assert personalise.run(settled_image, Reporter(settled_image)) is None
    (warning,) = notices.every(settled_image)
    assert "is full: " in warning
    assert "what was settled before holds" in warning
    monkeypatch.undo()
    assert "certificate" in boot(settled_image)


def test_secrets_chosen_later_are_not_taken_and_not_left_lying(settled_image: Layout) -> None:
    secrets = settled_image.secrets.read_bytes()
    later = "another-one-chosen-later"
    settled_image.config.write_text(f"secrets:\n  nova_service_password: {later}\n")
    boot(settled_image)
    assert settled_image.secrets.read_bytes() == secrets
    assert spelled_anywhere(settled_image.root, later.encode()) == []
    assert any("secrets.nova_service_password" in one for one in notices.every(settled_image))


def test_a_power_cut_while_settling_changes_nothing(
    tmp_path: Path, settled_image: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca = (settled_image.pki / "ca.pem").read_bytes()

    def copy(name: str) -> Layout:
        subprocess.run(["cp", "-a", settled_image.root, tmp_path / name], check=True)
        there = Layout(tmp_path / name)
        move(there)
        return there

    with monkeypatch.context() as counting:
        count = cut_power_after(counting, 10**9)
        boot(copy("whole"))
        total = count()
    assert total > 20
    for calls in random.Random(os.urandom(8)).sample(range(1, total), 12):
        image = copy(str(calls))
        with monkeypatch.context() as cut, contextlib.suppress(PowerCut):
            cut_power_after(cut, calls)
            boot(image)
        boot(image)
        check_moved(image, ca)
        left = [path.name for path in image.root.rglob("*") if ".aio-" in path.name]
        assert left == []


def test_a_changed_owner_word_is_written_and_removed(settled_image: Layout) -> None:
    place = settled_image.at("/etc/nova/nova.conf.d/90-aio-user.conf")
    config = settled_image.config.read_text()
    more = (
        "user_variables:\n  nova_nova_conf_overrides:\n    DEFAULT: {debug: true, host: [a, b]}\n"
    )
    settled_image.config.write_text(config + more)
    assert boot(settled_image) == ["overrides"]
    assert place.read_text().endswith("[DEFAULT]\ndebug = True\nhost = a,b\n")
    assert place.stat().st_mode & 0o777 == 0o640
    settled_image.config.write_text(config)
    assert boot(settled_image) == ["overrides"]
    assert not place.exists()


def test_user_variables_are_written_where_the_service_is(settled_image: Layout) -> None:
    container = settled_image.at("/var/lib/lxc/aio1-nova-api-container-1e1e1e1e/rootfs")
    there = container / "openstack/venvs/nova-33.0.1/etc/nova"
    there.mkdir(parents=True)
    (container / "etc").mkdir()
    # As in an appliance: for this container the link begins at its own root.
    (container / "etc/nova").symlink_to("/openstack/venvs/nova-33.0.1/etc/nova")
    settled_image.at("/etc/nova").mkdir(parents=True, exist_ok=True)
    config = settled_image.config.read_text()
    more = "user_variables:\n  nova_nova_conf_overrides:\n    DEFAULT: {debug: true}\n"
    settled_image.config.write_text(config + more)
    assert boot(settled_image) == ["overrides"]
    places = [
        there / "nova.conf.d/90-aio-user.conf",
        settled_image.at("/etc/nova/nova.conf.d/90-aio-user.conf"),
    ]
    for place in places:
        assert "debug = True" in place.read_text()
    assert not settled_image.at("/openstack").exists()
    settled_image.config.write_text(config)
    boot(settled_image)
    assert not any(place.exists() for place in places)


def test_readdress_keeps_the_comments(settled_image: Layout) -> None:
    text = "# mine\npublic_address: 192.0.2.10  # the NAT's\nfqdn: cloud.example.org\n"
    settled_image.config.write_text(text)
    boot(settled_image)
    ca = (settled_image.pki / "ca.pem").read_bytes()
    readdress.ask_for(settled_image, {"public_address": "192.0.2.20", "fqdn": NEW})
    assert settled_image.config.read_text() == (
        f"# mine\npublic_address: 192.0.2.20  # the NAT's\nfqdn: {NEW}\n"
    )
    ran = readdress.now(settled_image, Reporter(settled_image))
    assert ran == ["address", "certificate", "database", "public"]
    check_moved(settled_image, ca)


def test_readdress_refuses_what_is_no_address(settled_image: Layout) -> None:
    before = settled_image.config.read_bytes()
    with pytest.raises(ApplianceProblem, match="not an IP address"):
        readdress.ask_for(settled_image, {"public_address": "192.0.2.300"})
    assert settled_image.config.read_bytes() == before


def test_readdress_before_the_first_boot(image: Layout) -> None:
    with pytest.raises(ApplianceProblem, match="not set up yet"):
        readdress.now(image, Reporter(image))
    with pytest.raises(ApplianceProblem, match="not set up yet"):
        readdress.ask_for(image, {"fqdn": NEW})
    assert not image.config.exists(), "a first boot is not told by the way"


def test_the_configuration_in_force_is_as_it_was_read() -> None:
    config = Config(
        fqdn=NEW,
        network=Network("192.0.2.2/24", "192.0.2.1", True, ("192.0.2.53",), ("example.org",)),
        proxy=Proxy("http://192.0.2.3:3128", None, ("example.net",)),
        data_disk=DataDisk("/dev/sdb", "xfs", True),
        storage=Storage(cinder=1 << 30),
        user_variables={"nova_nova_conf_overrides": {"DEFAULT": {"debug": True}}},
        force=True,
    )
    assert (
        settled.recall(settled.keep(config, "x")["content"] and settled.keep(config, "x")) == config
    )
    assert settled.recall({}) == Config()


def test_a_rebuilt_cloud_keeps_the_ca_that_clients_trust(settled_image: Layout) -> None:
    ca = (settled_image.pki / "ca.pem").read_bytes()
    for path in settled_image.memory.iterdir():
        path.unlink()
    boot(settled_image)
    check_certificate(settled_image)
    assert (settled_image.pki / "ca.pem").read_bytes() == ca


def test_first_boot_again_after_an_older_image(image: Layout) -> None:
    boot(seeded(image))
    assert Record.load(image.state, BAKE_ID).done.keys() >= {"address", "authority", "overrides"}
    check_end(image, "chosen-by-hand-and-long-enough")
