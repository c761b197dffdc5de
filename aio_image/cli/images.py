"""What `test` and `run` share: an image with what its manifest says, and options to boot it by."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aio_image import deployers
from aio_image.boot.accelerator import CHOICES
from aio_image.boot.appliance import Machine
from aio_image.boot.disks import image_format
from aio_image.boot.domain import FIRMWARE
from aio_image.boot.offer import Offer, Size
from aio_image.boot.ports import HTTP, HTTPS, SSH
from aio_image.boot.seed.ssh_keys import read_keys
from aio_image.cli.options import DEFAULT_PROFILE
from aio_image.errors import UsageError
from aio_image.health.target import expected_of
from aio_image.manifest.deliver import beside
from aio_image.profile.load import load_profile
from aio_image.profile.units import parse_size
from aio_image.report.events import Events, Notice

_MIB = 1 << 20


def boot_arguments(parser: argparse.ArgumentParser) -> None:
    """IMAGE (which other options may stand for) and the options that say how to boot it."""
    parser.add_argument(
        "image",
        type=Path,
        metavar="IMAGE",
        nargs="?",
        help="the QCOW2 (never written to)",
    )
    group = parser.add_argument_group("how to boot it")
    group.add_argument(
        "--firmware",
        choices=FIRMWARE,
        default="bios",
        help="bios, uefi, or secure: uefi with Secure Boot (default: %(default)s)",
    )
    group.add_argument(
        "--memory",
        type=_mebibytes,
        metavar="SIZE",
        help="as 8GiB; a bare number is MiB (default: the profile's)",
    )
    group.add_argument(
        "--cpus", type=_count, metavar="N", help="processors (default: the profile's)"
    )
    group.add_argument(
        "--accelerator",
        choices=CHOICES,
        default="auto",
        help="auto takes KVM where a guest really runs with it (default: %(default)s)",
    )
    group.add_argument(
        "--network",
        metavar="NAME",
        help="a libvirt network (default: ports forwarded from a loopback address)",
    )
    group.add_argument(
        "--connect", metavar="URI", help="libvirt's connection (default: what suits this host)"
    )
    group.add_argument("--ssh-key", type=Path, metavar="FILE", help="public key to let in by ssh")
    group.add_argument(
        "--time-limit",
        type=_seconds,
        metavar="SECONDS",
        help="until healthy (default: the profile's, eight times that without KVM)",
    )


def check_image(args: argparse.Namespace) -> None:
    """Raise UsageError when no IMAGE was given to a command that is to boot one."""
    if args.image is None:
        hint = f"as `aio-image {args.command} build/{DEFAULT_PROFILE}.qcow2`"
        raise UsageError("which IMAGE?", hint=hint)


def machine_of(args: argparse.Namespace, offer: Offer, size: Size, **more: Any) -> Machine:
    """The machine that ``args`` ask for, of ``size`` where they do not say.

    Raises UsageError when their image is none, or their key: before anything is begun.
    """
    image_format(args.image)
    return Machine(
        image=args.image,
        guest_ports=offer.ports,
        memory=args.memory or size.memory,
        cpus=args.cpus or size.cpus,
        healthy=offer.healthy,
        check=offer.check,
        units=offer.units,
        firmware=args.firmware,
        accelerator=args.accelerator,
        connect=args.connect,
        network=args.network,
        ssh_keys=read_keys(args.ssh_key) if args.ssh_key else (),
        time_limit=args.time_limit,
        **more,
    )


def about(image: Path | None) -> tuple[dict[str, Any], Path]:
    """What the manifest beside ``image`` says, and where that is.

    Without one, or an image, what the default profile would have it say. Raises UsageError.
    """
    manifest = beside(image)[1] if image else Path(DEFAULT_PROFILE)
    return (_read(manifest) if image and manifest.is_file() else _default()), manifest


def tell_guess(image: Path, events: Events) -> None:
    """Say so where no manifest is beside ``image``: it is then taken for the default profile's."""
    manifest = beside(image)[1]
    if not manifest.is_file():
        told = f"{manifest} is not there: checks and sizes are those of {DEFAULT_PROFILE}"
        events.emit(Notice(told, level="warning"))


def check_manifest(image: Path, hint: str) -> None:
    """Raise UsageError when no manifest is beside ``image``, of which nothing else is wanted."""
    manifest = beside(image)[1]
    if not manifest.is_file():
        raise UsageError(f"{manifest}: there is no such file", hint=hint)


def not_a_manifest(manifest: Path, error: Exception) -> UsageError:
    """For what reading the keys of a manifest raises."""
    return UsageError(
        f"{manifest}: is not the manifest of an image ({type(error).__name__}: {error})",
        hint="build the image again, or move the file away",
    )


def offer_of(image: Path | None) -> Offer:
    """By the manifest beside ``image``; without one, or an image, as of the default profile.

    Raises UsageError when the manifest is not one.
    """
    said, manifest = about(image)
    try:
        services = list(said["services"])
        table = deployers.load(said["deployer"]).dump(services)
        expected, ports = expected_of(table)
        limits = said["test"]["limits"]
        return Offer(
            expected=expected,
            units=tuple(unit for service in table["services"] for unit in service["units"]),
            ports=tuple(sorted({*ports, SSH, HTTP, HTTPS})),
            dashboard=table["dashboard"] or "",
            test=_size(said["test"]),
            appliance=_size(said["appliance"]),
            healthy=float(limits["healthy"]),
            check=float(limits["check"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise not_a_manifest(manifest, error) from error


def _default() -> dict[str, Any]:
    loaded = load_profile(DEFAULT_PROFILE, [])
    return {
        "deployer": loaded.profile.deployer,
        "services": loaded.services,
        "dormant": deployers.load(loaded.profile.deployer).dormant_of(loaded.services),
        "test": loaded.setting("test"),
        "appliance": loaded.setting("appliance"),
    }


def _read(manifest: Path) -> dict[str, Any]:
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{manifest}: cannot be read: {error}") from error
    return content if isinstance(content, dict) else {}


def _size(section: Mapping[str, Any]) -> Size:
    return Size(int(section["memory"]) // _MIB, int(section["cpus"]))


def _mebibytes(text: str) -> int:
    try:
        value = int(text) if text.isdecimal() else parse_size(text) // _MIB
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if value < 512:
        raise argparse.ArgumentTypeError(f"{value} MiB is too little for a guest")
    return value


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _seconds(text: str) -> float:
    return float(_count(text))
