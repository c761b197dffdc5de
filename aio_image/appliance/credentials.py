"""What a client on another machine needs: clouds.yaml, openrc, and the CA to verify with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from . import user_secrets
from .files import make_folder
from .layout import Layout
from .machine import Record
from .problems import ApplianceProblem

ADMIN_SECRET = "keystone_auth_admin_password"
CLOUD = "aio"
REGION = "RegionOne"


@dataclass(frozen=True)
class Credentials:
    """``ca`` is the CA in PEM; ``auth_url`` names the public host."""

    auth_url: str
    password: str
    ca: str


def load(layout: Layout) -> Credentials:
    """The admin's. Raises ApplianceProblem before personalise is over, and for who may not read."""
    if not layout.personalised.exists():
        raise ApplianceProblem("this appliance has no secrets yet", hint="aio status --follow")
    try:
        password = user_secrets.read(layout.secrets)[ADMIN_SECRET]
        release = layout.personalised.read_text("utf-8").strip()
        host = Record.load(layout.state, release).values["host"]
        ca = (layout.pki / "ca.pem").read_text("ascii")
    except PermissionError as error:
        raise ApplianceProblem(f"{error.filename}: for root only", hint="use sudo") from error
    except KeyError as error:
        raise ApplianceProblem(f"{layout.secrets}: has no {error.args[0]}") from error
    bracketed = f"[{host}]" if ":" in host else host
    return Credentials(f"https://{bracketed}:5000/v3", password, ca)


def clouds_yaml(credentials: Credentials, ca_file: str) -> str:
    """clouds.yaml with one cloud, ``aio``, that verifies with ``ca_file``."""
    cloud = {
        "auth": {
            "auth_url": credentials.auth_url,
            "username": "admin",
            "password": credentials.password,
            "project_name": "admin",
            "user_domain_name": "Default",
            "project_domain_name": "Default",
        },
        "region_name": REGION,
        "interface": "public",
        "identity_api_version": 3,
        "cacert": ca_file,
    }
    return yaml.safe_dump({"clouds": {CLOUD: cloud}}, sort_keys=False)


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

    clouds.yaml names the CA beside it by ``folder``'s place as it is now.
    """
    make_folder(folder, 0o700)
    ca, clouds = folder / f"{CLOUD}-ca.pem", folder / "clouds.yaml"
    ca.write_text(credentials.ca, "ascii")
    clouds.touch(0o600)
    clouds.chmod(0o600)
    clouds.write_text(clouds_yaml(credentials, str(ca)), "utf-8")
    return [clouds, ca]
