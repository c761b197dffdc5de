"""What the appliance says of itself: ``AIO`` lines, status.json, the fence, the banner."""

from __future__ import annotations

import contextlib
import grp
import html
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from . import notices
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
    """The whole state. ``waiting`` names what is not up yet, ``timeline`` what is, in order.

    ``warnings`` are this boot's (``notices.py``), ``problems`` each thing that is wrong where
    ``detail`` sums up; ``hypervisor`` says how instances run.
    """

    stage: str
    done: int = 0
    total: int = 0
    state: str = WORKING
    detail: str = ""
    uptime: float = 0.0
    url: str = ""
    waiting: list[str] = field(default_factory=list)
    hypervisor: str = ""
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    timeline: list[CameUp] = field(default_factory=list)

    def line(self) -> str:
        """The console's line: one JSON object, ASCII."""
        keys = ("stage", "done", "total", "state", "detail", "uptime")
        content = {key: getattr(self, key) for key in keys}
        return "AIO " + json.dumps(content | ({"warnings": self.warnings} if self.warnings else {}))

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
        # Of tries that are made again and again only what is new is told.
        self.quiet = False
        self._failed = ""

    def publish(self, status: Status) -> None:
        """Console, status.json, fence and banner, when anything but the time is new."""
        status.uptime = 0.0
        status.warnings = notices.every(self.layout)
        new = json.dumps(asdict(status))
        if new == self.last or self._hushed(status):
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

    def refresh_warnings(self) -> None:
        """Have what is shown show the warnings of now; all else stays as it is."""
        try:
            kept = json.loads(self.layout.status.read_text("utf-8"))
            status = Status(**kept)
        except (OSError, ValueError, TypeError):
            return  # nothing is shown yet
        status.warnings = notices.every(self.layout)
        status.failures = [Failure(**one) for one in kept["failures"]]
        _replace(self.layout.status, json.dumps(asdict(status)) + "\n", 0o640, "adm")
        self.set_fence(status)
        self._banner(status)

    def _hushed(self, status: Status) -> bool:
        if status.state == FAILED:
            again, self._failed = status.detail == self._failed, status.detail
            return self.quiet and again
        waits = status.detail.startswith("waiting")
        return self.quiet and status.done < status.total and not waits

    def set_fence(self, status: Status) -> None:
        """Open the fence when ``status`` is healthy, else close it; in haproxy and in its file."""
        public = status.public()
        entries = {
            "fence": "open" if status.state == HEALTHY else "closed",
            "json": json.dumps(public, separators=(",", ":")),
            "text": html.escape(self._sentence(status, public["detail"])),
            "list": _list([*status.problems, *status.warnings]),
        }
        content = "".join(f"{key} {value}\n" for key, value in entries.items())
        _replace(self.layout.fence_map, content)
        path = self.layout.fence_map
        commands = [f"set map {path} {key} {_word(value)}" for key, value in entries.items()]
        for socket_path in (self.layout.haproxy_socket, self.layout.fence_socket):
            for command in commands:
                if tell_haproxy(socket_path, command) is None:
                    break  # not there

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
            text += "".join(f"  {one}\n" for one in status.problems)
            text += "  more: aio status --follow; journalctl -u aio-personalise -u aio-ready\n"
        text += "".join(f"  warning: {one}\n" for one in status.warnings)
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


def _list(lines: Iterable[str]) -> str:
    """Items of HTML; one that is not seen where there are none: haproxy wants a value."""
    return "".join(f"<li>{html.escape(one)}</li>" for one in lines) or "<li hidden></li>"


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
            os.chown(new, -1, grp.getgrnam(group).gr_gid)
    new.chmod(mode)
    new.replace(path)
