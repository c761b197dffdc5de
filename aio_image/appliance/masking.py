"""Taking every secret of this appliance out of a stream of bytes.

Known values (user_secrets.yml, keystone's keys, what a configuration chooses) are masked wherever
they are spelled, plainly or inside base64; what has the look of a secret, whoever's it is, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import yaml

from . import config, ledger, roots, user_secrets
from .config import ConfigProblem
from .layout import Layout
from .problems import ApplianceProblem
from .scrub import spellings

_CHUNK = 4 << 20
# No pattern below matches more than this.
_LONGEST = 16384
# Whatever has the look of a secret. Each begins with letters of its own: that makes it fast.
_SHAPES = tuple(
    re.compile(shape)
    for shape in (
        # A private key in PEM (a log may put words before each line), and one that is cut off.
        rb"-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----[\s\S]{0,12000}?"
        rb"-----END [A-Z ]{0,32}PRIVATE KEY-----",
        rb"-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----[^-]{0,12000}",
        rb"gAAAA[A-Za-z0-9_-]{40,4096}={0,2}",  # a Fernet token
        rb"://[^/\s:@]{1,256}:[^/\s@]{1,256}@",  # user and password in a URL
        rb"\$(?:2[aby]|5|6|y|scrypt|pbkdf2-sha512)\$[A-Za-z0-9./$=,+-]{20,256}",  # a hash
        rb"\*[0-9A-F]{40}(?![0-9A-F])",  # MariaDB's
    )
)
# Whose whole content is a secret, line by line; on the host and in containers.
_FILES = (
    "/etc/aio/pki/*.key",
    "/etc/keystone/fernet-keys/*",
    "/etc/keystone/credential-keys/*",
    "/etc/ssh/ssh_host_*_key",
    "/var/lib/rabbitmq/.erlang.cookie",
    "/var/lib/openstack-dashboard/secret-key/*",
)
_TELLING = re.compile(r"pass|secret|token|_key\b|^key$|credential", re.IGNORECASE)
_SHORTEST = 6


class Masker:
    """Puts as many ``*`` in place of ``values``, and of whatever has the shape of a secret."""

    def __init__(self, values: Iterable[str]) -> None:
        words = {word for value in values if len(value) >= _SHORTEST for word in spellings(value)}
        self._words = sorted(words, key=lambda word: (-len(word), word))

    def clean(self, data: bytes) -> bytes:
        """``data`` as a whole; the length stays."""
        for word in self._words:
            data = data.replace(word, b"*" * len(word))
        for shape in _SHAPES:
            data = shape.sub(lambda match: b"*" * len(match.group()), data)
        return data

    def stream(self, source: IO[bytes]) -> Iterator[bytes]:
        """All of ``source``, piece by piece; what lies across two pieces is masked as well."""
        kept = b""
        while chunk := source.read(_CHUNK):
            kept = self.clean(kept + chunk)
            # What begins in the last bytes may go on in the next piece.
            sure = max(len(kept) - _LONGEST, 0)
            yield kept[:sure]
            kept = kept[sure:]
        yield kept


def known_secrets(layout: Layout) -> set[str]:
    """Every secret that this appliance has, as far as its files can be read."""
    found = set(user_secrets.read(layout.secrets).values())
    for path in _files(layout):
        lines = path.read_text("utf-8", "replace").splitlines()
        found |= {line.strip() for line in lines if "-----" not in line}
    found |= set(_of_config(layout))
    return found


def _files(layout: Layout) -> Iterator[Path]:
    """What there is of _FILES, wherever links and mounts lead."""
    for pattern in _FILES:
        folder, _, name = pattern.rpartition("/")
        for container in (roots.HOST, *roots.containers(layout.root)):
            place = _really(layout, container, folder)
            yield from (path for path in layout.at(place).glob(name) if path.is_file())


def _really(layout: Layout, container: str, folder: str) -> str:
    """Where ``folder`` of ``container`` is; by its name alone where links or its configuration are
    damaged, for a report is made of just such an appliance."""
    try:
        place = roots.outside(layout.root, container, folder)
        return place if container else roots.real(layout.root, folder)
    except (ApplianceProblem, OSError):
        return roots.of(container) + folder


def _of_config(layout: Layout) -> Iterator[str]:
    """What a configuration still spells: chosen secrets, and variables with a telling name."""
    try:
        data = layout.config.read_bytes()
    except FileNotFoundError:
        return
    try:
        chosen = config.load(layout.config, ledger.load(layout.ledger).secrets, layout.root).secrets
        yield from (one.value for one in chosen.values())
    except ConfigProblem:
        pass  # by its shape, then
    try:
        root = yaml.compose(data.decode("utf-8", "replace"), Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        yield from _values_by_line(data.decode("utf-8", "replace"))
        return
    yield from _telling(root, inside=False)


def _telling(node: yaml.Node | None, *, inside: bool) -> Iterator[str]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _telling(value, inside=inside or bool(_TELLING.search(str(key.value))))
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _telling(value, inside=inside)
    elif isinstance(node, yaml.ScalarNode) and inside:
        yield str(node.value)


def _values_by_line(text: str) -> Iterator[str]:
    """Of a file that is not YAML: whatever follows a colon may be meant as a secret."""
    for line in text.splitlines():
        value = line.partition(":")[2].strip().strip("'\"")
        if value:
            yield value
