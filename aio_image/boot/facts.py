"""What a boot ran on: facts of the host that its times mean nothing without."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import Any

from aio_image.host import kvm


def of_host(proc: Path = Path("/proc")) -> dict[str, Any]:
    """Processor, memory, kernel and QEMU of this host; what cannot be told is left out."""
    facts: dict[str, Any] = {}
    found = re.search(r"^model name\s*:\s*(.+)$", _text(proc / "cpuinfo"), re.MULTILINE)
    if found:
        facts["host_processor"] = f"{os.cpu_count()} x {found.group(1)}"
    memory = re.search(r"^MemTotal:\s*(\d+) kB", _text(proc / "meminfo"), re.MULTILINE)
    if memory:
        facts["host_memory_mib"] = int(memory.group(1)) // 1024
    facts["host_load"] = " ".join(_text(proc / "loadavg").split()[:3])
    facts["host_kernel"] = platform.release()
    version = kvm.qemu_version()
    if version is not None:
        facts["host_qemu"] = ".".join(map(str, version))
    return {name: value for name, value in facts.items() if value}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
