"""What a client on another machine needs: clouds.yaml, openrc, and the CA to verify with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from . import user_secrets
from .files import make_folder, write_atomic
from .layout import Layout
from .machine import Record
from .problems import ApplianceProblem

ADMIN_SECRET = "keystone_auth_admin_password"
CLOUD = "aio"
REGION = "RegionOne"


@dataclass(frozen=True)
class Credentials:
    """``host`` is the public name (or address), ``address`` what it stands for; ``ca`` is PEM."""

    host: str
    address: str
    password: str
    ca: str

    @property
    def auth_url(self) -> str:
        bracketed = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{bracketed}:5000/v3"

    def cloud(self) -> dict[str, Any]:
        """The entry of a clouds.yaml, but for ``cacert``."""
        return {
            "auth": {
                "auth_url": self.auth_url,
                "username": "admin",
                "password": self.password,
                "project_name": "admin",
                "user_domain_name": "Default",
                "project_domain_name": "Default",
            },
            "region_name": REGION,
            "interface": "public",
            "identity_api_version": 3,
        }


def load(layout: Layout) -> Credentials:
    """The admin's. Raises ApplianceProblem before personalise is over, and for who may not read."""
    if not layout.personalised.exists():
        raise ApplianceProblem("this appliance has no secrets yet", hint="aio status --follow")
    try:
        password = user_secrets.read(layout.secrets)[ADMIN_SECRET]
        release = layout.personalised.read_text("utf-8").strip()
        settled = Record.load(layout.state, release).values
        host, address = settled["host"], settled["address"]
        ca = (layout.pki / "ca.pem").read_text("ascii")
    except PermissionError as error:
        raise ApplianceProblem(f"{error.filename}: for root only", hint="use sudo") from error
    except KeyError as error:
        raise ApplianceProblem(f"{layout.secrets}: has no {error.args[0]}") from error
    return Credentials(host, address, password, ca)


def clouds_yaml(credentials: Credentials, ca: str) -> str:
    """clouds.yaml with one cloud, ``aio``; ``ca`` is the CA's file, or its text."""
    cloud = credentials.cloud() | {"cacert": ca}
    return yaml.safe_dump({"clouds": {CLOUD: cloud}}, sort_keys=False)


def as_json(credentials: Credentials) -> str:
    """For programs: ``{"host", "address", "cloud": {...}, "ca": PEM}``."""
    told = {
        "format": 1,
        "host": credentials.host,
        "address": credentials.address,
        "cloud": credentials.cloud(),
        "ca": credentials.ca,
    }
    return json.dumps(told, indent=1) + "\n"


def openrc(credentials: Credentials) -> str:
    """A file to source in a shell. It brings the CA along and puts it under ~/.config/openstack."""
    values = {
        "OS_AUTH_URL": credentials.auth_url,
        "OS_USERNAME": "admin",
        "OS_PASSWORD": credentials.password,
        "OS_PROJECT_NAME": "admin",
        "OS_USER_DOMAIN_NAME": "Default",
        "OS_PROJECT_DOMAIN_NAME": "Default",
        "OS_REGION_NAME": REGION,
        "OS_INTERFACE": "public",
        "OS_IDENTITY_API_VERSION": "3",
    }
    exports = "".join(f"export {name}='{value}'\n" for name, value in values.items())
    return (
        f'{exports}export OS_CACERT="$HOME/.config/openstack/{CLOUD}-ca.pem"\n'
        'mkdir -p "$HOME/.config/openstack"\n'
        f"cat >\"$OS_CACERT\" <<'END'\n{credentials.ca.strip()}\nEND\n"
    )


def write(credentials: Credentials, folder: Path) -> list[Path]:
    """clouds.yaml (0600) and aio-ca.pem in ``folder``; the paths written.

    clouds.yaml names the CA beside it by ``folder``'s place as it is now. Raises
    ApplianceProblem where a clouds.yaml with other clouds would be lost.
    """
    ca, clouds = folder / f"{CLOUD}-ca.pem", folder / "clouds.yaml"
    if clouds.exists() and _clouds_of(clouds) - {CLOUD}:
        raise ApplianceProblem(
            f"{clouds}: has other clouds, which would be lost", hint="name another folder"
        )
    make_folder(folder, 0o700)
    write_atomic(ca, credentials.ca)
    write_atomic(clouds, clouds_yaml(credentials, str(ca)), 0o600)
    return [clouds, ca]


def _clouds_of(path: Path) -> set[str]:
    try:
        content = yaml.safe_load(path.read_text("utf-8")) or {}
        return set(content.get("clouds") or {})
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError, TypeError) as error:
        raise ApplianceProblem(
            f"{path}: is not a clouds.yaml, and would be lost", hint="name another folder"
        ) from error
