"""The step ``gate``: the sealed tree's first boot, natively, in a throw-away copy.

In about a minute it shows what a boot under QEMU takes ten to show: whether the appliance makes
itself its own, becomes healthy, answers over TLS with its new password, and keeps no canary. What
a container cannot have is named in ``gate.yaml``.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from aio_image import deployers
from aio_image.appliance import roots
from aio_image.appliance import units as systemd
from aio_image.bake import listening, nspawn, outside
from aio_image.bake.inside import run_inside
from aio_image.bake.ledger import PATH, load
from aio_image.bake.nspawn import Cable, Container
from aio_image.bake.scan import Finding, scan_layers
from aio_image.deployers import Port
from aio_image.errors import BuildError, HostError
from aio_image.execution.context import StepContext
from aio_image.host import trees
from aio_image.host.process import Completed
from aio_image.host.process import run as run_program

_TABLE = Path(__file__).with_name("gate.yaml")
_SERVICES = "usr/share/aio/services.json"
_STATUS = "run/aio/status.json"
_SECRETS = "etc/openstack_deploy/user_secrets.yml"
_AUTHORITY = "etc/aio/pki/ca.pem"
_ADMIN = "keystone_auth_admin_password"
_LOOK_SECONDS = 0.2
_UNITS_SECONDS = 2.0
# What listens this long where others reach it is there to stay. Erlang's short-lived nodes bind
# every address while they start.
_PASSING_SECONDS = 15.0


@dataclass(frozen=True)
class Rules:
    """What gate.yaml says for one deployer. ``left_out``: unit → why a container cannot have it.

    ``besides``: service → further types that it has in the catalogue.
    """

    seconds: float
    network: Mapping[str, Any]
    left_out: Mapping[str, str]
    besides: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, deployer: str) -> Rules:
        table = yaml.safe_load(_TABLE.read_text(encoding="utf-8"))
        own = table.get(deployer, {})
        left_out = {**table["system"]["left_out"], **own.get("left_out", {})}
        return cls(float(table["seconds"]), table["network"], left_out, own.get("besides", {}))


def run(ctx: StepContext) -> None:
    """Keeps ``gate.json``: how long the first boot took, and its timeline.

    Settings: ``deployer``, ``services``. Raises BuildError when the copy does not become healthy,
    with the failed units and what they said last.
    """
    run_inside(gate, ctx)


def gate(ctx: StepContext) -> None:
    """The body of the step; must be in private mount and pid namespaces."""
    rules = Rules.of(ctx.step.settings["deployer"])
    console = ctx.log.with_suffix(".console.log")
    # The copy is where a failed step's tree is looked for, so that one can look inside.
    with trees.writable(ctx.layers, ctx.output, ctx.work, durable=False) as root:
        leave_out(root, rules)
        _seed(root, rules)
        began = time.monotonic()
        power_on = time.clock_gettime(time.CLOCK_BOOTTIME)
        ctx.progress("First boot of a throw-away copy", 0.0)
        with nspawn.booted(
            root,
            console=console,
            target="",
            cable=Cable(
                rules.network["interface"], f"{rules.network['gateway']}/{rules.network['prefix']}"
            ),
            wait=False,
            orderly=False,
        ) as container:
            try:
                report = _watch(ctx, container, rules, began)
                # A container has the uptime of the machine it is on.
                report["timeline"] = [
                    row
                    | {
                        name: round(row[name] - power_on, 1)
                        for name in ("start", "uptime")
                        if row.get(name) is not None
                    }
                    for row in report["timeline"]
                ]
                report["units"] = _units(container, root)
                report["listens"] = _listens(container, root, rules, ctx.step.settings)
                ctx.progress("Ask for a token over TLS", 0.9)
                report["token"] = _token(container, root, rules, ctx.step.settings)
            finally:
                _keep_journal(container, ctx.log)
        ctx.progress("Search the copy for canaries", 0.95)
        left = list(canaries_left(ctx.layers, ctx.output, root))
    if left:
        raise BuildError(
            f"{left[0].path} still holds a canary after the first boot",
            hint="personalise has to replace it: is it in the deployer's secrets.yaml?",
            details=[f"{each.path} (byte {each.offset})" for each in left],
        )
    shutil.rmtree(ctx.output / trees.TREE)
    (ctx.output / trees.WHOLE).unlink(missing_ok=True)
    report["left_out"] = dict(rules.left_out)
    (ctx.output / "gate.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def canaries_left(layers: Sequence[Path], output: Path, root: Path) -> Iterator[Finding]:
    """What is left of them in the copy, after its first boot.

    The seal has searched all the rest, and found them where its ledger says and nowhere else: so
    they can be there, or in what the boot has written.
    """
    ledger = load(root / PATH)
    placed = {roots.real(root, file) for row in ledger["secrets"] for file in row["files"]}
    written = trees.layers_above([*layers, output], len(layers))
    return scan_layers(root, written, besides=placed)


def leave_out(root: Path, rules: Rules) -> None:
    """Take what a container cannot have out of what the copy waits for."""
    path = root / _SERVICES
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        for service in table["services"]:
            service["units"] = [unit for unit in service["units"] if unit not in rules.left_out]
    except (OSError, ValueError, KeyError) as error:
        raise BuildError(
            f"/{_SERVICES} in the sealed root cannot be used: {error}",
            hint="the playbooks write it: see aio_image/deployers/README.md",
        ) from error
    path.write_text(json.dumps(table), encoding="utf-8")


def _seed(root: Path, rules: Rules) -> None:
    """A NoCloud seed in the copy: what the seed ISO is to an appliance."""
    network = rules.network
    folder = root / "var/lib/cloud/seed/nocloud"
    folder.mkdir(parents=True)
    interface = {
        "dhcp4": False,
        "addresses": [f"{network['address']}/{network['prefix']}"],
        "routes": [{"to": "0.0.0.0/0", "via": network["gateway"]}],
    }
    files: dict[str, Any] = {
        "meta-data": {"instance-id": "aio-gate", "local-hostname": "aio"},
        "network-config": {"version": 2, "ethernets": {network["interface"]: interface}},
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content) + "\n", encoding="utf-8")
    (folder / "user-data").write_text("#cloud-config\n{}\n", encoding="utf-8")


def _watch(ctx: StepContext, container: Container, rules: Rules, began: float) -> dict[str, Any]:
    """Follow the appliance's own status until it is healthy; what it said last."""
    status_file = Path(f"/proc/{container.leader}/root/{_STATUS}")
    said: dict[str, Any] = {}
    shown = ""
    next_units = began + _UNITS_SECONDS
    suspects: set[str] = set()
    while True:
        now = time.monotonic()
        with suppress(OSError, ValueError):
            said = json.loads(status_file.read_text(encoding="utf-8"))
        if said:
            text = f"{said['stage']}: {said['detail']}"
            if text != shown:
                shown = text
                share = said["done"] / said["total"] if said.get("total") else 0.0
                ctx.progress(text, 0.05 + 0.8 * share)
                print(f"{now - began:6.1f} s  {text}", flush=True)
        if said.get("state") == "healthy":
            return {
                "seconds": round(now - began, 1),
                "timeline": said.get("timeline", []),
                "url": said.get("url", ""),
            }
        if said.get("state") == "failed":
            # The appliance may still mend itself (a unit restarts); a build does not wait for that.
            failures = [f"{row['unit']}: {row['said']}" for row in said.get("failures", ())]
            raise _unhealthy(container, said.get("detail", "failed"), failures)
        if not container.alive():
            raise _unhealthy(container, "the copy shut itself down", [])
        if now >= next_units:
            # Failed twice running: a unit that is being restarted is not.
            failed = set(container.failed_units()) - set(rules.left_out)
            if failed & suspects:
                raise _unhealthy(container, f"failed units: {', '.join(sorted(failed))}", [])
            suspects = failed
            next_units = now + _UNITS_SECONDS
        if now - began > rules.seconds:
            waiting = ", ".join(said.get("waiting", ())) or "the appliance's own status"
            raise _unhealthy(
                container, f"not healthy after {rules.seconds:.0f} s: waiting for {waiting}", []
            )
        time.sleep(_LOOK_SECONDS)


