"""A build running as a process of its own: what it says, its family, its end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from aio_image.paths import Home
from tests.waiting import PATIENCE, wait_for

_ROOT = Path(__file__).resolve().parents[2]


class RunningBuild:
    """``module`` run with ``words`` in ``home``; its events are JSON lines."""

    def __init__(self, home: Home, module: str, *words: str) -> None:
        self.output = tempfile.TemporaryFile()  # noqa: SIM115 - as long as it is asked
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *words],
            cwd=_ROOT,
            env={**os.environ, "AIO_IMAGE_HOME": str(home.root)},
            stdout=self.output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def said(self) -> str:
        return os.pread(self.output.fileno(), 1 << 22, 0).decode()

    def events(self, kind: str) -> list[dict[str, Any]]:
        # The last line may still be on its way.
        lines = [line for line in self.said().split("\n")[:-1] if line.startswith("{")]
        return [event for event in map(json.loads, lines) if event["event"] == kind]

    def until(self, text: str) -> None:
        """Wait until it says ``text``; fails when it ends, or the time does, without."""
        wait_for(lambda: text in self.said() or self.process.poll() is not None)
        assert text in self.said(), self.said()[-2000:]

    def end(self) -> int:
        return self.process.wait(PATIENCE)

    def family(self) -> set[tuple[int, str]]:
        """Its descendants now, those in pid namespaces too: number and start time of each."""
        parents: dict[int, list[int]] = {}
        starts: dict[int, str] = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text(errors="replace").rpartition(")")[2].split()
            except OSError:
                continue
            pid = int(path.parent.name)
            parents.setdefault(int(fields[1]), []).append(pid)
            starts[pid] = fields[19]
        found: set[tuple[int, str]] = set()
        todo = list(parents.get(self.process.pid, []))
        while todo:
            pid = todo.pop()
            found.add((pid, starts[pid]))
            todo += parents.get(pid, [])
        return found


def alive(family: set[tuple[int, str]]) -> set[int]:
    """Those of ``family`` that still run."""
    found = set()
    for pid, start in family:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        except OSError:
            continue
        fields = stat.rpartition(")")[2].split()
        if fields[19] == start and fields[0] not in "ZX":
            found.add(pid)
    return found
