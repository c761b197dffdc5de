"""Taking chosen secrets out of the places that handed them over.

cloud-init keeps what a seed said: as text, as JSON and in a pickle, sometimes in base64 or
compressed. Each occurrence is overwritten in place with as many ``x``: lengths stay, so JSON,
base64 and pickle stay readable, and no freed block spells the secret.
"""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from . import user_secrets
from .config import Config
from .config import load as load_config
from .files import find_all, overwrite, remove, replace_and_wipe, wipe_left_over
from .layout import Layout
from .ledger import load as load_ledger
from .machine import Record
from .problems import ApplianceProblem

_PLACES = ("/var/lib/cloud", "/run/cloud-init")
_LOGS = ("/var/log/cloud-init.log", "/var/log/cloud-init-output.log")
_LARGEST = 16 * 1024 * 1024  # user-data ends far below; nothing bigger is cloud-init's copy of it


def retire(layout: Layout, config: Config) -> None:
    """Blank each chosen secret where the configuration spells it, and remove the files it names.

    A blank means: as it is. Files are overwritten first and removed last, so that after a power
    cut the configuration either still names them, or they hold nothing.
    """
    chosen = [*config.secrets.values(), *config.spent]
    files = [layout.at(one.file) for one in chosen if one.file is not None]
    for file in files:
        if file.exists():
            overwrite(file, {0: b"x" * file.stat().st_size})
    _blank(layout.config, [one.span for one in chosen if one.span is not None])
    for file in files:
        remove(file)


def _blank(path: Path, spans: list[tuple[int, int]]) -> None:
    if not path.exists():
        return
    wipe_left_over(path)
    content = bytearray(path.read_bytes())
    for start, end in spans:
        content[start:end] = b" " * (end - start)
    if spans:
        replace_and_wipe(path, bytes(content))


def sweep(layout: Layout) -> bool:
    """Do it again at the end of a boot: cloud-init's later stages, and a seed that is still there,
    write copies anew. False, and free of cost, where nothing was ever chosen.
    """
    text = layout.config.read_bytes() if layout.config.exists() else b""
    kept = Record.load(layout.state, layout.personalised.read_text("utf-8").strip()).values
    names = kept.get("chosen", "").split()
    if not names and b"secrets" not in text:
        return False
    values = user_secrets.read(layout.secrets)
    found = [values[name] for name in names if name in values]
    try:
        config = load_config(layout.config, load_ledger(layout.ledger).secrets, layout.root)
    except ApplianceProblem:
        config = Config()  # for the next boot to complain of; what it spells is not in force here
    scrub_copies(layout, [*found, *(one.value for one in config.secrets.values())])
    retire(layout, config)
    return True


def discard_freed(layout: Layout) -> None:
    """Have the disk forget what no file has any more: cloud-init replaces its copies, and blocks of
    the replaced ones still spell what was chosen. A disk that cannot forget (fstrim(8)) keeps them.
    """
    subprocess.run(
        ["fstrim", "--quiet-unsupported", layout.root],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )


def scrub_copies(layout: Layout, values: Iterable[str]) -> int:
    """Overwrite ``values`` wherever cloud-init kept them. Returns how many places there were."""
    wanted = [pattern for value in values for pattern in spellings(value)]
    if not wanted:
        return 0
    from . import compressed  # noqa: PLC0415 - most appliances draw their secrets

    count = 0
    for path in _files(layout):
        data = path.read_bytes()
        patches = {at: b"x" * len(word) for word in wanted for at in find_all(data, word)}
        patches |= compressed.without(data, wanted)
        if patches:
            overwrite(path, patches)
            count += len(patches)
    return count


def spellings(value: str) -> list[bytes]:
    """``value`` as text, and what base64 makes of it at each of its three possible offsets.

    Of the base64 only the characters that ``value`` alone decides are returned.
    """
    data = value.encode()
    found = [data]
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + data)
        first = -(-before * 8 // 6)
        last = (before + len(data)) * 8 // 6
        found.append(encoded[first:last])
    return found


def _files(layout: Layout) -> Iterator[Path]:
    for place in _PLACES:
        for folder, _, names in os.walk(layout.at(place)):
            for name in names:
                path = Path(folder, name)
                if path.is_file() and not path.is_symlink() and path.stat().st_size <= _LARGEST:
                    yield path
    for log in _LOGS:
        path = layout.at(log)
        if path.is_file():
            yield path
