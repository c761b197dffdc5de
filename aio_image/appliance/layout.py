"""Where the appliance keeps things, all under one root so that tests use real files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from . import roots


@dataclass(frozen=True)
class Layout:
    """The appliance's own paths below ``root`` ("/" on an appliance)."""

    root: Path = Path("/")

    def at(self, absolute: str) -> Path:
        """``/etc/nova/nova.conf`` → that file below the root."""
        return self.root / absolute.lstrip("/")

    @property
    def config(self) -> Path:
        """What its owner asks for: written by cloud-init or by hand, or absent."""
        return self.at("/etc/aio/config.yaml")

    @property
    def release(self) -> Path:
        """Which build this is; holds the bake id."""
        return self.at("/etc/aio/release.yaml")

    @property
    def ledger(self) -> Path:
        """Where each secret lives, written by the seal."""
        return self.at("/usr/lib/aio/ledger.json")

    @property
    def pristine(self) -> Path:
        """The state before first boot, packed by the seal; a reset puts it back."""
        return self.at("/usr/lib/aio/pristine.tar.zst")

    @property
    def pristine_index(self) -> Path:
        """What is in ``pristine``, and by which rules it is put back."""
        return self.at("/usr/lib/aio/pristine.json")

    @property
    def recovery(self) -> Path:
        """What ``aio recover`` looks at, in order; written by the bake."""
        return self.at("/usr/share/aio/recovery.json")

    @property
    def reset_order(self) -> Path:
        """There while a reset or rebuild is asked for and not over."""
        return self.at("/var/lib/aio-reset/order.json")

    @property
    def system_update(self) -> Path:
        """systemd boots to system-update.target while this link is there."""
        return self.at("/system-update")

    @property
    def services(self) -> Path:
        """What runs here and how to tell that it works, written by the bake."""
        return self.at("/usr/share/aio/services.json")

    @property
    def secrets(self) -> Path:
        """OpenStack-Ansible's own file of secrets."""
        return self.at("/etc/openstack_deploy/user_secrets.yml")

    @property
    def pki(self) -> Path:
        """CA and certificate of this appliance."""
        return self.at("/etc/aio/pki")

    @property
    def memory(self) -> Path:
        """What must survive a power cut: finished stages, values fixed at first boot."""
        return self.at("/var/lib/aio")

    @property
    def state(self) -> Path:
        return self.memory / "state.json"

    @property
    def storage(self) -> Path:
        """What storage has made, and which disk is the cloud's; a reset leaves it."""
        return self.at("/var/lib/aio-storage/storage.json")

    @property
    def personalised(self) -> Path:
        """Exists once personalise is over; the unit's condition looks for it."""
        return self.memory / "personalised"

    @property
    def database_sql(self) -> Path:
        """What MariaDB still has to be told; removed by ``apply-database``, beside it."""
        root = roots.containers(self.root).get(self.database_container, roots.HOST)
        return self.at(f"{root}/var/lib/aio/database.sql")

    @property
    def database_container(self) -> str:
        """The container that MariaDB runs in: the one with the program that tells it; or ""."""
        for name, root in roots.containers(self.root).items():
            if self.at(f"{root}/usr/lib/aio/apply-database").exists():
                return name
        return ""

    @property
    def changing(self) -> Path:
        """The optional service that is being enabled or disabled, while it is."""
        return self.memory / "changing.json"

    @property
    def orders(self) -> Path:
        """What of OpenStack-Ansible is run on the appliance itself; not every image has such."""
        return self.at("/usr/share/aio/deploy.json")

    @property
    def deployed(self) -> Path:
        """Which of those orders are over."""
        return self.memory / "deployed.json"

    @property
    def additions(self) -> Path:
        """What OpenStack-Ansible's playbooks can add to the cloud; not every image has such."""
        return self.at("/usr/share/aio/additions.json")

    @property
    def added(self) -> Path:
        """Which of those were added."""
        return self.memory / "added.json"

    @property
    def run(self) -> Path:
        """What is true of this boot only."""
        return self.at("/run/aio")

    @property
    def status(self) -> Path:
        return self.run / "status.json"

    @property
    def stages(self) -> Path:
        """When personalise's stages of this boot began and ended."""
        return self.run / "stages.json"

    @property
    def fence_map(self) -> Path:
        """haproxy's map: is the fence open, and what the status page says."""
        return self.run / "fence.map"

    @property
    def haproxy_socket(self) -> Path:
        return self.at("/run/haproxy/admin.sock")

    @property
    def fence_socket(self) -> Path:
        """The same of the haproxy that only has the status page (``fence.py``)."""
        return self.at("/run/aio-fence/admin.sock")

    @property
    def fence_alone(self) -> Path:
        """Exists while that haproxy was asked for, in this boot."""
        return self.run / "fence-alone"

    @property
    def banner(self) -> Path:
        """Shown above every console's log-in prompt."""
        return self.at("/run/issue.d/aio.issue")

    @property
    def running(self) -> bool:
        """Whether this is the machine itself, and not a tree that a test made."""
        return self.root == Path("/")

    @property
    def settle(self) -> Path:
        """What this deployer's appliance settles by, written by the bake."""
        return self.at("/usr/share/aio/settle.json")

    @property
    def certificates(self) -> Path:
        """Certificates inside the cloud that first boot makes anew; not every deployer has such."""
        return self.at("/usr/share/aio/certificates.json")

    @property
    def urls(self) -> Path:
        """Which files have the public host in URLs; not every deployer has such."""
        return self.at("/usr/share/aio/urls.json")

    @property
    def clock_epoch(self) -> Path:
        """Its time is when the image was built; systemd knows it too."""
        return self.at("/usr/lib/clock-epoch")

    def give(self, path: Path, group: str | None) -> None:
        """Let ``group`` own ``path`` beside root; not in a tree, which has users of its own."""
        if group is not None and self.running:
            import grp  # noqa: PLC0415 - most boots give nothing away

            os.chown(path, -1, grp.getgrnam(group).gr_gid)
