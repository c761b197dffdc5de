"""The log bundle: secrets planted wherever a log may spell one do not come out of it."""

from __future__ import annotations

import base64
import io
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aio_image.appliance import bundle, masking
from aio_image.appliance.layout import Layout
from aio_image.appliance.masking import Masker, known_secrets
from aio_image.appliance.problems import ApplianceProblem
from tests.unit.appliance.small_image import spelled_anywhere

SECRET = "Zk3vQ9sX1bN7mR5tY2wL8pD4hJ6gF0cAqWeRtYu1"
FERNET = base64.urlsafe_b64encode(bytes(range(32))).decode()
# Put together here, so that no file of the project looks like a key.
PEM = "-----BEGIN EC " + "PRIVATE KEY-----\nMHcCAQEEIGx0aGlzaXNub3RhcmVhbGtleQ==\n-----END EC "
PEM += "PRIVATE KEY-----\n"


def plant(layout: Layout) -> dict[str, str]:
    """Secrets in their places, and a log that spells each in many ways; name → spelling."""
    layout.secrets.parent.mkdir()
    layout.secrets.write_text(f"keystone_auth_admin_password: {SECRET}\n")
    keys = layout.at("/etc/keystone/fernet-keys")
    keys.mkdir(parents=True)
    (keys / "0").write_text(FERNET)
    layout.pki.mkdir()
    (layout.pki / "ca.key").write_text(PEM)
    layout.config.write_text(
        "secrets:\n  nova_service_password: chosen-but-not-taken-over\nfqdn: not valid\n"
        "user_variables:\n  horizon_secret_key: of-the-owners-own\n"
    )
    spelled = {
        "plain": SECRET,
        "base64": base64.b64encode(f"admin:{SECRET}".encode()).decode(),
        "base64, one on": base64.b64encode(f"admin1:{SECRET}:x".encode()).decode(),
        "base64, two on": base64.b64encode(f"admin12:{SECRET}:x".encode()).decode(),
        "fernet": FERNET,
        "in the configuration": "chosen-but-not-taken-over",
        "an owner's variable": "of-the-owners-own",
        "key": "MHcCAQEEIGx0aGlzaXNub3RhcmVhbGtleQ==",
        "token": "gAAAAAB" + "k" * 120,
        "url": "rabbit://nova:unknownpassword@127.0.0.1",
        "bcrypt": "$2b$04$" + "a" * 53,
        "mariadb": "*" + "0123456789ABCDEF" * 2 + "01234567",
    }
    log = layout.at("/var/log/nova/nova.log")
    log.parent.mkdir(parents=True)
    log.write_text(
        "".join(f"Nov 22 aio-1 nova[1]: {name}={word}!\n" for name, word in spelled.items())
    )
    with log.open("a") as more:
        # A private key as a journal shows it: each line with words before it.
        more.write("".join(f"Nov 22 aio-1 x: {line}\n" for line in PEM.splitlines()))
    return spelled


