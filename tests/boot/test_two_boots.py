"""Two boots of one image share no secret and no identity; and none of a boot's secrets leaks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.boot.native.boot import ADDRESS, ADMIN, Boot, Who, powered
from tests.boot.native.disk import RootDisk
from tests.boot.table import Table
from tests.private import in_private

pytestmark = pytest.mark.boot
_SCRIPTS = Path(__file__).with_name("on_appliance")
_CHOSEN = ("ChosenForTheFirst0123456789", "ChosenForTheSecond012345678")
# What a container has not; in a machine it is compared (test_machines.py).
_NOT_IN_A_CONTAINER = {
    "random seed /var/lib/systemd/random-seed", "volume group", "physical volumes",
    "hardware address of br-int", "hardware address of br-ex",
}  # fmt: skip
# Not there unless a program asks for it, or a package is added.
_OPTIONAL = {
    "credential secret /var/lib/systemd/credential.secret", "NVMe host /etc/nvme/host*",
    "horizon secret key /var/lib/openstack-dashboard/secret-key/*",
}  # fmt: skip


def ask(boot: Boot, script: str) -> Any:
    """What a script of ``on_appliance`` prints when it is run there."""
    text = (_SCRIPTS / script).read_text(encoding="utf-8")
    return json.loads(boot.inside("python3", "-I", "-", feed=text))


def _ended(boot: Boot) -> bool:
    """Whether the watcher is through: its process ends when it has nothing left to do."""
    shown = boot.inside("systemctl", "show", "--property=SubState", "aio-ready.service")
    return "exited" in shown


def shared(one: dict[str, str | None], other: dict[str, str | None]) -> list[str]:
    """What both have, and have alike."""
    return sorted(name for name in one if one[name] and one[name] == other.get(name))


def absent(one: dict[str, str | None], known: set[str]) -> list[str]:
    """What an appliance should have and has not."""
    return sorted(name for name, value in one.items() if value is None and name not in known)


def _places(disk: RootDisk, secret: str, scratch: Path) -> list[str]:
    """The files that spell ``secret``; fails where the raw disk has it more often than they do."""
    on_disk = disk.find([secret.encode()])
    with disk.mounted(scratch / "look") as root:
        in_files = [
            f"/{path.relative_to(root)}"
            for path in _files(root)
            for _ in range(_count(path, secret))
        ]
    assert len(on_disk) == len(in_files), (on_disk, in_files)
    return sorted(set(in_files))


def _files(root: Path) -> Iterator[Path]:
    """Every regular file below ``root``, those with several names once."""
    seen = set()
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.stat().st_ino not in seen:
            seen.add(path.stat().st_ino)
            yield path


def _count(path: Path, text: str) -> int:
    return path.read_bytes().count(text.encode())


def test_two_boots(base: RootDisk, scratch: Path, results: Path) -> None:
    scratch.mkdir(parents=True, exist_ok=True)
    table = Table(results, "two-boots", ("item", "first", "second", "verdict"))

    def body() -> None:
        found: list[dict[str, str | None]] = []
        leaks = []
        for number, chosen in enumerate(_CHOSEN):
            disk = base.copy(scratch / f"disk{number}.raw")
            who = Who(instance_id=f"aio-{number}", config={"secrets": {ADMIN: chosen}})
            with powered(disk, scratch, who) as boot:
                boot.until_healthy()
                # The watcher's last work, after it has said healthy: freed blocks are discarded.
                while not _ended(boot):
                    assert boot.seconds < 600
                found.append(ask(boot, "identities.py"))
                leaks.append(ask(boot, "leaks.py"))
                page = boot.outside("curl", "-sk", f"https://{ADDRESS}/aio/status")
                values = [value.encode() for value in boot.secrets().values()]
            told = json.loads(page)
            assert told["state"] == "healthy"
            assert not any(value in page.encode() for value in values)
            # Each place on the raw disk is in a file that is meant to have it: no freed block is.
            table.note(**{f"chosen secret, boot {number}": _places(disk, chosen, scratch)})
            disk.path.unlink()
        for name in sorted({*found[0], *found[1]}):
            one, other = found[0].get(name), found[1].get(name)
            verdict = "-" if one is None and other is None else "same" if one == other else "differ"
            table.add(item=name, first=(one or "")[:12], second=(other or "")[:12], verdict=verdict)
        table.note(leaks=leaks)
        assert shared(*found) == []
        assert absent(found[0], _NOT_IN_A_CONTAINER | _OPTIONAL) == []
        assert [each["found"] for each in leaks] == [[], []]

    in_private(body)
    shutil.rmtree(scratch)
