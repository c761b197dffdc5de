"""Reading what disk-image-create says while it runs: where it is, how far, and why it failed.

Its output is one stream: ``dib-run-parts Running <path of the hook>`` before each hook,
``dib-run-parts <hook> completed`` after it, the hooks' own words in between, each line behind a
time stamp (``2026-01-01 12:00:00.000 | ``).
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_STAMP = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \| ")
_RUNNING = re.compile(r"^dib-run-parts Running (?P<path>\S+)$")
_COMPLETED = re.compile(r"^dib-run-parts (?P<hook>\S+) completed$")
# apt's summary, dpkg's two lines for each package (apt-get(8) without -q; dpkg(1)).
_SUMMARY = re.compile(r"^\d+ upgraded, (?P<count>\d+) newly installed")
_FETCH = re.compile(r"^Get:(?P<number>\d+) ")
_UNPACKING = re.compile(r"^Unpacking (?P<package>[^ :]+)")
_SETTING_UP = re.compile(r"^Setting up (?P<package>[^ :]+)")
# What our own hooks say about work that takes long; what DIB says before its own such work.
_OURS = re.compile(r"^aio-image: (?P<doing>.+)$")
_DOING = (
    (re.compile(r"Calling \[sudo mkfs -t ext"), "copying the tree into the root file system"),
    (re.compile(r"^Converting image using qemu-img"), "compressing the image"),
)
# Lines that explain nothing: tracing, DIB's own clean-up after a failure, blank ones.
_NOISE = re.compile(
    r"^(\++ |dib-run-parts |Unmount |Running hooks|Copying hooks|mmdebstrap: |I: |done$"
    r"|Mountpoint |(DEBUG|INFO|WARNING) diskimage_builder|INFO:diskimage_builder|\s*$)"
    r"|^W: |^E: (run_progress|setup failed|hook|mmdebstrap failed)"
)
# Tell-tale beginnings and words, best first: what the person needs to read.
_TELLING = (
    re.compile(r"No space left on device"),
    re.compile(r"^E: |^dpkg: error|^ERROR|^error:|^fatal:", re.IGNORECASE),
    re.compile(r"(error|failed|cannot|not found|no such|denied|refused)", re.IGNORECASE),
)
_KEPT_LINES = 200
# mmdebstrap installs Debian's essential packages first, some 70, then all others in one go.
_FEW_PACKAGES = 120
_SHARE_OF_FEW = 0.08


@dataclass(frozen=True)
class Hook:
    """A hook of an element: ``phase`` without the ``.d``; ``element`` empty when not known."""

    phase: str
    name: str
    element: str = ""

    def __str__(self) -> str:
        where = f"{self.element}/" if self.element else ""
        return f"{where}{self.phase}.d/{self.name}"


def elements_of_hooks(folders: list[Path]) -> dict[tuple[str, str], str]:
    """Which element each hook belongs to: (phase, hook) to the element's name."""
    known: dict[tuple[str, str], str] = {}
    for folder in folders:
        for path in folder.glob("*/*.d/*"):
            known.setdefault((path.parent.name[:-2], path.name), path.parent.parent.name)
    return known


class LogReader:
    """Feed it each line; it tells ``report`` (message, fraction or None) when something changes."""

    def __init__(
        self,
        report: Callable[[str, float | None], None],
        known: dict[tuple[str, str], str] | None = None,
    ) -> None:
        self._report = report
        self._known = known or {}
        self._hook: Hook | None = None
        self._said: deque[str] = deque(maxlen=_KEPT_LINES)
        self._failed = False
        self._packages = 0
        self._unpacked = 0
        self._set_up = 0
        self._begun_at = 0.0
        self._share = 1.0
        self._percent = -1

    @property
    def hook(self) -> Hook | None:
        """The hook that is running, or that failed."""
        return self._hook

    def line(self, line: str) -> None:
        """One line of output, with or without its time stamp."""
        text = _STAMP.sub("", line).rstrip()
        if running := _RUNNING.match(text):
            path = Path(running["path"])
            phase = path.parent.name.removesuffix(".d")
            self._hook = Hook(phase, path.name, self._known.get((phase, path.name), ""))
            self._said.clear()
            self._report(str(self._hook), None)
        elif (ended := _COMPLETED.match(text)) and self._hook:
            if ended["hook"] == self._hook.name:
                self._hook = None
                self._said.clear()
        elif text.startswith("Unmount "):
            # Only a failure unmounts while a hook runs; what follows is its clean-up.
            self._failed = self._failed or self._hook is not None
        elif ours := _OURS.match(text):
            self._report(ours["doing"], None)
        elif not self._failed:
            self._packages_line(text)
            for pattern, doing in _DOING:
                if pattern.search(text):
                    self._report(doing, None)
            if not _NOISE.search(text):
                self._said.append(text)

    def reason(self) -> str:
        """Why the run failed, in one line: the hook and the most telling thing it said last."""
        where = f"{self._hook}: " if self._hook else ""
        for pattern in _TELLING:
            for text in reversed(self._said):
                if pattern.search(text):
                    return where + text.strip()
        return where + (self._said[-1].strip() if self._said else "it said nothing")

    def tail(self, lines: int = 10) -> list[str]:
        """The last lines that mean something, oldest first."""
        return list(self._said)[-lines:]

    def _packages_line(self, text: str) -> None:
        if summary := _SUMMARY.match(text):
            self._begun_at = self._installed()
            self._packages = int(summary["count"])
            few = self._begun_at == 0 and self._packages < _FEW_PACKAGES
            self._share = _SHARE_OF_FEW if few else 1 - self._begun_at
            self._unpacked = self._set_up = 0
        elif (fetched := _FETCH.match(text)) and self._packages:
            self._tell(f"downloading, {fetched['number']} of {self._packages}", self._installed())
        elif (unpacking := _UNPACKING.match(text)) and self._packages:
            self._unpacked += 1
            self._tell(f"unpacking {unpacking['package']}", self._installed())
        elif (setting_up := _SETTING_UP.match(text)) and self._packages:
            self._set_up += 1
            self._tell(f"setting up {setting_up['package']}", self._installed())

    def _installed(self) -> float:
        """How much of all packages is done; dpkg's two passes count alike, apt interleaves them."""
        if not self._packages:
            return 0.0
        done = (self._unpacked + self._set_up) / (2 * self._packages)
        return self._begun_at + self._share * min(done, 1.0)

    def _tell(self, message: str, fraction: float) -> None:
        """Report, but each percent only once: dpkg is quicker than a reader."""
        percent = int(fraction * 100)
        if percent > self._percent or message.startswith("downloading"):
            self._percent = percent
            self._report(message, fraction)