def _unhealthy(container: Container, reason: str, details: Sequence[str]) -> BuildError:
    lines = list(details)
    with suppress(HostError):
        for unit in container.failed_units():
            lines.append(f"{unit}, its last lines:")
            lines += [f"  {line}" for line in container.journal(unit)]
    if not lines:
        lines = nspawn.tail(container.console)
    return BuildError(
        f"the image's first boot is not healthy: {reason}",
        hint="the end of the step's log is the copy's whole journal",
        details=lines,
    )


def _units(container: Container, root: Path) -> dict[str, str]:
    """Every unit of every service with its state.

    BuildError when one is not active, or one of a dormant service is not asleep.
    """
    table = json.loads((root / _SERVICES).read_text(encoding="utf-8"))
    units = [unit for service in table["services"] for unit in service["units"]]
    asleep = [unit for service in table.get("dormant", ()) for unit in service["units"]]
    states: dict[str, str] = {}
    for inner, named in systemd.by_container([*units, *asleep]):
        command = systemd.inside(inner, ["systemctl", "is-active", *named])
        shown = container.run(command, check=False, timeout=60)
        found = zip(named, shown.output.split(), strict=True)
        states |= {systemd.whole(inner, unit): state for unit, state in found}
    awake = {unit: states[unit] for unit in asleep if states[unit] != "inactive"}
    wrong = {unit: states[unit] for unit in units if states[unit] != "active"}
    if wrong:
        listed = [f"{unit}: {state}" for unit, state in wrong.items()]
        raise _unhealthy(container, f"not active though it says healthy: {listed[0]}", listed)
    if awake:
        listed = [f"{unit}: {state}" for unit, state in awake.items()]
        raise _unhealthy(container, f"dormant, and yet not asleep: {listed[0]}", listed)
    return states


