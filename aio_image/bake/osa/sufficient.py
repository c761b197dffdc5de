"""Whether a repository is enough for a system to get its packages from it alone: apt is asked."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from aio_image.bake.osa.files import inside, write
from aio_image.bake.osa.room import Room
from aio_image.errors import BuildError
from aio_image.stores.apt import sources

_PLACE = "/var/tmp/aio-sufficient"
_INDEX = ("Packages", "Release")
# apt.conf(5): a state of its own, and no source but that one.
_CONFIG = f"""\
Dir::State "{_PLACE}/state";
Dir::State::status "{_PLACE}/status";
Dir::Cache "{_PLACE}/cache";
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "{_PLACE}/sources";
APT::Sandbox::User "root";
Debug::NoLocking "true";
"""


def check(room: Room, repository: Path, status: str, names: Iterable[str], whose: str) -> None:
    """Raises BuildError unless a system gets the packages ``names`` from ``repository`` alone.

    ``status`` is dpkg's database of that system before; ``whose`` names it in the error. Nothing is
    installed: apt of the booted ``room`` says what it would do.
    """
    wanted = sorted(names)
    try:
        index = inside(room.root, f"{_PLACE}/repository")
        index.mkdir(parents=True)
        for name in _INDEX:
            shutil.copyfile(repository / name, index / name)
        for name in ("state/lists/partial", "cache/archives/partial"):
            inside(room.root, f"{_PLACE}/{name}").mkdir(parents=True)
        write(room.root, f"{_PLACE}/status", status)
        write(room.root, f"{_PLACE}/sources/aio.sources", sources(Path(f"{_PLACE}/repository")))
        write(room.root, f"{_PLACE}/apt.conf", _CONFIG)
        apt = ["apt-get", f"--config-file={_PLACE}/apt.conf", "--quiet"]
        for words in (["update"], ["--simulate", "install", *wanted]):
            said: list[str] = []
            if room.run([*apt, *words], said.append):
                raise BuildError(
                    f"{whose} cannot get its packages from the image's own repository",
                    hint="where packages came from changed while this was built: build again with "
                    "--from setup_hosts",
                    details=[line for line in said if line.strip()][-20:],
                )
    finally:
        shutil.rmtree(inside(room.root, _PLACE), ignore_errors=True)
