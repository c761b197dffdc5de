"""Runs on an appliance, as root: where one of its secrets is that should not be there.

Prints one JSON object: ``looked`` (place → how many files, processes or lines were searched) and
``found`` (a line for each leak, with the name of the secret, never its value). Searched: arguments
of processes; what is kept in memory (/run, /dev/shm, /tmp); logs and journal; cloud-init's data;
every file that anybody may read. In all of them canaries, too.
"""

from __future__ import annotations

import base64
import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

SECRETS = "/etc/openstack_deploy/user_secrets.yml"
MEMORY = ("/run", "/dev/shm", "/tmp", "/var/tmp")
LOGS = ("/var/log", "/run/log")
CLOUD_INIT = ("/var/lib/cloud", "/run/cloud-init")
NOT_FILES = ("/proc", "/sys", "/dev")
CANARY = re.compile(rb"aioCanary[a-z2-7]{16}")
SHORTEST = 8
LARGEST = 256 * 1024 * 1024

LOOKED: dict[str, int] = {}
FOUND: list[str] = []


def words() -> dict[bytes, str]:
    """Every secret as text and in base64, with its name."""
    secrets = yaml.safe_load(Path(SECRETS).read_text(encoding="utf-8"))
    found = {}
    for name, value in secrets.items():
        text = str(value).encode()
        if len(text) >= SHORTEST:
            found[text] = name
            for before in range(3):
                coded = base64.b64encode(b"\0" * before + text)
                found[coded[-(-before * 8 // 6) : (before + len(text)) * 8 // 6]] = name
    return found


WORDS = words()
ANY = re.compile(b"|".join([*map(re.escape, WORDS), CANARY.pattern]))


def search(data: bytes, where: str) -> None:
    for match in {found.group() for found in ANY.finditer(data)}:
        FOUND.append(f"{where}: {WORDS.get(match, 'a canary')}")


def files(*places: str) -> Iterator[tuple[Path, os.stat_result]]:
    """Regular files below ``places``; the kernel's own file systems are left out."""
    for place in places:
        for folder, folders, names in os.walk(place):
            if folder in NOT_FILES:
                folders.clear()
                continue
            for name in names:
                path = Path(folder, name)
                try:
                    about = path.lstat()
                except OSError:
                    continue
                if stat.S_ISREG(about.st_mode) and about.st_size <= LARGEST:
                    yield path, about


def search_files(what: str, *places: str) -> None:
    LOOKED[what] = 0
    for path, _ in files(*places):
        try:
            search(path.read_bytes(), f"{what}, {path}")
        except OSError:
            continue
        LOOKED[what] += 1


def processes() -> None:
    LOOKED["processes"] = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            search(path.read_bytes(), f"arguments of process {path.parent.name}")
        except OSError:
            continue
        LOOKED["processes"] += 1


def journal() -> None:
    # Fields are compressed on disk: journalctl unpacks them.
    said = subprocess.run(["journalctl", "--output=export", "--no-pager"],
                          capture_output=True, check=False).stdout  # fmt: skip
    LOOKED["journal lines"] = said.count(b"\n")
    search(said, "journal")


def readable_by_all() -> None:
    """Files that anybody may read, in folders that anybody may enter."""
    closed = {Path("/"): False}

    def is_closed(folder: Path) -> bool:
        if folder not in closed:
            here = not folder.lstat().st_mode & stat.S_IXOTH
            closed[folder] = here or is_closed(folder.parent)
        return closed[folder]

    # What the image brought cannot hold what was drawn after; canaries there were for the seal.
    since = Path("/etc/aio/release.yaml").stat().st_ctime
    LOOKED["files readable by all"] = 0
    for path, about in files("/"):
        readable = about.st_mode & stat.S_IROTH and not is_closed(path.parent)
        if readable and about.st_ctime >= since:
            search(path.read_bytes(), f"readable by all, {path}")
            LOOKED["files readable by all"] += 1


processes()
search_files("memory", *MEMORY)
search_files("logs", *LOGS)
search_files("cloud-init", *CLOUD_INIT)
journal()
readable_by_all()
json.dump({"looked": LOOKED, "found": sorted(set(FOUND))}, sys.stdout)
