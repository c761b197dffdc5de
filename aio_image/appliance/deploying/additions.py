"""Services that OpenStack-Ansible's own playbooks add to the cloud, for ``aio enable``.

Which there are is ``/usr/share/aio/additions.json``: ``{"format": 1, "folder", "wrapper", "runner",
"environment" (all as in ``orders``), "git": folder of the image's repositories, "variables": a file
of more variables for these playbooks, "apt": the apt.conf of what is carried, or both empty,
"rows": {name: {"group", "playbooks", "sources", "service": its row of services.json}}}``. One that
was interrupted, or failed, is begun again by the same command: playbooks may be repeated.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .. import answering, services
from ..files import write_atomic
from ..layout import Layout
from ..problems import ApplianceProblem
from ..storage import programs
from . import work
from .events import Progress
from .orders import Orders

FORMAT = 1
_CONF = "/etc/openstack_deploy/conf.d"
_ENVIRONMENTS = "/openstack/venvs"
# Every scenario has it; its host is the one there is.
_LIKE = "keystone.yml"

Told = Callable[[str], None]


@dataclass(frozen=True)
class Addition:
    """``service``: its row in services.json once it runs. ``added``: all was done for it."""

    name: str
    group: str
    playbooks: tuple[str, ...]
    sources: tuple[str, ...]
    service: Mapping[str, Any]
    added: bool

    @property
    def title(self) -> str:
        return str(self.service["title"])


def every(layout: Layout) -> list[Addition]:
    """What can be added here, by name; nothing where the image has no such table."""
    table = _table(layout)
    if table is None:
        return []
    added = _added(layout)
    return [
        Addition(
            name,
            row["group"],
            tuple(row["playbooks"]),
            tuple(row["sources"]),
            row["service"],
            name in added,
        )
        for name, row in sorted(table["rows"].items())
    ]


def find(layout: Layout, name: str) -> Addition | None:
    """The addition ``name``; None where there is none."""
    return next((one for one in every(layout) if one.name == name), None)


def add(layout: Layout, one: Addition, told: Told) -> bool:
    """Have the service ``one`` in the cloud; False when it is already.

    Raises ApplianceProblem: the image has not its sources, or a playbook failed.
    """
    if one.added:
        return False
    table = _table(layout) or {}
    missing = [url for url in one.sources if not layout.at(_copy(table["git"], url)).is_dir()]
    if missing:
        raise ApplianceProblem(
            f"this image has no sources of {one.name}: {', '.join(missing)}",
            hint="an image whose profile names it in openstack_ansible.additions has them",
        )
    write_conf(layout, one.name, one.group)
    orders = Orders(
        table["folder"], table["wrapper"], table["runner"], table["environment"], {}, ()
    )
    if table["apt"]:
        # Roles ask for it only where the appliance's own indexes are old.
        programs.run("apt-get", f"--config-file={table['apt']}", "update")
    more = ["-e", f"@{table['variables']}"] if table["variables"] else []
    for playbook in one.playbooks:
        told(f"running {playbook}")
        try:
            work.play(layout, orders, playbook, _teller(playbook, told), more=more)
        except ApplianceProblem as problem:
            hint = f"mended, `aio enable {one.name}` goes on"
            raise ApplianceProblem(problem.message, hint=hint) from problem
    _compile(layout, one, told)
    told("waiting for its answer")
    answering.wait(layout, one.service)
    _watched(layout, one)
    names = sorted({*_added(layout), one.name})
    write_atomic(layout.added, json.dumps({"format": FORMAT, "added": names}) + "\n")
    return True


def _compile(layout: Layout, one: Addition, told: Told) -> None:
    """Byte code for its virtual environment: uv makes none, and the service may not write it."""
    for home in sorted(layout.at(_ENVIRONMENTS).glob(f"{one.name}-*")):
        told("compiling its Python modules")
        # Status 1: some file (a code generator's template) is not Python of today.
        python = home / "bin/python3"
        programs.run(
            python, "-m", "compileall", "-q", "-x", "/tests?/", home / "lib", accept=(0, 1)
        )


def _watched(layout: Layout, one: Addition) -> None:
    """Status page, ``aio check`` and the like look after it as after those that the image began
    with."""
    table = services.read(layout.services)
    others = [row for row in table["services"] if row["name"] != one.name]
    table["services"] = [*others, dict(one.service)]
    write_atomic(layout.services, json.dumps(table, indent=1) + "\n")


def _teller(playbook: str, told: Told) -> Callable[[Progress], None]:
    last = ""

    def tell(progress: Progress) -> None:
        nonlocal last
        if progress.task != last:
            last = progress.task
            told(f"{playbook}: {last} (task {progress.tasks})")

    return tell


def write_conf(layout: Layout, name: str, group: str) -> None:
    """conf.d's file of the service ``name``, on the host that the others are on."""
    import yaml  # noqa: PLC0415 - only who adds a service needs it

    like = layout.at(f"{_CONF}/{_LIKE}")
    try:
        (hosts,) = yaml.safe_load(like.read_text("utf-8")).values()
    except (OSError, ValueError, AttributeError, yaml.YAMLError) as error:
        raise ApplianceProblem(
            f"{like}: {error}", hint="OpenStack-Ansible's conf.d has to be there"
        ) from error
    path = layout.at(f"{_CONF}/{name}.yml")
    if not path.exists():
        write_atomic(path, yaml.safe_dump({group: hosts}, explicit_start=True))


def _copy(git: str, url: str) -> str:
    return f"{git}/{url.partition('://')[2]}.git"


def _table(layout: Layout) -> dict[str, Any] | None:
    try:
        table: dict[str, Any] = json.loads(layout.additions.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ApplianceProblem(
            f"{layout.additions}: {error}", hint="the image is damaged"
        ) from error
    if table.get("format") != FORMAT:
        raise ApplianceProblem(f"{layout.additions}: is of another format", hint="update aio")
    return table


def _added(layout: Layout) -> list[str]:
    try:
        return [str(name) for name in json.loads(layout.added.read_text("utf-8"))["added"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []
