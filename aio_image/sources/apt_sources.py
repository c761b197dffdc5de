"""Reading apt's own lists of sources: sources.list(5) in its one-line and its deb822 form.

Only what a build needs is kept: where the archive is, which suites and components are taken
from it and which key signs it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ONE_LINE = re.compile(
    r"^deb\s+(?:\[(?P<options>[^\]]*)\]\s*)?(?P<uri>\S+)\s+(?P<suite>\S+)(?P<components>[^#]*)"
)
# apt reads no other names in sources.list.d (sources.list(5)).
_PART = re.compile(r"^[A-Za-z0-9_.-]+\.(?P<form>list|sources)$")
_FALSE = ("no", "false", "without", "off", "disable", "0")


@dataclass(frozen=True)
class AptSource:
    """One archive and suite for binary packages.

    ``uri`` ends without a slash. ``signed_by`` is a key ring's path, or None for apt's trusted
    keys (a key written into the source itself counts as None). ``origin`` says which file and
    line (1-based) it stands in.
    """

    uri: str
    suite: str
    components: tuple[str, ...]
    signed_by: Path | None
    origin: str


def read_apt_sources(etc_apt: Path = Path("/etc/apt")) -> tuple[AptSource, ...]:
    """The ``deb`` sources of a host, in the order apt reads them. Unreadable lines are passed over.

    apt itself complains about those; a build only looks for a mirror among the good ones.
    """
    found: list[AptSource] = []
    main = etc_apt / "sources.list"
    if main.is_file():
        found += parse_one_line(_text(main), str(main))
    folder = etc_apt / "sources.list.d"
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        named = _PART.match(path.name)
        if named and path.is_file():
            parse = parse_one_line if named["form"] == "list" else parse_deb822
            found += parse(_text(path), str(path))
    return tuple(found)


def parse_one_line(text: str, name: str) -> Iterator[AptSource]:
    """``deb [options] uri suite component...`` lines; ``name`` is the file's, for ``origin``."""
    for number, line in enumerate(text.splitlines(), start=1):
        match = _ONE_LINE.match(line.strip())
        if match is None:
            continue
        options = dict(
            option.split("=", 1) for option in (match["options"] or "").split() if "=" in option
        )
        yield AptSource(
            uri=match["uri"].rstrip("/"),
            suite=match["suite"],
            components=tuple(match["components"].split()),
            signed_by=_key_ring(options.get("signed-by", "")),
            origin=f"{name}:{number}",
        )


def parse_deb822(text: str, name: str) -> Iterator[AptSource]:
    """Stanzas of ``Types``, ``URIs``, ``Suites``, ``Components`` and ``Signed-By``."""
    for start, fields in _stanzas(text):
        if "deb" not in fields.get("types", "").split():
            continue
        if fields.get("enabled", "yes").strip().lower() in _FALSE:
            continue
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield AptSource(
                    uri=uri.rstrip("/"),
                    suite=suite,
                    components=tuple(fields.get("components", "").split()),
                    signed_by=_key_ring(fields.get("signed-by", "")),
                    origin=f"{name}:{start}",
                )


def _stanzas(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Each stanza's first line number and its fields, names in lower case, lines joined."""
    fields: dict[str, str] = {}
    start = 0
    last = ""
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        if line.startswith("#"):
            continue
        if not line.strip():
            if fields:
                yield start, fields
            fields, last = {}, ""
        elif line[0] in " \t":
            if last:
                fields[last] += " " + line.strip()
        elif ":" in line:
            last, value = (part.strip() for part in line.split(":", 1))
            last = last.lower()
            start = start if fields else number
            fields[last] = value


def _key_ring(value: str) -> Path | None:
    """The first path of a Signed-By value; None for a fingerprint or a key written out."""
    for word in value.replace(",", " ").split():
        if word.startswith("/"):
            return Path(word)
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
