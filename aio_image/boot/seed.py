"""The seed: a NoCloud ISO that tells one appliance who it is.

Format: cloud-init's NoCloud data source, a file system labelled CIDATA with ``user-data``,
``meta-data`` and ``network-config`` (version 2) in its root.
"""

from __future__ import annotations

import io
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pycdlib
import yaml

LABEL = "CIDATA"
CONFIG_PATH = "/etc/aio/config.yaml"


@dataclass(frozen=True)
class Seed:
    """What one appliance is told.

    ``mac`` is the network card that asks for its address by DHCP. ``public_address`` is None
    where the appliance's own address is the one clients use. ``secrets`` are chosen ones, by
    OpenStack-Ansible's names. ``instance_id`` makes cloud-init treat a boot as another machine's.
    """

    hostname: str
    mac: str
    public_address: str | None = None
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    ssh_keys: tuple[str, ...] = ()
    instance_id: str = field(default_factory=lambda: f"aio-{uuid.uuid4()}")

    def files(self) -> dict[str, str]:
        """The three files, by name."""
        return {
            "user-data": "#cloud-config\n" + _yaml(self._user_data()),
            "meta-data": _yaml({"instance-id": self.instance_id, "local-hostname": self.hostname}),
            "network-config": _yaml(
                {
                    "version": 2,
                    "ethernets": {"public": {"match": {"macaddress": self.mac}, "dhcp4": True}},
                }
            ),
        }

    def _user_data(self) -> dict[str, Any]:
        config: dict[str, Any] = {}
        if self.public_address:
            config["public_address"] = self.public_address
        if self.secrets:
            config["secrets"] = dict(self.secrets)
        data: dict[str, Any] = {
            "write_files": [
                {
                    "path": CONFIG_PATH,
                    "permissions": "0600",
                    "owner": "root:root",
                    "content": _Lines(_yaml(config)),
                }
            ]
        }
        if self.ssh_keys:
            data["ssh_authorized_keys"] = list(self.ssh_keys)
        return data


def write_seed(path: Path, seed: Seed) -> None:
    """Write ``seed`` as an ISO 9660 image at ``path``, readable by its owner only.

    Rock Ridge and Joliet carry the names as cloud-init wants them: lower case, with a dash.
    """
    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident=LABEL)
    try:
        for name, text in seed.files().items():
            content = text.encode()
            plain = name.replace("-", "_").upper()
            iso.add_fp(
                io.BytesIO(content),
                len(content),
                iso_path=f"/{plain}.;1",
                rr_name=name,
                joliet_path=f"/{name}",
            )
        # It holds the administrator's password: private from the first byte on.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            iso.write_fp(file)
    finally:
        iso.close()


def read_seed(path: Path) -> dict[str, str]:
    """The files of the seed at ``path``, by name."""
    iso = pycdlib.PyCdlib()
    iso.open(str(path))
    try:
        found = {}
        for child in iso.list_children(joliet_path="/"):
            if child is None or not child.is_file():
                continue
            name = child.file_identifier().decode("utf-16-be")
            content = io.BytesIO()
            iso.get_file_from_iso_fp(content, joliet_path=f"/{name}")
            found[name] = content.getvalue().decode()
        return found
    finally:
        iso.close()


class _Dumper(yaml.SafeDumper):
    """Writes a file's content as the lines it has."""


class _Lines(str):
    __slots__ = ()


_Dumper.add_representer(
    _Lines, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|")
)


def _yaml(value: Mapping[str, Any]) -> str:
    return yaml.dump(dict(value), Dumper=_Dumper, sort_keys=False, default_flow_style=False)
