"""`aio-image seed`: the medium that tells an appliance who it is."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from aio_image.boot.seed import write_seed
from aio_image.boot.seed.known import Known
from aio_image.boot.seed.request import ADMIN, Request, settle
from aio_image.boot.seed.told import sentences
from aio_image.cli.images import about, check_manifest, not_a_manifest
from aio_image.cli.options import HelpFormatter, output_options
from aio_image.errors import EXIT_OK, UsageError

_DESCRIPTION = """\
Makes a seed: a small ISO (NoCloud, labelled CIDATA) that cloud-init in the appliance reads at
its first boot. Everything is checked first, what the appliance will do is printed, and on bad
input nothing is written. All options may be left out: then the appliance asks DHCP for an
address and draws every password.

What the options say becomes /etc/aio/config.yaml on the appliance. --config gives that file
whole (docs/config.md says what it may hold), --user-data a whole user-data. A seed with a
password in it is as secret as the password; it is made for its owner only (0600).

examples:
  aio-image seed --ssh-key ~/.ssh/id_ed25519.pub --password-file admin-password
  aio-image seed --hostname cloud --fqdn cloud.example.org --interface ens3 \\
      --address 192.0.2.10/24 --gateway 192.0.2.1 --nameserver 192.0.2.53
  aio-image seed --data-disk /dev/vdb --filesystem xfs --cinder 100G
  aio-image seed --bootstrap-opts 'bootstrap_host_data_disk_device=vdb'
  aio-image seed --config my-config.yaml --check

Attach the ISO as a CD or as a disk before the first boot, as
  virt-install ... --import --disk cloud.qcow2 --disk seed.iso,device=cdrom
