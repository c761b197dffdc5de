"""Which mirror of a distribution made of RPMs a build takes its packages from.

The profile's own, else where the distribution is published. It is asked for each repository's
index before anything is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import requests

from aio_image.errors import MirrorError
from aio_image.systems import Release, System

_SECONDS = 15.0
_INDEX = "repodata/repomd.xml"


@dataclass(frozen=True)
class RpmMirror:
    """``repositories``: name → address of each, as dnf is told it. ``origin``: who named it."""

    uri: str
    origin: str
    repositories: Mapping[str, str]
    key: str

    def as_repo(self, title: str) -> str:
        """The content of a .repo file (dnf.conf(5)) for ``title`` (a release's)."""
        return "\n".join(
            f"[{name}]\nname={title} {name}\nbaseurl={address}\nenabled=1\n"
            f"gpgcheck=1\ngpgkey={self.key}\n"
            for name, address in self.repositories.items()
        )


def mirror_of(system: System, release: Release, named: str | None = None) -> RpmMirror:
    """The mirror a build is to use, as it stands in the profile (``named``) or in the data."""
    origin = (
        f"the profile's mirrors.{system.name}" if named else f"where {system.title} is published"
    )
    uri = (named or system.archive.main).rstrip("/")
    repositories = {
        name: f"{uri}/{path.format(dib=release.dib)}"
        for name, path in system.archive.repositories.items()
    }
    return RpmMirror(uri, origin, repositories, system.archive.key)


def choose_rpm_mirror(system: System, release: Release, named: str | None = None) -> RpmMirror:
    """``mirror_of``, and it serves every repository. MirrorError with a line for each that fails.

    Proxies are requests' own: those of the environment.
    """
    mirror = mirror_of(system, release, named)
    wrong = []
    for address in mirror.repositories.values():
        if address.startswith("file:"):
            wrong.append(f"{address} (from {mirror.origin}): inside the root no folder is seen")
            continue
        try:
            requests.get(f"{address}/{_INDEX}", timeout=_SECONDS).raise_for_status()
        except requests.HTTPError as error:
            wrong.append(f"{address} (from {mirror.origin}): HTTP {error.response.status_code}")
        except requests.Timeout:
            wrong.append(f"{address} (from {mirror.origin}): no answer within {_SECONDS:.0f} s")
        except requests.RequestException:
            wrong.append(
                f"{address} (from {mirror.origin}): no connection (name, network or proxy)"
            )
    if wrong:
        raise MirrorError(
            f"no {system.title} mirror serves {release.title}",
            details=wrong,
            hint=f"name a mirror that serves it in the profile (mirrors: {{{system.name}: URL}})",
        )
    return mirror
