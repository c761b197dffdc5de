"""What a guest's serial console tells: the appliance's own progress, units, and the ways to die.

The console is a stream of bytes in which firmware, boot loader, kernel, systemd and the appliance
write without regard for each other. ``ConsoleParser`` cuts it into lines, takes the colours out
and recognises what matters; it never fails, whatever it is fed.
"""

from __future__ import annotations

import codecs
import json
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# ECMA-48: control sequences, operating system commands, and the two-byte escapes.
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"
    r"|\][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|[PX^_][^\x1b]*\x1b\\"
    r"|[ -/]*[0-Z\\-~])"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_LINE_END = re.compile(r"\r\n|\n|\r")
# Lines longer than this are cut: nothing recognised here is longer.
_LONGEST_LINE = 16 * 1024
_TAIL_LINES = 60

WORKING, HEALTHY, FAILED = "working", "healthy", "failed"


@dataclass(frozen=True)
class Progress:
    """One line of the appliance's own; ``uptime`` in seconds since its kernel started."""

    stage: str
    done: int
    total: int
    state: str
    detail: str
    uptime: float


@dataclass(frozen=True)
class UnitLine:
    """systemd said how a unit's job ended: ``outcome`` is up, failed or dependency."""

    unit: str
    outcome: str


@dataclass(frozen=True)
class Fatal:
    """The guest will not become an appliance any more. ``hint`` says where to look."""

    reason: str
    hint: str = ""


@dataclass(frozen=True)
class Milestone:
    """The boot reached something worth a place in its timeline."""

    name: str


@dataclass(frozen=True)
class Complaint:
    """The kernel says that something in it is wrong; it goes on. ``text`` is its own line."""

    text: str


Observation = Progress | UnitLine | Fatal | Milestone | Complaint

# Linux, kernel/watchdog.c, kernel/rcu/tree_stall.h, kernel/hung_task.c, lib/bug.c, net/sched.
_COMPLAINT = re.compile(
    r"watchdog: BUG: soft lockup|rcu: INFO: \S+ .*stall|rcu: \S+ kthread starved"
    r"|INFO: task .* blocked for more than|BUG: |Oops: |general protection fault"
    r"|NETDEV WATCHDOG: |clocksource: .*unstable|I/O error, dev "
)

_FATAL: tuple[tuple[re.Pattern[str], str, str], ...] = tuple(
    (re.compile(pattern), reason, hint)
    for pattern, reason, hint in (
        (
            r"Kernel panic - not syncing: (?P<what>.*)",
            "kernel panic: {what}",
            "under QEMU before 8 without KVM this is QEMU's bug; see `aio-image doctor`",
        ),
        (
            r"(?:You are in|Entering) (?P<what>emergency|rescue) mode",
            "systemd gave up and opened its {what} shell",
            "the lines before it name the unit that failed, most often a mount",
        ),
        (
            r"(?:BusyBox v[\d.]+ .*built-in shell|^\(initramfs\) ?$)",
            "the initramfs opened its shell: the root file system was not found",
            "the root device's label or UUID in grub.cfg does not match the disk",
        ),
        (
            r"^(?P<what>grub rescue>|grub>)",
            "GRUB stopped at its prompt ({what}): it did not find its menu",
            "the boot loader's prefix or the partition it looks on is wrong",
        ),
        (
            r"^Minimal BASH-like line editing is supported",
            "GRUB stopped at its prompt: it did not find its menu",
            "the boot loader's prefix or the partition it looks on is wrong",
        ),
        (
            r"No bootable (?:device|option)|^UEFI Interactive Shell",
            "the firmware found nothing to boot",
            "the image has no boot loader for this firmware (--firmware)",
        ),
        (
            r"failed to load Boot\w+ .*: (?P<what>Access Denied|Security Violation)",
            "Secure Boot refused the boot loader ({what})",
            "the image's boot loader is not signed: is shim at EFI/BOOT/BOOTX64.EFI?",
        ),
        (
            r"(?:bad shim signature|Verification failed: .*Security Violation)",
            "shim refused what it was to start: its signature is bad",
            "kernel and GRUB must be the distribution's signed ones",
        ),
        (
            r"Job (?P<what>\S+) deleted to break ordering cycle",
            "systemd left out {what} to break an ordering cycle",
            "find it with `systemd-analyze verify` in the image",
        ),
        (
            r"Found ordering cycle: (?P<what>.*)|ordering cycle .*?starting with (?P<unit>\S+)",
            "systemd broke an ordering cycle by leaving out a unit: {what}{unit}",
            "find it with `systemd-analyze verify` in the image",
        ),
        (
            r"Out of memory: Killed process \d+ \((?P<what>[^)]*)\)",
            "the guest ran out of memory; its kernel killed {what}",
            "give it more (--memory)",
        ),
    )
)

