"""What a staged image of OpenStack-Ansible carries and runs, as data."""

from __future__ import annotations

import json
from pathlib import Path

from aio_image.appliance.deploying import orders as appliance
from aio_image.bake.osa.sleeping import put_to_sleep
from aio_image.deployers.openstack_ansible.deploying import deployment
from aio_image.deployers.openstack_ansible.orders import orders
from aio_image.deployers.openstack_ansible.staging import staging
from aio_image.paths import resource

_KNOWN = {
    "setup_hosts": {"plays": 18, "tasks": 310},
    "setup_infrastructure": {"plays": 43, "tasks": 413},
}
_SOURCES = """\
Types: deb
URIs: http://deb.debian.org/debian
Suites: trixie
Components: main

Types: deb
URIs: http://deb.debian.org/debian-security
Suites: trixie-security
Components: main
Enabled: yes
"""


def test_the_appliance_reads_its_orders(tmp_path: Path) -> None:
    path = tmp_path / "deploy.json"
    path.write_text(json.dumps(orders().dump("aio_metal", _KNOWN)))
    found = appliance.load(path)
    assert [step.name for step in found.steps] == [
        "bootstrap-aio.sh",
        "setup_hosts",
        "adopt-networks",
        "setup_infrastructure",
        "adopt",
    ]
    assert found.steps[1].playbook == "openstack.osa.setup_hosts"
    assert found.tasks == deployment().tasks["bootstrap-aio.sh"] + 310 + 413
    assert found.environment["SCENARIO"] == "aio_metal"
    words = {"host": "cloud.example.com", "interface": "ens3"}
    given = appliance.spelled(dict(found.variables), words)
    overrides = given["openstack_user_config_overrides"]["global_overrides"]
    assert overrides == {"external_lb_vip_address": "cloud.example.com"}
    assert given["bootstrap_host_public_interface"] == "ens3"
    # The cloud's own addresses, and no loop devices, as when it is deployed in a build.
    assert given["bootstrap_host_public_address"] == deployment().addresses["host"]
    assert "{" not in json.dumps(given).replace('{"', "").replace(": {", "")


def test_variables_name_the_stores_where_they_are() -> None:
    kept = staging().kept()
    wheels = staging().places["wheels"]
    assert kept["pip_install_options"] == f"--no-index --find-links {wheels}"
    assert kept["deployment_environment_variables"]["UV_FIND_LINKS"] == wheels
    assert "{" not in json.dumps(kept).replace("{", "", 2)


def test_the_distributions_own_sources_are_asleep(tmp_path: Path) -> None:
    path = tmp_path / "debian.sources"
    path.write_text(_SOURCES)
    put_to_sleep(path)
    put_to_sleep(path)
    text = path.read_text()
    assert text.count("Enabled: no\nTypes: deb\n") == 2
    assert text.count("Enabled:") == 2
    put_to_sleep(tmp_path / "none.sources")


def test_every_script_of_the_image_is_in_it() -> None:
    tree = resource("playbooks") / "roles/openstack_ansible/templates/tree"
    own = [one.path for one in orders().scripts if one.path.startswith("/")]
    assert own
    for path in own:
        place = tree / path.lstrip("/")
        assert place.is_file() or place.with_name(f"{place.name}.j2").is_file(), path
