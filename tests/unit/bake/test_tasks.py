"""How many tasks a playbook has is read from its files."""

from __future__ import annotations

from pathlib import Path

import yaml

from aio_image.bake.ansible import count_tasks
from aio_image.bake.bake import variables
from aio_image.paths import resource


def test_roles_blocks_and_tags_count(tmp_path: Path) -> None:
    (tmp_path / "roles/one/tasks").mkdir(parents=True)
    (tmp_path / "bake.yml").write_text(
        "- hosts: all\n  tasks:\n    - include_role: {name: one}\n- hosts: all\n"
    )
    (tmp_path / "roles/one/tasks/main.yml").write_text(
        "- command: !unsafe 'a {{ b }}'\n"
        "- block:\n    - command: a\n    - command: b\n  rescue:\n    - command: c\n"
    )
    (tmp_path / "roles/one/tasks/nothing.yml").write_text("---\n")
    assert count_tasks(tmp_path / "bake.yml", ["one"]) == 5
    assert count_tasks(tmp_path / "bake.yml", ["two"]) == 1


def test_the_shipped_playbook_can_be_counted() -> None:
    file = resource("playbooks") / "bake.yml"
    assert count_tasks(file, ["appliance"]) > len(yaml.safe_load(file.read_text()))


def test_extra_variables_hold_a_canary_for_each_secret_of_the_services() -> None:
    settings = {
        "deployer": "debian",
        "scenario": "aio_metal",
        "services": ["keystone"],
        "dormant": ["heat"],
    }
    given = variables({"bake_id": "0123456789abcdef"}, settings)
    assert given["aio_bake_id"] == "0123456789abcdef"
    assert given["aio_secrets"]
    assert {name.split("_")[0] for name in given["aio_secrets"]} == {"keystone", "heat"}
    assert all(value.startswith("aioCanary") for value in given["aio_secrets"].values())
    assert given["aio_services"] == ["keystone", "heat"]
    assert [row["name"] for row in given["aio_facts"]["services"]] == ["keystone"]
    assert [row["name"] for row in given["aio_facts"]["dormant"]] == ["heat"]
    assert Path(given["aio_appliance_source"]).joinpath("install.yaml").is_file()
