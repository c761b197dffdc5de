"""What the tests here build with: settings of a small Debian that boots, and a step's context."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aio_image.execution.context import StepContext
from aio_image.paths import Home
from aio_image.plan.model import Step
from aio_image.report.events import Events, StepProgress

ROOT_SETTINGS: dict[str, Any] = {
    "system.distribution": "debian",
    "system.release": "trixie",
    "system.architecture": "amd64",
    "mirrors.debian": None,
    "packages": [
        "busybox-static",
        "cloud-guest-utils",
        "cloud-init",
        "dbus",
        "e2fsprogs",
        "gdisk",
        "grub-common",
        "grub-efi-amd64-signed",
        "grub-pc-bin",
        "grub2-common",
        "initramfs-tools",
        "iproute2",
        "iputils-ping",
        "linux-image-cloud-amd64",
        "python3-yaml",
        "qemu-utils",
        "shim-signed",
        "systemd-resolved",
        "systemd-sysv",
        "udev",
        "zstd",
    ],
    "stand_in": ["aio-nothing", "aio-more-of-nothing"],
    "exclude": ["/usr/share/bash-completion/*"],
}
IMAGE_SETTINGS: dict[str, Any] = {
    "image_elements": ["aio-image-disk", "aio-image-efi", "aio-image-grub"],
    "system.architecture": "amd64",
    "image.size": 3 * 2**30,
    "image.format": "qcow2",
    "image.compression": "zstd",
    "image.filesystem": "ext4",
    "image.label": "aio-test",
    "kernel.cmdline": "net.ifnames=0",
    "kernel.console": "ttyS0,115200",
}


class Build:
    """Runs steps in a folder of its own; downloads are shared with the user's own builds."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.told: list[tuple[str, float | None]] = []
        kept = Home.default().downloads
        kept.mkdir(parents=True, exist_ok=True)
        self.home.downloads.symlink_to(kept)

    def context(
        self, name: str, settings: Mapping[str, Any], inputs: Mapping[str, Path] | None = None
    ) -> StepContext:
        output, work = self.home.root / "out" / name, self.home.work / name
        for folder in (output, work):
            folder.mkdir(parents=True)
        log = self.home.root / f"{name}.log"
        log.touch()

        def listen(event: object) -> None:
            if isinstance(event, StepProgress):
                self.told.append((event.message, event.fraction))

        inputs = inputs or {}
        step = Step(name, name, tuple(inputs), settings, (), "0" * 64, layers=tuple(inputs))
        return StepContext(step, self.home, inputs, output, work, log, Events(listen))
