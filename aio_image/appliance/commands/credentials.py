"""``aio credentials``: what a client on another machine needs."""

from __future__ import annotations

import argparse
from pathlib import Path

from .. import credentials
from ..layout import Layout


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", nargs="?", choices=("clouds", "openrc", "ca"), default="openrc",
        help="what to print: an openrc with the CA inside (default), a clouds.yaml, or the CA",
    )  # fmt: skip
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", help="write clouds.yaml and aio-ca.pem there"
    )


def run(given: argparse.Namespace, layout: Layout) -> int:
    found = credentials.load(layout)
    if given.output is not None:
        for path in credentials.write(found, given.output.absolute()):
            print(path)
        return 0
    if given.what == "ca":
        print(found.ca, end="")
    elif given.what == "clouds":
        print(f"# Needs the CA beside it: aio credentials ca >{credentials.CLOUD}-ca.pem")
        print(credentials.clouds_yaml(found, f"{credentials.CLOUD}-ca.pem"), end="")
    else:
        print(credentials.openrc(found), end="")
    return 0
