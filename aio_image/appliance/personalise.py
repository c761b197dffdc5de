"""First boot: make a copy of the image this appliance and no other.

Runs once, before every service (their units require ours), without network access and without
OpenStack's own programs, which take seconds each to start.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Mapping
from functools import cached_property

from . import addresses, config, database, keystone_keys, ledger, pki, scrub, snippets, user_secrets
from .addresses import PublicHost
from .files import write_atomic
from .layout import Layout
from .machine import Record, Stage, advance
from .problems import ApplianceProblem
from .stages import timed
from .status import FAILED, Reporter, Status

_HOST_KEYS = ("ed25519", "ecdsa")  # an RSA key takes half a minute to make on a slow machine


class Personalise:
    """The stages, and what they share: read once, derived anew when a later boot resumes."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.ledger = ledger.load(layout.ledger)
        self.record = Record.load(layout.state, self.ledger.bake_id)

    @cached_property
    def config(self) -> config.Config:
        return config.load(self.layout.config, self.ledger.secrets, self.layout.root)

    @cached_property
    def values(self) -> Mapping[str, str]:
        return user_secrets.settle(self.layout.secrets, self.ledger, self.config.secrets)

    @cached_property
    def hostname(self) -> str:
        return socket.gethostname()

    @property
    def public(self) -> PublicHost:
        """As the address stage found it: later stages of one first boot must agree."""
        kept = self.record.values
        others = tuple(kept["others"].split())
        return PublicHost(kept["address"], kept["host"], others)

    def stages(self) -> list[Stage]:
        return [
            Stage("address", "finding the public address", self._address),
            Stage("secrets", "drawing new secrets", self._secrets),
            Stage("configuration", "placing secrets in the services' files", self._configuration),
            Stage("keys", "making keystone's keys", self._keys),
            Stage("certificate", "making a CA and a certificate", self._certificate),
            Stage("ssh", "making SSH host keys", self._ssh),
            Stage("database", "preparing the database's new passwords", self._database),
            Stage("public", "writing the public host's name", self._public),
            Stage("scrub", "removing chosen secrets from the seed's copies", self._scrub),
        ]

    def _address(self) -> None:
        public = addresses.find(self.config)
        if public.warning:
            print(f"warning: {public.warning}", flush=True)
        self.record.values = {
            "address": public.address,
            "host": public.host,
            "others": " ".join(public.others),
        }

    def _secrets(self) -> None:
        _ = self.values  # drawing them keeps them
        if self.config.secrets:
            self.record.values["chosen"] = " ".join(self.config.secrets)

    def _configuration(self) -> None:
        ledger.replace_canaries(self.layout, self.ledger, self.values)

    def _keys(self) -> None:
        keystone_keys.renew(self.layout)

    def _certificate(self) -> None:
        pki.make_ca(self.layout)
        pki.make_certificate(self.layout, self.public, self.hostname)
        pki.publish_ca(self.layout)

    def _ssh(self) -> None:
        for kind in _HOST_KEYS:
            path = self.layout.at(f"/etc/ssh/ssh_host_{kind}_key")
            public = path.with_name(f"{path.name}.pub")
            if all(file.exists() and file.stat().st_size for file in (path, public)):
                continue  # cloud-init made it
            new = path.with_name(f".{path.name}.aio-made")
            new_public = new.with_name(f"{new.name}.pub")
            for file in (new, new_public):
                file.unlink(missing_ok=True)
            subprocess.run(
                ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", new], check=True
            )
            write_atomic(path, new.read_bytes(), 0o600)
            data = new_public.read_bytes()
            for file in (new, new_public):
                file.unlink()
            write_atomic(public, data)  # last: until it is there the key is made again

    def _database(self) -> None:
        sql = database.statements(self.ledger, self.values, self.public.in_url)
        write_atomic(self.layout.database_sql, sql, 0o600)

    def _public(self) -> None:
        snippets.write(self.layout, self.public, self.hostname)

    def _scrub(self) -> None:
        # The copies first: the configuration says what to look for until it is blanked.
        scrub.scrub_copies(self.layout, [one.value for one in self.config.secrets.values()])
        scrub.retire(self.layout, self.config)


def run(layout: Layout, reporter: Reporter) -> None:
    """Personalise, or take up where a power cut left off. Raises ApplianceProblem.

    A failure is on every console before it is raised; the services, which require this, stay
    down and the next boot tries again.
    """
    if layout.personalised.exists():
        return
    status = Status("personalise", detail="starting")
    try:
        work = Personalise(layout)
        _ = work.config  # wrong input is refused before anything is written

        def told(stage: Stage, done: int, total: int) -> None:
            status.done, status.total, status.detail = done, total, stage.says
            reporter.publish(status)

        stages = work.stages()
        advance(stages, work.record, told, lambda stage: timed(layout, stage.name))
        write_atomic(layout.personalised, f"{work.ledger.bake_id}\n")
    except (ApplianceProblem, OSError, subprocess.SubprocessError) as error:
        problem = as_problem(error)
        status.state = FAILED
        status.detail = f"{problem.message}; {problem.hint}" if problem.hint else problem.message
        reporter.publish(status)
        raise problem from error
    status.done, status.detail = status.total, "personalised"
    reporter.publish(status)


def as_problem(error: Exception) -> ApplianceProblem:
    """What went wrong, with what to do about it."""
    if isinstance(error, ApplianceProblem):
        return error
    if isinstance(error, OSError) and error.errno is not None:
        where = re.sub(r"\.aio-new$", "", str(error.filename or ""))
        return ApplianceProblem(
            f"{where or 'disk'}: {os.strerror(error.errno)}",
            hint="make room or mend the disk, then boot again",
        )
    return ApplianceProblem(
        f"{type(error).__name__}: {error}", hint="journalctl -u aio-personalise"
    )