def unpacked(target: Path, into: Path) -> Path:
    data = subprocess.run(["zstd", "-dc", target], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        tar.extractall(into)
    return into


def test_no_planted_secret_comes_out(image: Layout, tmp_path: Path) -> None:
    spelled = plant(image)
    contents = bundle.Contents(
        commands={
            "echo.txt": ["printf", f"said {SECRET[:20]}%s", SECRET[20:]],
            "absent.txt": ["no-such-program"],
            "slow.txt": ["sleep", "30"],
        },
        beside={},
        inside={},
        files=["/etc/aio/config.yaml", "/var/log/nova/*.log"],
        seconds=0.5,
        largest=1 << 20,
    )
    target = tmp_path / "aio-report-x.tar.zst"
    size = bundle.write(image, contents, Masker(known_secrets(image)), target)
    assert size == target.stat().st_size
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    inside = unpacked(target, tmp_path / "inside")
    for name, word in spelled.items():
        whole = word if not name.startswith("base64") else word[10:-6]
        assert not spelled_anywhere(inside, whole.encode()), name
    # What is in a middle part of the base64 decodes to nothing of the secret.
    top = inside / "aio-report-x"
    log = (top / "files/var/log/nova/nova.log").read_text()
    assert "plain=" + "*" * len(SECRET) + "!" in log
    for line in log.splitlines():
        name, _, word = line.rpartition("]: ")[2].rstrip("!").partition("=")
        if name.startswith("base64"):
            decoded = base64.b64decode(word.replace("*", "A") + "==")
            assert all(SECRET.encode()[at : at + 4] not in decoded for at in range(36))
    assert "no-such-program" in (top / "absent.txt").read_text()
    assert "not over after" in (top / "slow.txt").read_text()
    assert (top / "echo.txt").read_text().startswith("said ***")
    with pytest.raises(ApplianceProblem, match="File exists"):
        bundle.write(image, contents, Masker([]), target)


KEYSTONE = "aio1-keystone-container-93037079"


@pytest.fixture
def with_container(image: Layout) -> Layout:
    """Keystone is in a container, and its configuration where a link leads."""
    root = image.at(f"/var/lib/lxc/{KEYSTONE}/rootfs")
    (root / "openstack/venvs/keystone-33/etc/keystone/fernet-keys").mkdir(parents=True)
    (root / "openstack/venvs/keystone-33/etc/keystone/fernet-keys/1").write_text(FERNET)
    (root / "etc").mkdir()
    (root / "etc/keystone").symlink_to("/openstack/venvs/keystone-33/etc/keystone")
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/only-in-there").touch()
    (root.parent / "config").write_text("lxc.include = /usr/share/lxc/config/common.conf\n")
    image.secrets.parent.mkdir()
    image.secrets.write_text(f"keystone_auth_admin_password: {SECRET}\n")
    return image


def test_secrets_in_containers_are_known(with_container: Layout) -> None:
    assert {FERNET, SECRET} <= known_secrets(with_container)


def test_a_container_whose_configuration_is_gone_has_secrets_all_the_same(
    with_container: Layout,
) -> None:
    """A report is made of what is broken."""
    root = with_container.at(f"/var/lib/lxc/{KEYSTONE}/rootfs")
    (root.parent / "config").unlink()
    (root / "etc/keystone").unlink()
    keys = root / "etc/keystone/fernet-keys"
    keys.mkdir(parents=True)
    (keys / "1").write_text(FERNET)
    loop = with_container.at("/etc/keystone/credential-keys")
    loop.parent.mkdir(parents=True, exist_ok=True)
    loop.symlink_to(loop.name)
    assert {FERNET, SECRET} <= known_secrets(with_container)


def test_containers_are_asked_where_only_they_can_answer(
    with_container: Layout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[list[str]] = []

    @contextmanager
    def output(command: list[str], _: float) -> Iterator[IO[bytes]]:
        asked.append(command)
        yield io.BytesIO(b"said")

    monkeypatch.setattr(bundle, "_output", output)
    contents = bundle.Contents(
        commands={
            "host.txt": ["sh", "-c", ":"],
            "north.txt": ["only-in-there", "show"],
            "beside.txt": ["true", "that the host has too"],
        },
        beside={"true": "usr/bin/only-in-there"},
        inside={"journal.txt": ["journalctl"]},
        files=[],
        seconds=1,
        largest=1 << 20,
    )
    bundle.write(with_container, contents, Masker([]), tmp_path / "aio-report-x.tar.zst")
    there = ["lxc-attach", "--name", KEYSTONE, "--"]
    assert asked == [
        ["sh", "-c", ":"],
        [*there, "only-in-there", "show"],
        [*there, "true", "that the host has too"],
        [*there, "journalctl"],
    ]
    inside = unpacked(tmp_path / "aio-report-x.tar.zst", tmp_path / "inside")
    assert (inside / f"aio-report-x/containers/{KEYSTONE}/journal.txt").read_text() == "said"


def test_a_configuration_that_is_not_yaml_is_masked_by_line(image: Layout) -> None:
    image.config.write_text('secrets: {\n nova_service_password: "spelled-in-a-broken-file"\n')
    assert "spelled-in-a-broken-file" in known_secrets(image)


def test_what_is_too_large_loses_its_beginning(image: Layout, tmp_path: Path) -> None:
    log = image.at("/var/log/x.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("".join(f"line {number}\n" for number in range(10000)))
    contents = bundle.Contents({}, {}, {}, ["/var/log/x.log"], 1, 1000)
    target = tmp_path / "r.tar.zst"
    bundle.write(image, contents, Masker([]), target)
    text = (unpacked(target, tmp_path / "in") / "r/files/var/log/x.log").read_text()
    assert text.splitlines()[-1] == "line 9999" and text.startswith("line 99")


def test_a_file_of_the_kernel_has_no_end_to_go_to(tmp_path: Path) -> None:
    target = tmp_path / "r.tar.zst"
    bundle.write(
        Layout(), bundle.Contents({}, {}, {}, ["/proc/cmdline"], 1, 100000), Masker([]), target
    )
    found = unpacked(target, tmp_path / "in") / "r/files/proc/cmdline"
    assert found.read_text() == Path("/proc/cmdline").read_text()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 3 * masking._LONGEST), st.integers(4000, 60000))
def test_a_border_between_pieces_hides_nothing(at: int, piece: int) -> None:
    data = bytearray(b"." * (3 * masking._LONGEST + 100))
    data[at : at + len(SECRET)] = SECRET.encode()

    class Pieces(io.BytesIO):
        def read(self, _: int | None = -1) -> bytes:
            return super().read(piece)

    masker = Masker([SECRET])
    cleaned = b"".join(masker.stream(Pieces(bytes(data))))
    assert cleaned == masker.clean(bytes(data))
    assert SECRET.encode()[:20] not in cleaned and len(cleaned) == len(data)


def test_the_images_own_list_can_be_read() -> None:
    listed = Path(masking.__file__).with_name("files") / "report.yaml"
    contents = bundle.Contents.load(listed)
    assert all(isinstance(word, str) for line in contents.commands.values() for word in line)
    assert contents.seconds > 0 and Path(contents.files[0]).is_absolute()
