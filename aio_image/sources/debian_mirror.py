"""Which mirror of Debian, or of a distribution made like it, a build takes its packages from.

The profile's own, else the one the build host's apt is set up with: whoever runs the host has
chosen a mirror that works there. Each candidate is asked for the suite's InRelease before
anything is built, so that a mirror without Debian 13 is named at once and not by apt half-way.
Where the host names none of another distribution, that is looked for where it is published.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import requests

from aio_image.errors import MirrorError
from aio_image.sources.apt_config import AptConfig, read_apt_config
from aio_image.sources.apt_sources import AptSource, read_apt_sources
from aio_image.systems import System, load

DEBIAN = load("debian")
_SECONDS = 15.0


@dataclass(frozen=True)
class Archive:
    """One archive as apt is to use it. ``origin`` says where it was found."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: Path | None
    origin: str

    def as_deb822(self) -> str:
        """A stanza for a .sources file (sources.list(5))."""
        lines = [
            "Types: deb",
            f"URIs: {self.uri}",
            f"Suites: {' '.join(self.suites)}",
            f"Components: {' '.join(self.components)}",
        ]
        if self.signed_by is not None:
            lines.append(f"Signed-By: {self.signed_by}")
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class DebianMirror:
    """What a build's apt reads: the archives, and the host's apt options to reach them."""

    archives: tuple[Archive, ...]
    config: AptConfig

    @property
    def uri(self) -> str:
        """The main archive's."""
        return self.archives[0].uri

    @property
    def origin(self) -> str:
        """Who named it."""
        return self.archives[0].origin

    @property
    def is_local(self) -> bool:
        """Whether part of it is a folder of the build host."""
        return any(urlsplit(a.uri).scheme in ("file", "copy") for a in self.archives)

    def as_sources(self) -> str:
        """The contents of a .sources file."""
        return "\n".join(archive.as_deb822() for archive in self.archives)


def image_sources(release: str, system: System = DEBIAN) -> str:
    """What is in /etc/apt/sources.list.d of the image: where its distribution is published."""
    its = system.archive
    return "\n".join(
        Archive(uri, suites, its.components, its.key_ring, "image").as_deb822()
        for uri, suites in (
            (its.main, (release, f"{release}-updates")),
            (its.security, (f"{release}-security",)),
        )
    )


def choose_mirror(
    release: str,
    named: str | None = None,
    *,
    system: System = DEBIAN,
    architecture: str = "amd64",
    etc_apt: Path = Path("/etc/apt"),
    config: AptConfig | None = None,
) -> DebianMirror:
    """The first mirror that serves ``release`` (a code name) of ``system`` for ``architecture``.

    ``named`` is the profile's mirror; only that one is asked then. Updates and security archives
    are added where they can be had from the same source of trust. Raises MirrorError, with one
    detail line for each address tried.
    """
    config = read_apt_config() if config is None else config
    sources = read_apt_sources(etc_apt)
    components = system.archive.components
    candidates = list(_candidates(named, sources, config, system))
    tried: list[str] = []
    for source in candidates:
        problem = _problem(source.uri, release, components, architecture, config)
        if problem:
            tried.append(f"{source.uri} (from {source.origin}): {problem}")
            continue
        suites = [release]
        if not _problem(source.uri, f"{release}-updates", components, architecture, config):
            suites.append(f"{release}-updates")
        main = Archive(source.uri, tuple(suites), components, _trust(source, system), source.origin)
        security = _security(
            release, main, sources, system, architecture=architecture, config=config
        )
        return DebianMirror((main, *security), config)
    if not candidates:
        tried.append(f"no {system.title} archive in {etc_apt}/sources.list or sources.list.d")
    raise MirrorError(
        f"no {system.title} mirror serves {release} ({', '.join(components)}, {architecture})",
        hint=f"name a mirror that serves it in the profile (mirrors: {{{system.name}: URL}}), "
        "or in the host's /etc/apt/sources.list",
        details=tried,
    )


def _candidates(
    named: str | None, sources: Sequence[AptSource], config: AptConfig, system: System
) -> Iterator[AptSource]:
    """Archives to ask, without repeats: the profile's alone, else the host's in apt's order."""
    if named:
        origin = f"the profile's mirrors.{system.name}"
        yield AptSource(named.rstrip("/"), "", (), None, origin)
        return
    seen: set[str] = set()
    for source in _expanded(sources, config):
        # Other vendors' archives and flat ones ("./") hold no such suite: do not ask them.
        is_archive = source.uri.endswith(f"/{system.name}") or "main" in source.components
        if is_archive and not _is_security(source) and source.uri not in seen:
            seen.add(source.uri)
            yield source
    if system.archive.fallback and system.archive.main not in seen:
        yield AptSource(system.archive.main, "", (), None, f"where {system.title} is published")


