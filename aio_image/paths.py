"""Where things are: what ships with the package, and what builds keep on the host."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resource(name: str) -> Path:
    """The folder ``name`` (elements, profiles, playbooks, cloud-init) that ships with the project.

    An installed package carries it in ``_data``; a checkout has it beside the package.
    """
    packed = _PACKAGE / "_data" / name
    return packed if packed.is_dir() else _PACKAGE.parent / name


@dataclass(frozen=True)
class Home:
    """The folder builds live in, and its rooms. Nothing is created by asking for a path."""

    root: Path

    @classmethod
    def default(cls) -> Home:
        """``$AIO_IMAGE_HOME``; for root /var/cache/aio-image; else the user's cache folder."""
        named = os.environ.get("AIO_IMAGE_HOME")
        if named:
            return cls(Path(named).absolute())
        if os.geteuid() == 0:
            return cls(Path("/var/cache/aio-image"))
        cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        return cls(Path(cache) / "aio-image")

    @property
    def steps(self) -> Path:
        """Outputs of finished steps: ``steps/<step>/<key>/``."""
        return self.root / "steps"

    @property
    def downloads(self) -> Path:
        """What came from mirrors and is worth keeping (apt archives)."""
        return self.root / "downloads"

    @property
    def work(self) -> Path:
        """Scratch of running builds, one folder a run; reaped when its owner is gone."""
        return self.root / "work"

    @property
    def logs(self) -> Path:
        """``logs/<run>/<step>.log``."""
        return self.root / "logs"

    @property
    def failed(self) -> Path:
        """What failed steps were working on, kept on request (--keep-failed)."""
        return self.root / "failed"

    @property
    def locks(self) -> Path:
        return self.root / "locks"

    @property
    def history(self) -> Path:
        """JSON: how long each step took last time."""
        return self.root / "history.json"
