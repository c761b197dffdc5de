"""A namespace's way out: it reaches what the host reaches, whose own network stays as it is."""

from __future__ import annotations

import http.server
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aio_image.errors import HostError
from aio_image.host.uplink import uplink
from tests.private import lonely

pytestmark = pytest.mark.host

needs_pasta = pytest.mark.skipif(not shutil.which("pasta"), reason="passt is not installed")

# In a mount namespace of its own, where uplink has to be: enters the process's network by it.
_TRY = """
import subprocess, sys
from pathlib import Path
from aio_image.host.uplink import uplink
pid, scratch, url = sys.argv[1:]
enter = ["nsenter", f"--target={pid}", "--net", "--"]
with uplink(int(pid), Path(scratch)):
    fetch = f"import urllib.request as r; print(r.urlopen({url!r}, timeout=30).read().decode())"
    subprocess.run([*enter, sys.executable, "-c", fetch], check=True)
"""


@pytest.fixture
def alone() -> Iterator[int]:
    """The pid of a process in a network namespace without anything."""
    with lonely() as pid:
        yield pid


@pytest.fixture
def page() -> Iterator[str]:
    """The address of a page on this host's own address, as a mirror would be."""
    routed = subprocess.run(
        ["ip", "-4", "-o", "route", "get", "192.0.2.1"], capture_output=True, text=True, check=False
    ).stdout.split()
    if "src" not in routed:
        pytest.skip("this host has no route to anywhere")

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"a mirror's page")

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{routed[routed.index('src') + 1]}:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def _network() -> str:
    words = (["ip", "address"], ["ip", "route"], ["ip", "rule"])
    shown = (subprocess.run(w, capture_output=True, text=True, check=True).stdout for w in words)
    # Lifetimes of leases count down.
    return "\n".join(
        line for text in shown for line in text.splitlines() if "valid_lft" not in line
    )


@needs_pasta
def test_it_reaches_out_and_nothing_of_the_host_changes(
    alone: int, page: str, tmp_path: Path
) -> None:
    before = _network()
    said = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "--",
         sys.executable, "-c", _TRY, str(alone), str(tmp_path), page],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert said.stdout.strip() == "a mirror's page", said.stderr
    assert _network() == before


def test_without_pasta_it_says_what_to_install(
    alone: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    pasta = programs / "pasta"
    pasta.write_text("#!/bin/sh\necho no tun here\nexit 1\n")
    pasta.chmod(0o755)
    monkeypatch.setattr(
        "aio_image.host.uplink.clean_environment",
        lambda: {"PATH": f"{programs}:/usr/sbin:/usr/bin:/sbin:/bin"},
    )
    with (
        pytest.raises(HostError, match="no tun here") as caught,
        uplink(alone, tmp_path),
    ):
        pass
    assert "apt install passt" in caught.value.hint
