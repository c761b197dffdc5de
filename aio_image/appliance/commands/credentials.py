"""``aio credentials``: what a client on another machine needs."""

from __future__ import annotations

import argparse
from pathlib import Path

from .. import credentials, ports, services
from ..layout import Layout
from ..problems import ApplianceProblem


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", nargs="?", choices=("openrc", "clouds", "ca", "password"), default="openrc",
        help="what to print: an openrc with the CA inside (default), a clouds.yaml, the CA, "
        "the admin's password",
    )  # fmt: skip
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", help="write clouds.yaml and aio-ca.pem there"
    )
    parser.add_argument(
        "--embed", action="store_true",
        help="clouds: the CA's text in the place of its file, for tools that take either "
        "(Terraform, Gophercloud; not the openstack client)",
    )  # fmt: skip
    parser.add_argument(
        "--json", action="store_true", help="all of it for programs (aio-image credentials)"
    )
    parser.add_argument(
        "--cloud", choices=("openstack", "ec2"), nargs="?", const="openstack",
        help="print the commands that open this appliance's ports in the cloud it runs in "
        "(no secret in them)",
    )  # fmt: skip


def run(given: argparse.Namespace, layout: Layout) -> int:
    if given.cloud:
        shown = ports.of_clients(services.read(layout.services))
        rules = {"openstack": ports.openstack_rules, "ec2": ports.ec2_rules}[given.cloud]
        print("\n".join(rules(shown)))
        return 0
    found = credentials.load(layout)
    if given.output is not None:
        if given.embed:
            raise ApplianceProblem("--output puts the CA beside clouds.yaml", hint="not --embed")
        for path in credentials.write(found, given.output.absolute()):
            print(path)
    elif given.json:
        print(credentials.as_json(found), end="")
    elif given.what == "ca":
        print(found.ca, end="")
    elif given.what == "password":
        print(found.password)
    elif given.what == "clouds" and given.embed:
        print(credentials.clouds_yaml(found, found.ca), end="")
    elif given.what == "clouds":
        print(f"# Needs the CA beside it: aio credentials ca >{credentials.CLOUD}-ca.pem")
        print(credentials.clouds_yaml(found, f"{credentials.CLOUD}-ca.pem"), end="")
    else:
        print(credentials.openrc(found), end="")
    return 0
