"""The stages that make a copy of the image this appliance and no other, and keep it that way.

A first boot runs all of them. A later one compares what each was made of with what is there now,
and redoes what changed: an address, a name, a setting.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property

from . import (
    clock,
    database,
    hypervisor,
    keystone_keys,
    ledger,
    network,
    notices,
    overrides,
    pki,
    proxy,
    public,
    resources,
    services,
    settled,
    table,
)
from .addresses import NoAddress, PublicHost
from .config import Config
from .config import load as load_config
from .deploying import orders
from .files import write_atomic
from .layout import Layout
from .machine import Record, Stage, digest
from .problems import ApplianceProblem
from .table import Row
from .waiting import wait_for_address

_WATCHER = "aio-address.service"


class Settlement:
    """The stages, and what they share: read once, derived anew when a later boot resumes."""

    def __init__(self, layout: Layout, say: Callable[[str], None] = print) -> None:
        """``say`` tells what is waited for."""
        self.layout = layout
        self.say = say
        self.ledger = ledger.load(layout.ledger)
        self.table = table.load(layout.settle)
        self.record = Record.load(layout.state, self.ledger.bake_id)
        self.first = not layout.personalised.exists()
        self.warnings: list[str] = []
        # What is said when it changes, and stands with the warnings until the next boot.
        self.once: list[str] = []
        self.broken = False
        self.ran: list[str] = []
        # Units that have to know, by what they have to do, when this is done while the cloud runs.
        self.restart: list[str] = []
        self.reload: list[str] = []
        self.question = hypervisor.Question(layout.at("/dev/kvm"), layout.run)

    @cached_property
    def fingerprint(self) -> str:
        return settled.fingerprint(self.layout)

    @cached_property
    def config(self) -> Config:
        """What the file asks for; what the record has where the file is as it was, or is broken."""
        kept = self.record.config
        if not self.first and kept.get("fingerprint") == self.fingerprint:
            return settled.recall(kept)
        try:
            return self._read()
        except ApplianceProblem as problem:
            if self.first:
                raise
            self.broken = True
            self.warnings.append(f"{problem.message}; what was asked for before stays in force")
            return settled.recall(kept)

    def _read(self) -> Config:
        found = load_config(self.layout.config, self.ledger.secrets, self.layout.root)
        if found.user_variables:
            text = self.layout.config.read_text("utf-8", "replace")
            overrides.render(found, self.table, text)
        return found

    @cached_property
    def values(self) -> Mapping[str, str]:
        from . import user_secrets  # noqa: PLC0415 - needs YAML, and most boots draw nothing

        return user_secrets.settle(self.layout.secrets, self.ledger, self.config.secrets)

    @cached_property
    def hostname(self) -> str:
        return socket.gethostname()

    @property
    def public(self) -> PublicHost:
        """As the address stage found it."""
        kept = self.record.values
        return PublicHost(
            kept["address"], kept["host"], tuple(kept["others"].split()), kept["interface"]
        )

    def check(self) -> None:
        """Refuse what cannot work before anything is written. Raises ApplianceProblem."""
        here = resources.look(self.layout.root)
        self.warnings += [*self.config.notes, *clock.check(self.layout)]
        self.warnings += resources.check(
            here, self.table, first=self.first, force=self.config.force
        )
        proxy.render(proxy.variables(self.config.proxy, PublicHost("", "", ()), "", ()))
        if self.first:
            network.render(self.config)

    def stages(self) -> list[Stage]:
        stages = [
            Stage("network", "setting up the public interface", self._network, self._of_network),
            Stage("address", "finding the public address", self._address, self._of_address),
            Stage("secrets", "drawing new secrets", self._secrets),
            Stage("configuration", "placing secrets in the services' files", self._configuration),
            Stage("keys", "making keystone's keys", self._keys),
            Stage("identities", "drawing what services would draw", self._identities),
            Stage("authority", "making a CA", self._authority),
            *self._inner(),
            Stage("certificate", "making a certificate", self._certificate, self._of_names),
            Stage("database", "preparing what the database is told", self._database,
                  lambda: self.public.in_url),
            Stage("public", "writing the public host's name", self._public,
                  lambda: digest(self._public_files)),
            *self._urls(),
            Stage("hypervisor", "deciding how instances run", self._hypervisor,
                  self._of_hypervisor),
            Stage("proxy", "setting up the proxy", self._proxy, lambda: digest(self._environment)),
            *self._for_playbooks(),
            Stage("overrides", "writing the owner's settings", self._overrides,
                  lambda: digest(self.config.user_variables)),
        ]  # fmt: skip
        return [stage for stage in stages if stage.name not in self._not_here]

    @property
    def _not_here(self) -> frozenset[str]:
        """Stages for what playbooks make: a staged image's first boot has yet to run them."""
        if not self.layout.orders.exists():
            return frozenset()
        # They replace /etc/nova, too, and what was written there before.
        later = {"database", "hypervisor", "overrides"} if orders.left(self.layout) else set()
        return frozenset({"keys", *later})

    def _of_network(self) -> str:
        try:
            return digest(network.render(self.config)) if self.config.network else ""
        except ApplianceProblem as problem:
            if self.first:
                raise
            self.warnings.append(f"{problem.message}; {problem.hint}")
            return self.record.done.get("network", "")

    def _network(self) -> None:
        network.write(self.layout, network.render(self.config))

    @cached_property
    def _found(self) -> PublicHost:
        if self.first:
            return wait_for_address(self.layout, self.config, self.say)
        try:
            found = wait_for_address(
                self.layout, self.config, self.say, self.record.values["interface"], patience=10
            )
        except NoAddress as missing:
            self.warnings.append(
                f"{missing.interface} has no address ({missing.why}): the cloud keeps"
                f" {self.public.address}, and takes a new one by itself when there is one"
            )
            _watch_for_address(self.layout)
            return replace(self.public, host=self.config.fqdn or self.public.address)
        kept = self.public
        same = (found.address, found.host) == (kept.address, kept.host)
        if same and set(found.others) < set(kept.others):
            # An address that IPv6 gets a moment later: no reason for another certificate.
            return replace(found, others=kept.others)
        return found

    def _of_address(self) -> str:
        if self._found.warning:
            self.warnings.append(self._found.warning)
        one = self._found
        return digest(one.address, one.host, one.others, one.interface)

    def _address(self) -> None:
        one = self._found
        self.record.values |= {
            "address": one.address,
            "host": one.host,
            "others": " ".join(one.others),
            "interface": one.interface,
        }

    def _secrets(self) -> None:
        _ = self.values  # drawing them keeps them
        if self.config.secrets:
            self.record.values["chosen"] = " ".join(self.config.secrets)

    def _configuration(self) -> None:
        ledger.replace_canaries(self.layout, self.ledger, self.values)

    def _keys(self) -> None:
        keystone_keys.renew(self.layout)

    def _identities(self) -> None:
        from . import identities  # noqa: PLC0415 - a first boot's alone

        identities.settle(self.layout)

    def _authority(self) -> None:
        # A rebuilt cloud keeps the CA that clients trust. The certificate of one is written last.
        if not all((self.layout.pki / name).exists() for name in ("ca.key", "ca.pem")):
            pki.make_ca(self.layout)
        pki.publish_ca(self.layout)

    def _inner(self) -> list[Stage]:
        """What a deployer with certificates inside the cloud has made anew, once."""
        if not self.layout.certificates.exists():
            return []
        return [Stage("inner", "making the certificates inside the cloud", self._reissue)]

    def _reissue(self) -> None:
        from . import reissue  # noqa: PLC0415 - a first boot's alone

        reissue.renew(self.layout, reissue.load(self.layout.certificates))

    def _of_names(self) -> str:
        return digest(self.public.address, self.public.host, self.public.others, self.hostname)

    def _certificate(self) -> None:
        pki.make_certificate(self.layout, self.public, self.hostname, self.table.names)

    def _database(self) -> None:
        waiting = self.layout.database_sql
        whole = "database" not in self.record.done
        if not whole and waiting.exists():
            whole = database.is_whole(waiting.read_text("utf-8"))
        if whole:
            sql = database.statements(self.ledger, self.values, self.public.in_url)
        else:
            sql = database.endpoints(self.ledger, self.public.in_url)
        write_atomic(waiting, sql, 0o600)

    @property
    def _public_files(self) -> dict[str, str]:
        return public.render(self.table, self.public, self.hostname)

    def _public(self) -> None:
        public.write(self.layout, self._public_files)
        self._tell(self.table.public)

    def _urls(self) -> list[Stage]:
        """What a deployer whose services' files have URLs in them writes besides."""
        if not self.layout.urls.exists():
            return []
        return [
            Stage("urls", "writing the public host into services' URLs", self._respell,
                  lambda: self.public.in_url),
        ]  # fmt: skip

    def _respell(self) -> None:
        from . import respelling  # noqa: PLC0415 - as above

        host = self.public.in_url
        before = {self.ledger.endpoint_host, *self.record.values.get("spelled", "").split()}
        # A power cut may leave some files with the old one, some with the new.
        self.record.values["spelled"] = " ".join(sorted({*before, host}))
        self.record.save()
        respelling.replace(self.layout, respelling.load(self.layout.urls), before - {host}, host)
        self.record.values["spelled"] = host

    def _of_hypervisor(self) -> str:
        return digest(self._hypervisor_case[0])

    @cached_property
    def _hypervisor_case(self) -> tuple[str, str]:
        return self.question.answer()

    def _hypervisor(self) -> None:
        case, why = self._hypervisor_case
        for row in self.table.hypervisor:
            if row.path is not None:
                write_atomic(
                    self.layout.at(row.path), f"# {why or 'KVM works.'}\n{row.texts[case]}"
                )
        self.record.values |= {"hypervisor": case, "hypervisor_why": why}
        self._tell(self.table.hypervisor)

    @property
    def _environment(self) -> dict[str, str]:
        if self.config.proxy is None:
            return {}
        inside = services.read(self.layout.services)["inside"]
        return proxy.variables(self.config.proxy, self.public, self.hostname, inside)

    def _proxy(self) -> None:
        proxy.write(self.layout, self._environment)

    def _for_playbooks(self) -> list[Stage]:
        """Of a deployer whose owner runs playbooks: before the first of them, where they are yet
        to be run."""
        if self.table.variables is None:
            return []
        return [
            Stage("variables", "writing the owner's variables", self._variables,
                  lambda: digest(self.config.user_variables)),
        ]  # fmt: skip

    def _variables(self) -> None:
        from . import user_variables  # noqa: PLC0415 - as above

        assert self.table.variables is not None
        words = self.config.user_variables
        user_variables.write(self.layout, self.table.variables, words)
        if not self.layout.orders.exists() or orders.over(self.layout):
            before = settled.recall(self.record.config).user_variables
            self.once = user_variables.notices_of(self.table, before, words)
        notices.put(self.layout, user_variables.SOURCE, self.once)

    def _overrides(self) -> None:
        wanted = overrides.render(self.config, self.table)
        self._tell(overrides.write(self.layout, self.table, wanted))

    def _tell(self, rows: tuple[Row, ...] | list[Row]) -> None:
        self.restart += [unit for row in rows for unit in row.restart]
        self.reload += [unit for row in rows for unit in row.reload]

    def finish(self) -> None:
        """Take chosen secrets out of sight, and have the next boot not read the file again."""
        if self.broken or not (
            self.first or self.record.config.get("fingerprint") != self.fingerprint
        ):
            return
        from . import scrub, user_secrets  # noqa: PLC0415 - as above

        chosen = self.config.secrets
        if chosen and not self.first:
            there = user_secrets.read(self.layout.secrets)
            for name in [name for name, one in chosen.items() if there.get(name) != one.value]:
                self.warnings.append(
                    f"secrets.{name}: chosen at first boot only; it stays as it is"
                )
        # The copies first: the configuration says what to look for until it is blanked.
        scrub.scrub_copies(self.layout, [one.value for one in chosen.values()])
        scrub.retire(self.layout, self.config)
        self.record.config = settled.keep(self.config, settled.fingerprint(self.layout))
        self.record.save()


def _watch_for_address(layout: Layout) -> None:
    """Have an address that comes later in this boot settled then."""
    if layout.running:
        subprocess.run(
            ["systemctl", "start", "--no-block", _WATCHER], check=False, capture_output=True,
            timeout=60,
        )  # fmt: skip
