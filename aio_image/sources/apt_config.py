"""What of the build host's apt configuration a build must share to reach the same mirror."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from aio_image.errors import HostError
from aio_image.host.process import run

_LINE = re.compile(r'^(?P<name>\S+) "(?P<value>.*)";$')
# Proxies, certificates, retries and time limits. Nothing else of the host's configuration
# (unattended upgrades, hooks, pinning) has any business in a build.
_SHARED = re.compile(r"^Acquire::(http|https|ftp|Retries|ForceIPv4|ForceIPv6)(::|$)", re.IGNORECASE)


@dataclass(frozen=True)
class AptConfig:
    """The host's ``Acquire`` options, in the order ``apt-config dump`` gives them."""

    options: tuple[tuple[str, str], ...] = ()

    def as_apt_conf(self) -> str:
        """The same options as an apt.conf file. May hold a proxy's password: keep it at 0600."""
        return "".join(f'{name} "{value}";\n' for name, value in self.options if value)

    def proxies(self, uri: str) -> dict[str, str]:
        """Proxies by scheme for ``uri``, as requests wants them; empty: the environment decides.

        apt asks for ``Acquire::<scheme>::Proxy::<host>`` first, where DIRECT means none
        (apt-transport-http(1)); https falls back to the http setting.
        """
        parts = urlsplit(uri)
        known = {name.lower(): value for name, value in self.options}
        for scheme in dict.fromkeys((parts.scheme, "http")):
            every = f"acquire::{scheme}::proxy"
            for name in (f"{every}::{parts.hostname}", every):
                value = known.get(name, "")
                if value.upper() == "DIRECT":
                    return {"http": "", "https": ""}
                if value and value != "false":
                    return {"http": value, "https": value}
        return {}


def parse_apt_config(dump: str) -> AptConfig:
    """``apt-config dump``'s lines ``Name "value";`` to the options a build shares."""
    options = []
    for line in dump.splitlines():
        match = _LINE.match(line)
        if match and _SHARED.match(match["name"]):
            options.append((match["name"], match["value"]))
    return AptConfig(tuple(options))


def read_apt_config() -> AptConfig:
    """The build host's. Empty where there is no apt."""
    try:
        return parse_apt_config(run(["apt-config", "dump"]).output)
    except HostError:
        return AptConfig()
