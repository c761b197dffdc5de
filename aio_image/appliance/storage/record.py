"""What storage has made: /var/lib/aio-storage/storage.json, written before and after each making.

``made`` false means that a making was begun on something that was ours to format, and that nothing
has used it yet, for every user waits until storage is whole: it may be begun anew. ``made`` true
means that it may hold data, and is never formatted again.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..files import write_atomic
from ..problems import ApplianceProblem

FILE, FOLDER, NONE = "file", "folder", "none"


@dataclass
class Disk:
    """The data disk.

    ``identity`` is its serial number or the like, "" where it has none; ``size`` in bytes, as far
    as its file system has been grown; ``device`` where it was last.
    """

    uuid: str
    filesystem: str
    identity: str
    size: int
    device: str
    made: bool = False


@dataclass
class Kept:
    """How a place was settled.

    ``kind``: a loop FILE, a FOLDER of the data disk, or NONE (it stays where the image has it).
    ``size`` is a file's, in bytes, as far as its content has been grown.
    """

    kind: str
    size: int = 0
    made: bool = False


@dataclass
class Record:
    """``disk`` None: /openstack is on the root disk. ``places`` by name."""

    path: Path
    disk: Disk | None = None
    places: dict[str, Kept] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Record:
        """The record; an empty one before first boot. Raises ApplianceProblem when damaged."""
        try:
            data = json.loads(path.read_text("utf-8"))
            disk = Disk(**data["disk"]) if data["disk"] else None
            return cls(path, disk, {name: Kept(**one) for name, one in data["places"].items()})
        except FileNotFoundError:
            return cls(path)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ApplianceProblem(
                f"{path}: damaged ({type(error).__name__}: {error})",
                hint="it says which disk and which files are the cloud's: restore it from a backup",
            ) from error

    def save(self) -> None:
        content = {
            "disk": asdict(self.disk) if self.disk else None,
            "places": {name: asdict(kept) for name, kept in self.places.items()},
        }
        try:
            write_atomic(self.path, json.dumps(content, indent=1) + "\n")
        except OSError as error:  # a write that fails does not say of which file
            error.filename = error.filename or str(self.path)
            raise

    @property
    def settled(self) -> bool:
        """Whether it is decided where /openstack is, and something may be there."""
        return bool(self.places) or (self.disk is not None and self.disk.made)
