"""`aio-image profiles`: what can be built."""

from __future__ import annotations

import argparse
import json

from aio_image.cli.options import DEFAULT_PROFILE, columns, command_parser
from aio_image.profile.load import Listed, list_profiles
from aio_image.profile.problems import shown
from aio_image.profile.schema import json_schema

_DESCRIPTION = """\
Lists the profiles that come with aio-image. Where one has not been built and booted by the
project's tests, its line says so.

A profile is a YAML file that says which appliance to build. Your own needs little more than
  extends: debian-aio
and the keys you want otherwise; build it by its path: `aio-image build ./mine.yaml`.
Editors complete and check profiles by the JSON Schema that --schema prints.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = command_parser(subparsers, "profiles", "list the profiles", _DESCRIPTION)
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of profiles")


def run(args: argparse.Namespace) -> int:
    if args.schema:
        print(json.dumps(json_schema(), indent=2))
        return 0
    listed = list_profiles()
    if args.json:
        rows = [
            {
                "name": each.name,
                "description": each.description,
                "path": str(each.path),
                "proven": each.proven,
                "default": each.name == DEFAULT_PROFILE,
            }
            for each in listed
        ]
        print(json.dumps(rows, indent=2))
        return 0
    lines = columns(
        [
            (
                each.name,
                shown(each.path),
                each.description + _notes(each),
            )
            for each in listed
        ]
    )
    print("\n".join(lines))
    return 0


# What a person should know of an image before building it, by the profile's word.
CAUTIONS = {
    "nothing": "not built or booted yet",
    "root": "not booted yet; only its system's root has been installed",
    "native": "not booted in a machine yet; it was healthy in a container",
    "booted": "",
}


def _notes(each: Listed) -> str:
    notes = ["default"] if each.name == DEFAULT_PROFILE else []
    notes += [CAUTIONS[each.proven]] if CAUTIONS[each.proven] else []
    return f" ({'; '.join(notes)})" if notes else ""
