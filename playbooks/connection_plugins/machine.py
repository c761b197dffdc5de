"""Connection to a machine started by systemd-nspawn, through the namespaces of its init.

community.docker.nsenter, with two differences: modules are piped in instead of copied first
(half the processes for each task), and nothing of the build host's environment gets in.
"""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection import ConnectionBase
from ansible.utils.display import Display

DOCUMENTATION = """
name: machine
short_description: run tasks in a systemd-nspawn machine by nsenter
description:
  - Enters the namespaces of a running machine's init process.
author: aio-image
version_added: "1.0"
options:
  leader:
    description: Process id, on the build host, of the machine's init.
    type: int
    required: true
    vars:
      - name: ansible_machine_leader
"""

display = Display()

_ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}


class Connection(ConnectionBase):
    """One nsenter process for each command; always root."""

    transport = "machine"
    has_pipelining = True

    def _connect(self) -> Connection:
        self._connected = True
        return self

    def exec_command(
        self, cmd: str, in_data: bytes | None = None, sudoable: bool = True
    ) -> tuple[int, bytes, bytes]:
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        leader = self.get_option("leader")
        argv = ["nsenter", f"--target={leader}", "--all", "--", "/bin/sh", "-c", cmd]
        display.vvv(f"EXEC {argv}", host=self._play_context.remote_addr)
        done = subprocess.run(
            argv, input=in_data or b"", capture_output=True, env=_ENVIRONMENT, check=False
        )
        return done.returncode, done.stdout, done.stderr

    def put_file(self, in_path: str, out_path: str) -> None:
        super().put_file(in_path, out_path)
        data = Path(in_path).read_bytes()
        code, _, err = self.exec_command(f"cat > {shlex.quote(out_path)}", in_data=data)
        if code:
            raise AnsibleConnectionFailure(f"cannot write {out_path} in the machine: {err!r}")

    def fetch_file(self, in_path: str, out_path: str) -> None:
        super().fetch_file(in_path, out_path)
        code, out, err = self.exec_command(f"cat {shlex.quote(in_path)}")
        if code:
            raise AnsibleConnectionFailure(f"cannot read {in_path} in the machine: {err!r}")
        Path(out_path).write_bytes(out)

    def close(self) -> None:
        self._connected = False
