"""What disk-image-create is told to make a root: its elements, variables and the files they read.

A recipe is made of settings and a mirror, and of nothing of the host: the same everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Recipe:
    """``files``: variable → (path below the scratch folder, content). The variable is then that
    path; one whose name ends with ``/`` gives the folder that the file is in. ``proxies``: its
    elements reach the mirror by themselves, and are told the host's proxies.
    """

    elements: tuple[str, ...]
    variables: Mapping[str, str]
    files: Mapping[str, tuple[str, str]]
    proxies: bool = False

    def written(self, work: Path) -> dict[str, str]:
        """Write the files below ``work``, readable by us alone, and give all variables."""
        variables = dict(self.variables)
        for variable, (name, text) in self.files.items():
            path = work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")
            folder = variable.endswith("/")
            variables[variable.rstrip("/")] = str(path.parent if folder else path)
        return variables


def lines(values: Iterable[str]) -> str:
    """A file with a line for each."""
    return "".join(f"{each}\n" for each in values)