def _security(
    release: str,
    main: Archive,
    sources: Sequence[AptSource],
    system: System,
    *,
    architecture: str,
    config: AptConfig,
) -> Iterator[Archive]:
    """The security archive: the host's, else the one beside the mirror or in it; none if none."""
    suite = f"{release}-security"
    near = [
        AptSource(uri, suite, (), main.signed_by, main.origin)
        for uri in (f"{main.uri}-security", main.uri)
    ]
    listed = [s for s in _expanded(sources, config) if _is_security(s)]
    # A mirror named by the profile is meant to be the only one.
    by_profile = main.origin.startswith("the profile")
    for source in near if by_profile else [*listed, *near]:
        if not _problem(source.uri, suite, main.components, architecture, config):
            trust = _trust(source, system)
            yield Archive(source.uri, (suite,), main.components, trust, source.origin)
            return


def _is_security(source: AptSource) -> bool:
    return "security" in source.suite or source.uri.endswith("-security")


def _trust(source: AptSource, system: System) -> Path | None:
    """The source's own key ring, else the distribution's: a host may trust other keys."""
    if source.signed_by is not None and source.signed_by.exists():
        return source.signed_by
    ring = system.archive.key_ring
    return ring if ring is not None and ring.exists() else None


def _expanded(sources: Iterable[AptSource], config: AptConfig) -> Iterator[AptSource]:
    """The sources with each mirror list (apt-transport-mirror(1)) replaced by what it lists."""
    for source in sources:
        scheme = urlsplit(source.uri).scheme
        if not scheme.startswith("mirror"):
            yield source
            continue
        transport = scheme.partition("+")[2] or "http"
        listing = transport + source.uri[len(scheme) :]
        try:
            text = _fetch(listing, config)
        except (OSError, requests.RequestException):
            continue
        for line in text.splitlines():
            words = line.split("#", 1)[0].split()
            if words:
                yield AptSource(
                    words[0].rstrip("/"), source.suite, source.components, source.signed_by,
                    f"{source.origin}, {listing}",
                )  # fmt: skip


def _problem(
    uri: str, suite: str, components: Sequence[str], architecture: str, config: AptConfig
) -> str:
    """Why ``uri`` does not serve ``suite``; empty when it does. Signatures are apt's to check."""
    try:
        fields = _release_fields(_fetch(f"{uri}/dists/{suite}/InRelease", config))
    except (OSError, requests.RequestException) as error:
        return _reason(error)
    if suite not in (fields.get("codename"), fields.get("suite")):
        return f"its InRelease is not {suite}'s (a proxy's or portal's page?)"
    offered = {word.rpartition("/")[2] for word in fields.get("components", "").split()}
    missing = [component for component in components if component not in offered]
    if missing:
        return f"no component {' '.join(missing)}"
    if architecture not in fields.get("architectures", "").split():
        return f"no architecture {architecture}"
    return ""


def _release_fields(text: str) -> dict[str, str]:
    """The one-line fields of a Release file, names in lower case."""
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line[:40])
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields.setdefault(name.strip().lower(), value.strip())
    return fields


def _fetch(uri: str, config: AptConfig) -> str:
    """The text at ``uri`` (http, https, file or copy)."""
    parts = urlsplit(uri)
    if parts.scheme in ("file", "copy"):
        return Path(url2pathname(parts.path)).read_text(encoding="utf-8", errors="replace")
    if parts.scheme not in ("http", "https"):
        raise OSError(f"{parts.scheme}: not a kind of mirror a build can use")
    answer = requests.get(uri, timeout=_SECONDS, proxies=config.proxies(uri) or None)
    answer.raise_for_status()
    return answer.text


def _reason(error: Exception) -> str:
    """One line for a person."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP {error.response.status_code} for {error.response.url}"
    if isinstance(error, requests.Timeout):
        return f"no answer within {_SECONDS:.0f} s"
    if isinstance(error, requests.ConnectionError):
        return "no connection (name, network or proxy)"
    return str(error)
