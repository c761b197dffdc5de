"""What runs the guest, which processor it sees, and how long it may therefore take."""

from __future__ import annotations

from dataclasses import dataclass

from aio_image.errors import HostError
from aio_image.host import kvm
from aio_image.host.kvm import Accelerator
from aio_image.paths import Home

CHOICES = ("auto", "kvm", "tcg")


@dataclass(frozen=True)
class Limits:
    """How long a guest may take, in seconds.

    ``healthy``: from power-on to healthy. ``silent``: without a sign of life on the console.
    ``request``: one API request, whose service may be answering for the first time.
    ``resource``: until a volume or an instance has the state asked for.
    """

    healthy: float
    silent: float
    request: float
    resource: float


# TCG runs such a guest about five to eight times slower, and build hosts are seldom idle.
_TCG_FACTOR = 8.0


def limits(accelerator: str, healthy: float, check: float) -> Limits:
    """Limits from those of a profile, which are for KVM: seconds to healthy and of a check.

    ``accelerator`` is kvm or tcg.
    """
    factor = 1.0 if accelerator == "kvm" else _TCG_FACTOR
    return Limits(
        healthy=healthy * factor,
        silent=max(healthy / 3, 60.0) * factor,
        request=check * factor,
        resource=2 * check * factor,
    )


def choose(home: Home, wanted: str = "auto") -> Accelerator:
    """The accelerator to boot with; ``wanted`` is one of ``CHOICES``.

    KVM only where a guest really runs under it. Raises HostError when KVM is asked for and not
    usable, when QEMU is missing, and when TCG would meet QEMU's bug with Debian 13's kernel.
    """
    found = Accelerator("tcg", "asked for") if wanted == "tcg" else kvm.accelerator(home)
    if wanted == "kvm" and found.name != "kvm":
        raise HostError(
            f"KVM cannot run a guest here: {found.reason}",
            hint="leave --accelerator away to boot under TCG, which is slower",
        )
    version = kvm.qemu_version()
    if version is None:
        raise HostError(f"{kvm.QEMU} is not installed", hint="run `make setup`")
    if found.name == "tcg" and version < kvm.TCG_GOOD_SINCE:
        have = ".".join(map(str, version))
        need = ".".join(map(str, kvm.TCG_GOOD_SINCE))
        raise HostError(
            f"QEMU {have} without KVM stops Debian 13's kernel (cmpxchg16b); {need} or later "
            f"does not. KVM is not used because: {found.reason}",
            hint="Debian 12 has QEMU 10 in its backports: "
            "apt install -t bookworm-backports qemu-system-x86 (`make setup` does it)",
        )
    return found
