"""What one appliance is told: the files of cloud-init's NoCloud data source."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

CONFIG_PATH = "/etc/aio/config.yaml"


@dataclass(frozen=True)
class Seed:
    """``config`` is the text of config.yaml; ``network`` that of network-config, empty for none.

    ``user_data`` is a whole user-data of the owner's, in which ``config`` and ``ssh_keys`` are
    already. ``instance_id`` makes cloud-init treat a boot as another machine's.
    """

    hostname: str
    config: str = field(default="", repr=False)
    network: str = ""
    ssh_keys: tuple[str, ...] = ()
    user_data: str = field(default="", repr=False)
    instance_id: str = field(default_factory=lambda: f"aio-{uuid.uuid4()}")

    def files(self) -> dict[str, str]:
        """The files, by name."""
        found = {
            "user-data": self.user_data or "#cloud-config\n" + dump(self._cloud_config()),
            "meta-data": dump({"instance-id": self.instance_id, "local-hostname": self.hostname}),
        }
        if self.network:
            found["network-config"] = self.network
        return found

    def _cloud_config(self) -> dict[str, Any]:
        data: dict[str, Any] = {}
        if self.ssh_keys:
            data["ssh_authorized_keys"] = list(self.ssh_keys)
        data["write_files"] = [
            {
                "path": CONFIG_PATH,
                "permissions": "0600",
                "owner": "root:root",
                "content": _Lines(self.config),
            }
        ]
        return data


class _Dumper(yaml.SafeDumper):
    """Writes a file's content as the lines it has, and lists indented below their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, False)


class _Lines(str):
    __slots__ = ()


_Dumper.add_representer(
    _Lines, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|")
)


def dump(value: Mapping[str, Any]) -> str:
    """``value`` as YAML in the order it has; long lines stay whole."""
    return yaml.dump(
        dict(value),
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=False,
        allow_unicode=True,
        width=1000,
    )