def _listens(
    container: Container, root: Path, rules: Rules, settings: Mapping[str, Any]
) -> list[str]:
    """What others can reach; BuildError for what deployers/ and services.yaml do not name.

    What listens at every address is reached unless the appliance's own filter keeps others out:
    that is tried from outside. (UDP tells nobody whether it was let through.)
    """
    meant = deployers.load(settings["deployer"]).ports_of(settings["services"])
    inside = json.loads((root / _SERVICES).read_text(encoding="utf-8"))["inside"]
    end = time.monotonic() + _PASSING_SECONDS
    while True:
        shown = container.run(listening.COMMAND, timeout=30).output
        found = [one for one in listening.parse(shown) if not one.within(inside)]
        strays = listening.unexpected(found, meant)
        if doubtful := {one.port for one in strays if one.protocol == "tcp"}:
            kept_out = _kept_out(container, rules, doubtful, meant)
            found = [one for one in found if one.protocol != "tcp" or one.port not in kept_out]
            strays = listening.unexpected(found, meant)
        if not strays or time.monotonic() > end:
            break
        time.sleep(_UNITS_SECONDS)
    if strays:
        raise BuildError(
            f"the image listens where it should not: {strays[0]}",
            hint="bind it to 127.0.0.1 or `inside`, "
            "or name it in deployers/ports.yaml or services.yaml",
            details=[str(one) for one in strays],
        )
    return [str(one).partition(" users:")[0] for one in found]


def _kept_out(
    container: Container, rules: Rules, doubtful: set[int], meant: Collection[Port]
) -> set[int]:
    """Those TCP ports that do not answer outside, where one that is meant to does.

    Where none answers, it is not the filter that keeps others out, and nothing is known.
    """
    open_ports = {port.port for port in meant if port.protocol == "tcp"}
    request = {"address": rules.network["address"], "ports": sorted(open_ports | doubtful)}
    told = _ask(container, "answering", request)
    answer = set(json.loads(told.output)) if told.status == 0 else set()
    return doubtful - answer if answer & open_ports else set()


def _token(
    container: Container, root: Path, rules: Rules, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """A token by the new password, from outside, over TLS by the appliance's own CA."""
    try:
        password = yaml.safe_load((root / _SECRETS).read_text(encoding="utf-8"))[_ADMIN]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise _unhealthy(container, f"no {_ADMIN} in /{_SECRETS}: {error}", []) from error
    address = rules.network["address"]
    request = {
        "url": f"https://{address}:5000/v3",
        "password": password,
        "authority": str(root / _AUTHORITY),
    }
    asked = _ask(container, "token", request)
    if asked.status != 0:
        last = asked.errors.strip().splitlines()[-1:] or ["no answer"]
        raise _unhealthy(container, f"no token from {request['url']}: {last[0]}", [])
    answer: dict[str, Any] = json.loads(asked.output)
    if answer["status"] != 201:
        raise _unhealthy(container, f"{request['url']} answers {answer['status']} to admin", [])
    facts = deployers.load(settings["deployer"])
    expected = {
        service.api.type
        for service in facts.services
        if service.api and service.name in settings["services"]
    }
    expected |= {
        kind
        for name, kinds in rules.besides.items()
        if name in settings["services"]
        for kind in kinds
    }
    missing = sorted(expected - set(answer["catalogue"]))
    awake = sorted(set(answer["catalogue"]) - expected)
    foreign = [
        url
        for urls in answer["catalogue"].values()
        for url in urls
        if not url.startswith(f"https://{address}")
    ]
    if missing or awake or foreign:
        wrong = [f"no {kind}" for kind in missing]
        wrong += [f"{kind}, which is dormant or unknown" for kind in awake]
        wrong += [f"endpoint {url}" for url in foreign]
        raise _unhealthy(container, f"Keystone's catalogue is wrong: {wrong[0]}", wrong)
    return answer


def _ask(container: Container, what: str, given: Mapping[str, Any]) -> Completed:
    """A function of ``outside``, run at the other end of the copy's cable."""
    return run_program(
        [*container.outside(), sys.executable, "-m", outside.__name__, what],
        env={"PYTHONPATH": os.environ.get("PYTHONPATH", "")},
        feed=json.dumps(given),
        timeout=90,
        check=False,
    )


def _keep_journal(container: Container, log: Path) -> None:
    with suppress(HostError), log.open("a", encoding="utf-8") as sink:
        said = container.run(
            ["journalctl", "--boot", "--no-pager", "-o", "short-monotonic"],
            timeout=60,
            check=False,
        )
        sink.write(f"--- journal of the copy\n{said.output}--- end of the journal\n")
