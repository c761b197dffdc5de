"""ansible-runner really drives a container by the shipped connection, and tells what failed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from aio_image.bake import ansible, nspawn
from aio_image.errors import BuildError
from aio_image.host import trees
from aio_image.paths import resource
from tests.host.bake.conftest import Private

pytestmark = pytest.mark.host

SHIPPED = ("ansible.cfg", "inventory.yml", "connection_plugins", "action_plugins", "library")

PLAY = """
- name: First
  hosts: system, keystone
  gather_facts: false
  tasks:
    - name: Write a file
      ansible.builtin.copy:
        dest: "/root/{{ inventory_hostname }}"
        content: "{{ aio_bake_id }}\\n"
        mode: "0600"
    - name: See the environment
      ansible.builtin.command: env
      register: seen
      changed_when: false
    - name: Nothing of the build host is there
      ansible.builtin.assert:
        that:
          - "'OF_THE_BUILD_HOST' not in seen.stdout"
          - "'ANSIBLE' not in seen.stdout"
"""

ROLE = """
- name: Let this one be wrong
  ansible.builtin.command: "false"
  ignore_errors: true
- name: Run the tool
  ansible.builtin.command: >-
    sh -c 'echo some output; echo "first line" >&2; echo "the reason" >&2; exit 3'
"""


def playbook(folder: Path, plays: str, roles: Mapping[str, str] | None = None) -> Path:
    room = folder / "playbooks"
    room.mkdir()
    for name in SHIPPED:
        source = resource("playbooks") / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, room / name)
    (room / "bake.yml").write_text(plays)
    for name, tasks in (roles or {}).items():
        (room / "roles" / name / "tasks").mkdir(parents=True)
        (room / "roles" / name / "tasks/main.yml").write_text(tasks)
    return room / "bake.yml"


def played(
    file: Path, small: Path, folder: Path, secrets: Mapping[str, Any] | None = None
) -> list[tuple[str, float | None]]:
    """Runs the playbook in a container; its progress."""
    told: list[tuple[str, float | None]] = []
    out = folder / "out"
    out.mkdir()
    with (
        trees.writable([small], out, folder / "work") as root,
        nspawn.booted(root, console=folder / "console", orderly=False) as container,
    ):
        variables = {"aio_bake_id": "0123", "aio_leader": container.leader, **(secrets or {})}
        ansible.play(
            ansible.Playbook(file, variables, folder / "ansible"),
            lambda message, fraction: told.append((message, fraction)),
            ansible.count_tasks(file, [role.name for role in file.parent.glob("roles/*")]),
        )
    return told


def failure(file: Path, small: Path, folder: Path, **secrets: Any) -> BuildError:
    with pytest.raises(BuildError) as caught:
        played(file, small, folder, secrets)
    return caught.value


def test_tasks_run_inside_and_are_counted(small: Path, tmp_path: Path, private: Private) -> None:
    file = playbook(tmp_path, PLAY)

    def body() -> None:
        os.environ["SECRET_OF_THE_BUILD_HOST"] = "x"
        told = played(file, small, tmp_path)
        assert told[0] == ("Write a file (task 1 of 3)", pytest.approx(1 / 3))
        assert told[-1] == ("Nothing of the build host is there (task 3 of 3)", 1.0)
        for name in ("system", "keystone"):
            assert (tmp_path / "out/tree/root" / name).read_text() == "0123\n"
        variables = tmp_path / "ansible/variables.yml"
        assert variables.stat().st_mode & 0o777 == 0o600

    private(body)
    assert not list(file.parent.rglob("__pycache__"))


def test_a_failed_task_is_one_line(small: Path, tmp_path: Path, private: Private) -> None:
    file = playbook(
        tmp_path, "- hosts: system\n  gather_facts: false\n  roles: [one]\n", {"one": ROLE}
    )

    def body() -> None:
        error = failure(file, small, tmp_path)
        assert error.message == (
            "playbook bake.yml: role one, task “Run the tool” on system "
            "(playbooks/roles/one/tasks/main.yml:5): exit 3: the reason"
        )
        assert [line.strip() for line in error.details[1:]] == [
            "first line", "the reason", "some output",
        ]  # fmt: skip

    private(body)


def test_a_hidden_result_stays_hidden(
    small: Path, tmp_path: Path, private: Private, capfd: pytest.CaptureFixture[str]
) -> None:
    file = playbook(
        tmp_path,
        "- hosts: system\n  gather_facts: false\n  tasks:\n"
        "    - name: Log in\n      ansible.builtin.command: 'sh -c \"echo {{ word }}; exit 1\"'\n"
        "      no_log: true\n",
    )

    def body() -> None:
        error = failure(file, small, tmp_path, word="hush-hush")
        assert "its output is hidden" in error.message
        assert "hush-hush" not in str((error.message, error.details))
        events = (tmp_path / "ansible/artifacts").rglob("*")
        assert not [p for p in events if p.is_file() and b"hush-hush" in p.read_bytes()]

    private(body)
    assert "hush-hush" not in "".join(capfd.readouterr())


def test_a_loop_names_its_item(small: Path, tmp_path: Path, private: Private) -> None:
    file = playbook(
        tmp_path,
        "- hosts: system\n  gather_facts: false\n  tasks:\n    - name: Each\n"
        "      ansible.builtin.command: 'test {{ item }} = good'\n      loop: [good, bad]\n",
    )

    def body() -> None:
        assert "item bad: " in failure(file, small, tmp_path).message

    private(body)


@pytest.mark.parametrize(
    ("plays", "reason"),
    [
        ("- hosts: system\n  tasks: [{no_such_module_here: {}}]\n", "no_such_module_here"),
        ("- hosts: system\n  tasks: [\n", "YAML"),
    ],
)
def test_a_playbook_that_is_none(tmp_path: Path, private: Private, plays: str, reason: str) -> None:
    file = playbook(tmp_path, PLAY)
    count = ansible.count_tasks(file, [])
    file.write_text(plays)

    def body() -> None:
        with pytest.raises(BuildError) as caught:
            ansible.play(
                ansible.Playbook(file, {"aio_leader": 1}, tmp_path / "ansible"),
                lambda *_: None,
                count,
            )
        assert reason in caught.value.message
        assert "\n" not in caught.value.message

    private(body)
