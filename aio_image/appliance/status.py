"""What the appliance says of itself: ``AIO`` lines, status.json, the fence, the banner."""

from __future__ import annotations

import contextlib
import html
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .files import make_folder
from .layout import Layout

WORKING, HEALTHY, FAILED = "working", "healthy", "failed"


@dataclass(frozen=True)
class CameUp:
    """A unit or an API that works: since ``uptime`` seconds after the kernel started.

    ``start`` is when it began to come up, where that is known. A ``kind`` of stage is a stage
    of personalise, over at ``uptime``.
    """

    name: str
    kind: str
    uptime: float
    start: float | None = None


@dataclass(frozen=True)
class Failure:
    """A failed unit and the last thing it said."""

    unit: str
    said: str


@dataclass
class Status:
    """The whole state. ``waiting`` names what is not up yet, ``timeline`` what is, in order."""

    stage: str
    done: int = 0
    total: int = 0
    state: str = WORKING
    detail: str = ""
    uptime: float = 0.0
    url: str = ""
    waiting: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    timeline: list[CameUp] = field(default_factory=list)

    def line(self) -> str:
        """The console's line: one JSON object, ASCII."""
        keys = ("stage", "done", "total", "state", "detail", "uptime")
        return "AIO " + json.dumps({key: getattr(self, key) for key in keys})

    def public(self) -> dict[str, Any]:
        """For the status page: everything but what units said, which is not for strangers."""
        content = asdict(self)
        content["failures"] = [failure.unit for failure in self.failures]
        if self.failures:
            content["detail"] = f"failed: {', '.join(content['failures'])}"
        return content


def uptime(digits: int = 1) -> float:
    """Seconds since the kernel started."""
    return round(time.clock_gettime(time.CLOCK_BOOTTIME), digits)


class Reporter:
    """Publishes a Status everywhere it is looked for. No failure to publish stops the work."""

    def __init__(self, layout: Layout, consoles: Iterable[Path] | None = None) -> None:
        self.layout = layout
        self.consoles = list(find_consoles(layout) if consoles is None else consoles)
        self.last = ""
        self.last_banner = ""

    def publish(self, status: Status) -> None:
        """Console, status.json, fence and banner, when anything but the time is new."""
        status.uptime = 0.0
        new = json.dumps(asdict(status))
        if new == self.last:
            return
        self.last = new
        status.uptime = uptime()
        print(self._sentence(status, status.detail), flush=True)
        self._to_consoles(status.line())
        make_folder(self.layout.run)
        # What units said is for those who may read the journal.
        _replace(self.layout.status, json.dumps(asdict(status)) + "\n", 0o640, "adm")
        self.set_fence(status)
        self._banner(status)

    def set_fence(self, status: Status) -> None:
        """Open the fence when ``status`` is healthy, else close it; in haproxy and in its file."""
        public = status.public()
        entries = {
            "fence": "open" if status.state == HEALTHY else "closed",
            "json": json.dumps(public, separators=(",", ":")),
            "text": html.escape(self._sentence(status, public["detail"])),
        }
        content = "".join(f"{key} {value}\n" for key, value in entries.items())
        _replace(self.layout.fence_map, content)
        path = self.layout.fence_map
        commands = [f"set map {path} {key} {_word(value)}" for key, value in entries.items()]
        for command in commands:
            tell_haproxy(self.layout.haproxy_socket, command)

    def _sentence(self, status: Status, detail: str) -> str:
        if status.state == HEALTHY:
            return f"Healthy after {status.uptime:.0f} s: {status.url}"
        step = f" ({status.done}/{status.total})" if status.total else ""
        return f"{status.state.capitalize()}, {status.stage}{step}: {detail}"

    def _to_consoles(self, line: str) -> None:
        for console in self.consoles:
            with contextlib.suppress(OSError):
                handle = os.open(console, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
                try:
                    os.set_blocking(handle, True)
                    os.write(handle, line.encode("ascii") + b"\r\n")
                finally:
                    os.close(handle)

    def _banner(self, status: Status) -> None:
        # Who sees this sees the console, where the reason stands already.
        text = f"OpenStack AIO: {self._sentence(status, status.detail)}\n"
        if status.state == HEALTHY:
            text += (
                "  user admin, domain Default; password: keystone_auth_admin_password in\n"
                f"  {self.layout.secrets} (or: sudo aio credentials)\n"
            )
        else:
            text += "  more: aio status --follow; journalctl -u aio-personalise -u aio-ready\n"
        if text == self.last_banner:
            return
        for_prompts = status.state != WORKING
        self.last_banner = text
        with contextlib.suppress(OSError):
            make_folder(self.layout.banner.parent)
            # A backslash would be an escape of agetty's.
            _replace(self.layout.banner, text.replace("\\", "/") + "\n")
        if for_prompts:  # prompts that are already there show it too
            with contextlib.suppress(OSError):
                subprocess.run(["agetty", "--reload"], capture_output=True, check=False)


def find_consoles(layout: Layout) -> list[Path]:
    """The serial consoles the kernel speaks to; /dev/console where it has none (a container)."""
    try:
        active = layout.at("/sys/class/tty/console/active").read_text("ascii").split()
    except OSError:
        active = []
    serial = [layout.at(f"/dev/{name}") for name in active if not name.startswith("tty0")]
    there = [path for path in serial if path.is_char_device()]
    return there or [layout.at("/dev/console")]


def tell_haproxy(path: Path, command: str) -> str | None:
    """One command to haproxy's runtime API. None when it is not there (yet)."""
    try:
        with socket.socket(socket.AF_UNIX) as talk:
            talk.settimeout(5)
            talk.connect(str(path))
            talk.sendall(command.encode() + b"\n")
            return talk.recv(65536).decode("utf-8", "replace")
    except OSError:
        return None


def _word(value: str) -> str:
    """``value`` as one argument of haproxy's command line."""
    return "".join("\\" + letter if letter in " ;\\<" else letter for letter in value)


def _replace(path: Path, content: str, mode: int = 0o644, group: str | None = None) -> None:
    """Atomic, not synced: /run is memory. A ``group`` there is not is left out."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    new.touch(0o600)
    new.write_text(content, "utf-8")
    with contextlib.suppress(LookupError, PermissionError):
        if group is not None:
            shutil.chown(new, group=group)
    new.chmod(mode)
    new.replace(path)
