"""``proxy`` of the configuration: for what runs here, for apt, and for who logs in.

What the appliance says to itself, and to a cloud's metadata service, never goes through a proxy.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from .addresses import PublicHost
from .config import Proxy
from .files import remove, write_atomic
from .layout import Layout
from .problems import ApplianceProblem

SERVICES = "/etc/systemd/system.conf.d/60-aio-proxy.conf"
APT = "/etc/apt/apt.conf.d/90aio-proxy"
SHELLS = "/etc/profile.d/aio-proxy.sh"
_BY = "Written by aio from /etc/aio/config.yaml."
NAMES = ("http_proxy", "https_proxy", "no_proxy")
# Loopback, the addresses of a cloud's metadata, and the external network of the image.
_NEVER = ("localhost", "127.0.0.0/8", "127.0.0.1", "::1", "169.254.169.254", "172.29.248.0/22")


def variables(
    asked: Proxy | None, public: PublicHost, hostname: str, inside: Sequence[str]
) -> dict[str, str]:
    """The environment that programs go by; empty when there is no proxy.

    ``inside`` are networks that nobody else reaches, which services may speak to each other on.
    """
    if asked is None or not (asked.http or asked.https):
        return {}
    own = [hostname, public.host, public.address, *public.others]
    never = [*_NEVER, *inside, *own, *asked.without]
    found = {
        "http_proxy": asked.http,
        "https_proxy": asked.https or asked.http,
        "no_proxy": ",".join(dict.fromkeys(one for one in never if one)),
    }
    return {name: value for name, value in found.items() if value}


def render(environment: dict[str, str]) -> dict[str, str]:
    """Path → content, empty for a file that is not to be there. Raises ApplianceProblem."""
    for name, value in environment.items():
        if any(letter in value for letter in "\"'\\`$ \n;"):
            raise ApplianceProblem(
                f"proxy: {name} has a letter that cannot be written for systemd, apt and the shell",
                hint="write it as %XX in /etc/aio/config.yaml",
            )
    if not environment:
        return {SERVICES: "", APT: "", SHELLS: ""}
    # systemd reads % as the start of a specifier.
    words = " ".join(f'"{name}={value.replace("%", "%%")}"' for name, value in environment.items())
    apt = [
        f'Acquire::{kind}::Proxy "{environment[f"{kind}_proxy"]}";'
        for kind in ("http", "https")
        if f"{kind}_proxy" in environment
    ]
    exports = [f"export {name}='{value}'" for name, value in environment.items()]
    exports += [f"export {name.upper()}='{value}'" for name, value in environment.items()]
    return {
        SERVICES: f"# {_BY}\n[Manager]\nDefaultEnvironment={words}\n",
        APT: "\n".join([f"// {_BY}", *apt, ""]),
        SHELLS: "\n".join([f"# {_BY}", *exports, ""]),
    }


def write(layout: Layout, environment: dict[str, str]) -> None:
    """Have the files there, or not, and systemd know of it for what it starts from now on."""
    changed = False
    # A URL with a password in it is for root alone.
    mode = 0o600 if any("@" in value for value in environment.values()) else 0o644
    for name, content in render(environment).items():
        path = layout.at(name)
        if content:
            write_atomic(path, content, mode)
            changed = True
        elif path.exists():
            remove(path)
            changed = True
    if not changed or not layout.running:
        return
    gone = [name for name in NAMES if name not in environment]
    for verb, names in (("import-environment", list(environment)), ("unset-environment", gone)):
        if names:
            # By its own environment: a command line is for everybody to read.
            subprocess.run(
                ["systemctl", verb, *names], env={**os.environ, **environment}, check=True,
                capture_output=True, timeout=60,
            )  # fmt: skip
