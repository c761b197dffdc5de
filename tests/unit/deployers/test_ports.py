"""Public ports: one table for the gate, the security-group rules and docs/ports.md.

To write the page's tables anew: AIO_ACCEPT=1 pytest tests/unit/deployers/test_ports.py
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from aio_image import deployers
from aio_image.appliance import cli, ports
from aio_image.appliance.layout import Layout

from .conftest import Recipe

PAGE = Path(__file__).parents[3] / "docs" / "ports.md"


def table(deployer: str) -> str:
    facts = deployers.load(deployer)
    every = [service.name for service in facts.services]
    rows = [
        f"| {one.port} | {one.protocol} | {one.name} | {one.title} |"
        for one in facts.ports_of(every)
    ]
    return "\n".join(["| port | | name | what answers |", "|---|---|---|---|", *rows])


def rules(deployer: str) -> str:
    facts = deployers.load(deployer)
    shown = ports.of_clients(facts.dump([service.name for service in facts.services]))
    return "\n".join(["```sh", *ports.openstack_rules(shown), "```", "", "```sh",
                      *ports.ec2_rules(shown), "```"])  # fmt: skip


@pytest.mark.parametrize(
    ("deployer", "what"), [("debian", rules), *((name, table) for name in deployers.names())]
)
def test_the_page_has_the_tables(deployer: str, what: object) -> None:
    name = f"{deployer}-{what.__name__}"  # type: ignore[attr-defined]
    begin, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
    wanted = f"{begin}{what(deployer)}{end}"  # type: ignore[operator]
    text = PAGE.read_text(encoding="utf-8")
    if os.environ.get("AIO_ACCEPT"):
        block = re.compile(re.escape(begin) + ".*?" + re.escape(end.lstrip()), re.DOTALL)
        text = block.sub(lambda _: wanted, text)
        PAGE.write_text(text, encoding="utf-8")
    assert wanted in text


def test_what_the_appliance_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layout = Layout(tmp_path)
    layout.services.parent.mkdir(parents=True)
    facts = deployers.load("debian")
    layout.services.write_text(json.dumps(facts.dump(["keystone", "haproxy"])))
    # No secret is asked for: it works before the first boot, and for everybody.
    assert cli.main(["credentials", "--cloud"], layout) == 0
    opened = re.findall(r"--dst-port (\d+) .*# (\S+)", capsys.readouterr().out)
    assert opened == [("22", "ssh"), ("80", "status"), ("5000", "keystone")]
    assert cli.main(["credentials", "--cloud", "ec2"], layout) == 0
    shown = capsys.readouterr().out
    assert re.findall(r"--port (\d+) ", shown) == ["22", "80", "5000"]
    assert all("authorize-security-group-ingress" in line for line in shown.splitlines()[2:])


def test_every_public_port_is_bound_by_haproxy_and_no_other(recipe: Recipe) -> None:
    bound = set(re.findall(r"bind :::(\d+) ", recipe.files["/etc/haproxy/haproxy.cfg"]))
    meant = {str(one.port) for one in recipe.facts.ports_of(recipe.services) if one.clients}
    assert bound == meant - {"22"}


def test_ssh_is_by_key_only(recipe: Recipe) -> None:
    lines = recipe.files["/etc/ssh/sshd_config.d/10-aio.conf"].splitlines()
    words = dict(line.split() for line in lines if not line.startswith("#"))
    assert words["PasswordAuthentication"] == words["KbdInteractiveAuthentication"] == "no"
    assert words["PermitRootLogin"] == "no"
