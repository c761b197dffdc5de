"""cloud-init's own word on the examples and on what `aio-image seed` makes.

It is the appliance's cloud-init: run in the root of a build that is kept, read-only, by chroot.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from aio_image.appliance import config, scrub
from aio_image.appliance.layout import Layout
from aio_image.appliance.ledger import Secret
from aio_image.boot.seed import Seed
from aio_image.boot.seed.known import Known
from aio_image.boot.seed.network import dhcp_of
from aio_image.boot.seed.request import Request, settle
from aio_image.paths import Home, resource
from tests.host.appliance.booted import not_built
from tests.host.chosen import FILE, ChosenSecret

pytestmark = pytest.mark.host

EXAMPLES = sorted((resource("cloud-init") / "examples").iterdir())
SEEDS = {
    "dhcp": {"public_interface": "ens3", "network.address": "dhcp", "network.search": "a.example"},
    "limited": {
        "public_interface": "ens3",
        "network.default_route": False,
        "network.nameservers": ["192.0.2.53"],
        "network.search": ["a.example"],
    },
    "router-outside": {
        "public_interface": "ens3",
        "network.address": "198.51.100.7/32",
        "network.gateway": "192.0.2.1",
    },
    "six": {
        "public_interface": "ens3",
        "network.address": "2001:db8::10/64",
        "network.gateway": "2001:db8::1",
    },
}
_INSIDE = """
mount --bind "$1" /mnt && mount -o remount,bind,ro /mnt
mount -t tmpfs tmpfs /mnt/run && mount -t tmpfs tmpfs /mnt/tmp
mkdir /mnt/tmp/seeds && mount --bind "$2" /mnt/tmp/seeds && shift 2 && cd / && exec chroot /mnt "$@"
"""


@dataclass(frozen=True)
class CloudInit:
    tree: Path
    folder: Path

    def run(self, *words: str) -> str:
        """What it says; the test fails when it is not content."""
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-ec", _INSIDE, "sh", self.tree, self.folder, *words],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def check(self, name: str) -> None:
        """Every file of ``folder/name`` against cloud-init's schema of it."""
        for file in sorted((self.folder / name).iterdir()):
            if file.name != "meta-data":
                kind = "cloud-config" if file.name == "user-data" else file.name
                place = f"/tmp/seeds/{name}/{file.name}"
                said = self.run("cloud-init", "schema", "-c", place, "--schema-type", kind)
                assert "Valid schema" in said
                assert "deprecated" not in said.lower()

    def rendered(self, name: str) -> dict[str, list[str]]:
        """The networkd files it makes of ``folder/name/network-config``: their lines by name."""
        script = (
            f"cloud-init devel net-convert -p /tmp/seeds/{name}/network-config -k yaml "
            "-d /tmp/out -D debian -O networkd >/dev/null && cd /tmp/out/etc/systemd/network && "
            "tail -n +1 -v *"
        )
        found: dict[str, list[str]] = {}
        name = ""
        for line in self.run("sh", "-c", script).splitlines():
            if line.startswith("==> "):
                name = line.split()[1]
            elif line:
                found.setdefault(name, []).append(line)
        return found


@pytest.fixture
def cloud_init(tmp_path: Path) -> CloudInit:
    trees = sorted(
        Home.default().steps.glob("root/*/tree/usr/bin/cloud-init"),
        key=lambda path: path.stat().st_mtime,
    )
    if not trees:
        not_built("no root of a build is kept: `aio-image build` makes one")
    return CloudInit(trees[-1].parents[2], tmp_path)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_examples(cloud_init: CloudInit, example: Path) -> None:
    shutil.copytree(example, cloud_init.folder / example.name)
    cloud_init.check(example.name)
    if (example / "network-config").exists():
        lines = cloud_init.rendered(example.name)["10-cloud-init-ens3.network"]
        assert "Address=192.0.2.10/24" in lines
        assert ("Gateway=192.0.2.1" in lines) == (example.name == "static-address")


@pytest.mark.parametrize("case", SEEDS)
def test_seeds(cloud_init: CloudInit, case: str) -> None:
    seed = settle(Request(settings=SEEDS[case]), Known.of("debian", ())).seed
    _write(cloud_init.folder / case, seed)
    if case != "router-outside":  # gateway4 is deprecated, and there is no other way to say it
        cloud_init.check(case)
    lines = cloud_init.rendered(case)["10-cloud-init-ens3.network"]
    wanted = {
        "dhcp": ["DHCP=ipv4"],  # a search domain alone is for config.yaml, later
        "limited": ["UseRoutes=False", "UseDNS=False", "DNS=192.0.2.53", "Domains=a.example"],
        "router-outside": ["Gateway=192.0.2.1", "GatewayOnLink=yes"],
        "six": ["Address=2001:db8::10/64", "Gateway=2001:db8::1"],
    }[case]
    assert [line for line in wanted if line not in lines] == []


def test_the_seed_of_a_test(cloud_init: CloudInit) -> None:
    _write(cloud_init.folder / "trial", Seed("aio", "{}\n", dhcp_of("52:54:00:00:00:01")))
    cloud_init.check("trial")
    (lines,) = cloud_init.rendered("trial").values()
    assert "MACAddress=52:54:00:00:00:01" in lines


# Two stages of a boot, as far as they read a seed and write its files; the rest is the machine's.
_BOOT = """
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" /mnt
mount -t proc proc /mnt/proc && cd /
chroot /mnt cloud-init init --local && chroot /mnt cloud-init init
"""
_ONLY_FILES = """
datasource_list: [NoCloud]
network: {config: disabled}
cloud_init_modules: [write_files]
"""


def test_what_cloud_init_remembers_tells_no_secret(cloud_init: CloudInit, tmp_path: Path) -> None:
    upper, work = tmp_path / "upper", tmp_path / "work"
    for folder in (upper, work):
        folder.mkdir()
    only = upper / "etc/cloud/cloud.cfg.d/99-test.cfg"
    only.parent.mkdir(parents=True)
    only.write_text(_ONLY_FILES)
    (upper / "run").mkdir()
    seed = ChosenSecret.choosing("keystone_auth_admin_password")
    known = {seed.name: Secret(seed.name, 40, (), (), ())}
    seed.write(upper)

    def boot() -> str:
        done = subprocess.run(
            ["unshare", "--mount", "--uts", "--net", "--pid", "--fork", "sh", "-ec", _BOOT, "sh",
             cloud_init.tree, upper, work],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return (upper / "var/log/cloud-init.log").read_text()

    boot()
    layout = Layout(upper)
    found = config.load(layout.config, known, layout.root)
    assert found.secrets[seed.name].value == seed.value
    told = seed.known_to(upper)
    assert FILE in told
    assert any(path.startswith("/var/lib/cloud/instances/") for path in told)
    scrub.scrub_copies(layout, [seed.value])
    scrub.retire(layout, found)
    assert seed.known_to(upper) == []
    # What is left is still a seed to cloud-init, and says the same machine.
    (upper / "var/log/cloud-init.log").unlink()
    log = boot()
    assert "Traceback" not in log
    assert "WARNING" not in log
    assert seed.known_to(upper) == []
    assert config.load(layout.config, known, layout.root) == config.Config()


def _write(folder: Path, seed: Seed) -> None:
    folder.mkdir()
    for name, text in seed.files().items():
        (folder / name).write_text(text)
