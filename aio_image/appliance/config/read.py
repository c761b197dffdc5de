"""Reads the configuration: every problem at once, each with its line and its cure.

Light where there is no configuration, which is most boots: what reads one is imported then.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..problems import ApplianceProblem
from .model import Config

if TYPE_CHECKING:
    from ..ledger import Secret
    from .secrets import Opener


class ConfigProblem(ApplianceProblem):
    """The file is wrong. ``details`` holds every problem: ``line 3: key: what is wrong``."""


def load(path: Path, known: Mapping[str, Secret], root: Path = Path("/")) -> Config:
    """Read ``path``; an absent file asks for nothing. ``known`` are the secrets there are, by name.

    Files that hold secrets are looked for below ``root``. Raises ConfigProblem.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Config()
    from .secrets import from_files_below  # noqa: PLC0415

    return parse(data, known, str(path), from_files_below(root))


def parse(
    data: bytes,
    known: Mapping[str, Secret],
    name: str = "config.yaml",
    opener: Opener | None = None,
) -> Config:
    """Check ``data`` and build what it asks for. Raises ConfigProblem.

    ``opener`` gives the text of a file that holds a secret; without one such files are not
    looked into (they are the appliance's, not ours), and these secrets have an empty value.
    """
    from . import build, document  # noqa: PLC0415
    from .nodes import Problems  # noqa: PLC0415

    problems = Problems()
    config = build.build(document.read(data, known, opener, problems), problems)
    if len(problems):
        lines = problems.lines
        count = len(lines)
        raise ConfigProblem(
            f"{name}: {count} problem{'s' if count > 1 else ''}; first: {lines[0]}",
            hint=f"correct {name} (or the seed that wrote it) and boot again",
            details=lines,
        )
    return config