"""
_PASSWORD_BYTES = 4096
# Option: the key of config.yaml it stands for (docs/config.md).
_KEYS = {
    "--public-address": "public_address",
    "--fqdn": "fqdn",
    "--interface": "public_interface",
    "--address": "network.address",
    "--gateway": "network.gateway",
    "--no-default-route": "network.default_route",
    "--nameserver": "network.nameservers",
    "--search": "network.search",
    "--proxy": "proxy.http",
    "--no-proxy": "proxy.without",
    "--data-disk": "data_disk.device",
    "--filesystem": "data_disk.filesystem",
    "--wipe": "data_disk.wipe",
    "--cinder": "storage.cinder",
    "--nova": "storage.nova",
    "--swift": "storage.swift",
    "--password-file": f"secrets.{ADMIN}",
    "--bootstrap-opts": "bootstrap_opts",
    "--force-start": "force",
}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "seed",
        help="make the ISO that tells an appliance its name, address, disk and password",
        description=_DESCRIPTION,
        formatter_class=HelpFormatter,
        parents=[output_options()],
    )
    group = parser.add_argument_group("the file")
    group.add_argument(
        "--output",
        "-o",
        type=Path,
        default=Path("seed.iso"),
        metavar="FILE",
        help="where to write it (default: %(default)s)",
    )
    group.add_argument("--force", action="store_true", help="replace FILE if it is there")
    group.add_argument("--check", action="store_true", help="check and tell, write nothing")
    group.add_argument(
        "--image",
        type=Path,
        metavar="IMAGE",
        help="judge by this image's manifest (default: by what the default profile builds)",
    )
    group.add_argument(
        "--schema", action="store_true", help="print the JSON Schema of config.yaml, for editors"
    )
    _who(parser)
    _network(parser)
    _disks(parser)
    group = parser.add_argument_group("whole files")
    group.add_argument(
        "--config", type=Path, metavar="FILE", help="config.yaml, instead of the options above"
    )
    group.add_argument(
        "--user-data", type=Path, metavar="FILE", help="a #cloud-config, instead of those and it"
    )
    group.add_argument(
        "--network-config",
        type=Path,
        metavar="FILE",
        help="cloud-init's (default: made from address and interface)",
    )


def _who(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("who it is, and who may log in")
    group.add_argument(
        "--hostname", default="aio", metavar="NAME", help="its own name (default: %(default)s)"
    )
    group.add_argument("--fqdn", metavar="NAME", help="the name in endpoints and certificate")
    group.add_argument(
        "--ssh-key",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="public key(s) to let in as the user debian; may be repeated",
    )
    group.add_argument(
        "--password-file",
        metavar="FILE",
        help="admin's password is this file's only line; - reads standard input",
    )
    group.add_argument(
        "--bootstrap-opts", metavar="OPTS", help="OpenStack-Ansible's BOOTSTRAP_OPTS, in quotes"
    )
    group.add_argument(
        "--force-start",
        action="store_const",
        const=True,
        help="start although the machine is smaller than the cloud needs",
    )
    group.add_argument(
        "--instance-id",
        metavar="ID",
        help="to cloud-init another id is another machine (default: a new one)",
    )


def _network(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("network")
    group.add_argument("--interface", metavar="NAME", help="the interface clients come in by")
    group.add_argument(
        "--address", metavar="ADDRESS/PREFIX", help="a fixed address, as 192.0.2.10/24; or dhcp"
    )
    group.add_argument("--gateway", metavar="ADDRESS", help="the router of a fixed address")
    group.add_argument(
        "--no-default-route",
        action="store_const",
        const=False,
        help="limited connectivity: no way out of its own networks",
    )
    group.add_argument(
        "--nameserver", action="append", metavar="ADDRESS", help="DNS; may be repeated"
    )
    group.add_argument("--search", action="append", metavar="DOMAIN", help="may be repeated")
    group.add_argument(
        "--public-address", metavar="ADDRESS", help="where clients see it, if a NAT is in front"
    )
    group.add_argument("--proxy", metavar="URL", help="for http and https")
    group.add_argument(
        "--no-proxy", action="append", metavar="HOST", help="reached directly; may be repeated"
    )


def _disks(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("disks")
    group.add_argument(
        "--data-disk", metavar="DEVICE", help="a second disk for the cloud's data, as /dev/vdb"
    )
    group.add_argument("--filesystem", metavar="TYPE", help="of it: ext4 (default) or xfs")
    group.add_argument(
        "--wipe",
        action="store_const",
        const=True,
        help="format it although something is on it: ALL OF THAT IS LOST",
    )
    for service, what in (
        ("cinder", "volumes"),
        ("nova", "instances' disks"),
        ("swift", "each of swift's three disks"),
    ):
        group.add_argument(f"--{service}", metavar="SIZE", help=f"room for {what}, as 40G")


def run(args: argparse.Namespace) -> int:
    if args.schema:
        from aio_image.boot.seed.schema import json_schema  # noqa: PLC0415 - for editors only

        print(json.dumps(json_schema(), indent=2))
        return EXIT_OK
    if not args.check:
        _check_output(args.output, replace=args.force)
    answer = settle(_request(args), _known(args.image))
    told = sentences(answer)
    written = None if args.check else str(args.output)
    if written:
        write_seed(args.output, answer.seed, replace=args.force)
    if args.json:
        print(json.dumps({"event": "Result", "kind": "seed", "path": written, "will": told}))
        return EXIT_OK
    if not args.quiet:
        print("\n".join(told))
        print()
    if written:
        files = ", ".join(answer.seed.files())
        print(f"Written: {written} ({files}). Attach it before the first boot.")
    elif not args.quiet:
        print("All of it is right; nothing was written.")
    return EXIT_OK


def _request(args: argparse.Namespace) -> Request:
    settings: dict[str, Any] = {}
    for option, key in _KEYS.items():
        value = getattr(args, option.removeprefix("--").replace("-", "_"))
        if value is None:
            continue
        settings[key] = _password(value) if option == "--password-file" else value
        if option == "--proxy":
            settings["proxy.https"] = value
    return Request(
        hostname=args.hostname,
        settings=settings,
        origins={key: option for option, key in _KEYS.items()} | {"proxy.https": "--proxy"},
        config=args.config,
        user_data=args.user_data,
        network_config=args.network_config,
        ssh_keys=tuple(args.ssh_key),
        instance_id=args.instance_id,
    )


def _password(name: str) -> str:
    """The only line of a file or of standard input. Never in an error. Raises UsageError."""
    option = f"--password-file {name}"
    try:
        if name == "-":
            data = sys.stdin.buffer.read(_PASSWORD_BYTES)
        else:
            with Path(name).open("rb") as file:
                data = file.read(_PASSWORD_BYTES)
        lines = data.decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not text"
        raise UsageError(f"{option}: cannot be read: {reason}") from None
    if len(lines) != 1 or not lines[0]:
        raise UsageError(f"{option}: must hold one line, the password, and nothing else")
    return lines[0]


def _check_output(path: Path, *, replace: bool) -> None:
    if not path.parent.is_dir():
        raise UsageError(f"--output {path}: there is no folder {path.parent}")
    if path.is_dir():
        raise UsageError(f"--output {path}: is a folder", hint=f"as {path / 'seed.iso'}")
    if (path.exists() or path.is_symlink()) and not replace:
        raise UsageError(f"{path} is there already", hint="--force replaces it")


def _known(image: Path | None) -> Known:
    if image is not None and not image.is_file():
        raise UsageError(f"--image {image}: there is no such file")
    if image is not None:
        check_manifest(
            image, "a seed is judged by the manifest beside IMAGE; or leave --image away"
        )
    said, manifest = about(image)
    try:
        return Known.of(said["deployer"], [*said["services"], *said.get("dormant", ())])
    except (KeyError, TypeError) as error:
        raise not_a_manifest(manifest, error) from error