_MILESTONES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"^SeaBIOS \(version|^BdsDxe: "), "firmware"),
    (re.compile(r"^(?:GRUB loading|Welcome to GRUB|\s*GNU GRUB +version)"), "boot loader"),
    (re.compile(r"\] Linux version \S+"), "kernel"),
    (re.compile(r"^Welcome to (?!GRUB).+!$"), "systemd"),
    (re.compile(r"cloud-init.* running 'init-local'"), "cloud-init"),
    (re.compile(r"^\S+ login: ?$"), "log-in prompt"),
)

_PROMPT = re.compile(r"^(?:\(initramfs\)|grub rescue>|grub>|\S+ login:) ?$")

# systemd's status lines. Our images have names in them (StatusUnitFormat=name); others may have
# names and descriptions, which on an 80 column terminal are cut in the middle ("…").
_JOB = re.compile(
    r"^\[\s*(?P<word>OK|FAILED|DEPEND|TIME)\s*\] "
    r"(?P<verb>Started|Finished|Mounted|Failed to (?:start|mount|listen on)|"
    r"Dependency failed for|Timed out (?:waiting for device|starting|mounting)) "
    r"(?P<unit>.+?)(?: - .*)?\.?$"
)
_OUTCOMES = {"OK": "up", "FAILED": "failed", "DEPEND": "dependency", "TIME": "failed"}
_UNIT = re.compile(
    r"[\w:.\\@-]+\.(?:service|socket|mount|target|device|timer|swap|path|slice|scope)$"
)


class ConsoleParser:
    """Feed it bytes as they come; it gives what they tell. ``tail`` is the last lines, clean."""

    def __init__(self) -> None:
        self._pending = ""
        self._prompt = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._lines: deque[str] = deque(maxlen=_TAIL_LINES)

    @property
    def tail(self) -> tuple[str, ...]:
        """The last lines that say something, the unfinished one included."""
        rest = strip(self._pending).strip()
        return (*self._lines, rest) if rest else tuple(self._lines)

    def feed(self, data: bytes) -> Iterator[Observation]:
        """Everything that ``data``, continuing what was fed before, tells."""
        *lines, self._pending = _LINE_END.split(self._pending + self._decoder.decode(data))
        for line in lines:
            yield from self._finished(line)
        while len(self._pending) > _LONGEST_LINE:
            line, self._pending = self._pending[:_LONGEST_LINE], self._pending[_LONGEST_LINE:]
            yield from self._finished(line)
        # A prompt ends no line: look at what stands there, but tell of it once.
        prompt = strip(self._pending)
        if prompt and prompt != self._prompt:
            self._prompt = prompt
            yield from _prompts(prompt)

    def _finished(self, raw: str) -> Iterator[Observation]:
        self._prompt = ""
        line = strip(raw).rstrip()
        if not line.strip():
            return
        self._lines.append(line)
        yield from recognise(line)


def strip(text: str) -> str:
    """``text`` without terminal escapes and control characters (tabs stay)."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


def recognise(line: str) -> Iterator[Observation]:
    """What one clean line tells."""
    progress = _progress(line)
    if progress is not None:
        yield progress
        return
    job = _JOB.match(line)
    if job:
        yield UnitLine(_unit_name(job["unit"]), _OUTCOMES[job["word"]])
        return
    fatal = tuple(_fatal(line))
    yield from fatal
    if not fatal and _COMPLAINT.search(line):
        yield Complaint(line.strip())
    for pattern, name in _MILESTONES:
        if pattern.search(line):
            yield Milestone(name)


def _prompts(line: str) -> Iterator[Observation]:
    # Only what is whole without the end of its line.
    if _PROMPT.search(line):
        yield from recognise(line)


def _fatal(line: str) -> Iterator[Fatal]:
    for pattern, reason, hint in _FATAL:
        found = pattern.search(line)
        if found:
            words = {name: (text or "").strip() for name, text in found.groupdict().items()}
            yield Fatal(reason.format(**words), hint)
            return


def _progress(line: str) -> Progress | None:
    """The ``AIO {json}`` in ``line``, wherever the kernel's own writing pushed it."""
    start = line.find("AIO {")
    if start < 0:
        return None
    try:
        content, _ = json.JSONDecoder().raw_decode(line, start + len("AIO "))
        return Progress(
            stage=str(content["stage"]),
            done=int(content["done"]),
            total=int(content["total"]),
            state=str(content["state"]),
            detail=str(content.get("detail", "")),
            uptime=float(content.get("uptime", 0.0)),
        )
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        # Torn by a kernel message: the next line says the same and more.
        return None


def _unit_name(said: str) -> str:
    words = said.split()
    return words[0] if words and _UNIT.match(words[0]) else said


class ConsoleFile:
    """Follows the file that QEMU writes the console to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0

    def new_bytes(self) -> bytes:
        """What was written since the last call."""
        with self.path.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        self._read += len(data)
        return data
