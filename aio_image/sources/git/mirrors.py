"""Where a git host's repositories are had from: the host itself, another host, or a folder.

A mirror holds repositories as ``<host>/<path>``, with or without ``.git``. Git does the rewriting
itself (``url.<base>.insteadOf``), so that every program that asks git for ``https://opendev.org/...``
is served by it: pip, ansible-galaxy, Ansible's git module.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from aio_image.errors import UsageError

VARIABLE = "AIO_IMAGE_GIT_MIRROR"
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]+)?", re.IGNORECASE)
_URL = re.compile(r"(https?|ssh|git|file)://.+")


@dataclass(frozen=True)
class GitMirrors:
    """``hosts``: git host → base URL, without a slash, that stands for ``https://<host>``."""

    hosts: Mapping[str, str]

    def where(self, url: str) -> str:
        """The address ``url`` is really fetched from."""
        for host, base in self.hosts.items():
            prefix = f"https://{host}/"
            if url.startswith(prefix):
                return f"{base}/{url.removeprefix(prefix)}"
        return url

    def config(self) -> str:
        """A git configuration file that has it so."""
        lines = []
        for host, base in sorted(self.hosts.items()):
            lines += [f'[url "{base}/"]', f"\tinsteadOf = https://{host}/"]
        # A mirror folder belongs to whoever made it, and may be asked for any commit.
        lines += ["[safe]", "\tdirectory = *", "[uploadpack]", "\tallowAnySHA1InWant = true"]
        return "\n".join([*lines, ""])


def chosen(words: Iterable[str], profile: Mapping[str, str] | None = None) -> GitMirrors:
    """The mirrors of a command line (``words``), else of the environment, else of the profile.

    A word is a folder or URL that holds ``<host>/<path>`` for several hosts, or ``HOST=URL``.
    Raises UsageError naming every word that is neither.
    """
    given = list(words) or os.environ.get(VARIABLE, "").split()
    hosts = {host: _base(value) for host, value in (profile or {}).items()}
    wrong = []
    for word in given:
        host, equals, value = word.partition("=")
        if equals and _HOST.fullmatch(host):
            hosts[host] = _base(value)
        elif _URL.fullmatch(word) or Path(word).is_dir():
            hosts.update(_all_of(_base(word)))
        else:
            wrong.append(f"{word!r} is no folder, no URL and not HOST=URL")
    if wrong:
        raise UsageError("git mirrors", details=wrong, hint=f"--mirror, or {VARIABLE}")
    return GitMirrors(hosts)


def _all_of(base: str) -> dict[str, str]:
    """The hosts a mirror stands for: those it has a folder of, or (a URL) those of the release."""
    root = Path(base.removeprefix("file://"))
    if base.startswith("file://") and root.is_dir():
        names = sorted(path.name for path in root.iterdir() if path.is_dir())
    else:
        names = ["opendev.org", "github.com"]
    return {name: f"{base}/{name}" for name in names if _HOST.fullmatch(name) and "." in name}


def _base(word: str) -> str:
    if _URL.fullmatch(word):
        return word.rstrip("/")
    return f"file://{Path(word).absolute()}".rstrip("/")
