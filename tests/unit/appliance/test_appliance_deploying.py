"""What a staged appliance runs at its first boot: real ansible-runner, playbooks of a few lines."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from aio_image.appliance.commands import deploy
from aio_image.appliance.deploying import orders, work
from aio_image.appliance.deploying.events import Progress
from aio_image.appliance.deploying.orders import Done
from aio_image.appliance.layout import Layout
from aio_image.appliance.problems import ApplianceProblem
from aio_image.appliance.status import Reporter

_PROGRAMS = Path(sys.executable).parent
_BAKE = "0123456789abcdef"
_NOTE = """\
- name: {name}
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Mended before
      block:
        - name: Fails
          ansible.builtin.command: "false"
      rescue:
        - name: Is mended
          ansible.builtin.debug: {{msg: mended}}
    - name: Write it down
      ansible.builtin.shell: echo {name} >> {folder}/order
      args: {{creates: /nowhere}}
    - name: Look at what is there
      ansible.builtin.command: "test -e {folder}/mended"
      when: "'{name}' == 'second'"
"""
_SCRIPT = """\
echo "PLAY [Prepare] ****"
echo "TASK [one : first] ****"
cp "${BOOTSTRAP_EXTRA_PARAMS#-e @}" given.json
echo "$SCENARIO script" >> order
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """An appliance whose orders are a script and two playbooks, the second of which fails."""
    folder = tmp_path / "release"
    folder.mkdir()
    (folder / "script.sh").write_text(_SCRIPT)
    for name in ("first", "second"):
        (folder / f"{name}.yml").write_text(_NOTE.format(name=name, folder=folder))
    layout = Layout(tmp_path / "root")
    table = {
        "format": 1,
        "folder": str(folder),
        "wrapper": str(_PROGRAMS / "ansible-playbook"),
        "runner": str(_PROGRAMS / "ansible-runner"),
        "environment": {
            "SCENARIO": "aio_metal",
            "HOME": str(tmp_path),
            "ANSIBLE_LOCALHOST_WARNING": "false",
        },
        "variables": {"one": "{host}", "more": {"card": ["{interface}"]}, "plain": 1},
        "steps": [
            {"name": "script.sh", "script": "script.sh", "tasks": 1},
            {"name": "first", "playbook": "first.yml", "plays": 1, "tasks": 4},
            {"name": "second", "playbook": "second.yml", "plays": 1, "tasks": 4},
        ],
    }
    layout.orders.parent.mkdir(parents=True)
    layout.orders.write_text(json.dumps(table))
    layout.memory.mkdir(parents=True)
    layout.personalised.write_text(f"{_BAKE}\n")
    values = {"host": "cloud.example.com", "interface": "ens3"}
    layout.state.write_text(
        json.dumps({"release": _BAKE, "done": {}, "config": {}, "values": values})
    )
    return layout


def _run(layout: Layout) -> list[Done]:
    return work.run(layout, Reporter(layout, consoles=[]))


def _order(layout: Layout) -> list[str]:
    return (layout.root.parent / "release/order").read_text().splitlines()


def test_what_failed_is_named_and_what_is_over_is_not_repeated(layout: Layout) -> None:
    with pytest.raises(ApplianceProblem) as caught:
        _run(layout)
    where = layout.root.parent / "release/second.yml"
    assert caught.value.message.startswith(
        f"second.yml: task “Look at what is there” ({where}:15): "
    )
    assert "systemctl restart aio-deploy goes on there" in caught.value.hint
    assert _order(layout) == ["aio_metal script", "first", "second"]
    status = json.loads(layout.status.read_text())
    assert (status["stage"], status["state"], status["total"]) == ("deploy", "failed", 9)
    assert [one.name for one in orders.over(layout)] == ["script.sh", "first"]
    assert deploy.listing(layout).splitlines()[2].split(maxsplit=1) == ["second", "to come"]

    (layout.root.parent / "release/mended").touch()
    done = _run(layout)
    assert _order(layout)[3:] == ["second"]
    assert [(one.name, one.plays, one.tasks) for one in done] == [
        ("script.sh", 1, 1), ("first", 1, 4), ("second", 1, 4),
    ]  # fmt: skip
    status = json.loads(layout.status.read_text())
    assert (status["state"], status["done"], status["detail"]) == ("working", 9, "deployed")
    # Nothing of what Ansible was given is left, and another boot has nothing to do.
    assert not (layout.run / "deploy").exists()
    assert _run(layout) == done
    assert len(_order(layout)) == 4


def test_a_script_gets_the_public_host_as_it_was_settled(layout: Layout) -> None:
    with pytest.raises(ApplianceProblem):
        _run(layout)
    given = json.loads((layout.root.parent / "release/given.json").read_text())
    assert given == {"one": "cloud.example.com", "more": {"card": ["ens3"]}, "plain": 1}


def test_a_script_that_fails_is_told_by_its_last_words(layout: Layout) -> None:
    (layout.root.parent / "release/script.sh").write_text("echo no room; exit 3\n")
    with pytest.raises(ApplianceProblem, match=r"^script\.sh: status 3: no room$"):
        _run(layout)
    assert orders.over(layout) == []


def test_an_image_that_is_not_staged_has_nothing_to_deploy(tmp_path: Path) -> None:
    with pytest.raises(ApplianceProblem, match="not a staged one"):
        orders.load(Layout(tmp_path).orders)


@pytest.mark.parametrize("text", ["{", '{"format": 2}', '{"format": 1}', "[]"])
def test_damaged_orders_are_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "deploy.json"
    path.write_text(text)
    with pytest.raises(ApplianceProblem, match=str(path)):
        orders.load(path)


def test_a_record_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert orders.over(layout) == []
    orders.note(layout, [Done("one", 1, 2, 3.0)])
    assert [asdict(one) for one in orders.over(layout)] == [
        {"name": "one", "plays": 1, "tasks": 2, "seconds": 3.0}
    ]
    layout.deployed.write_text("{")
    assert orders.over(layout) == []


def _event(kind: str, said: str = "", **data: object) -> str:
    return json.dumps({"event": kind, "stdout": f"\r\n{said}", "event_data": data})


def test_what_handlers_say_after_a_failure_is_not_its_cause() -> None:
    progress = Progress()
    for line in (
        _event("playbook_on_task_start", "TASK [os_nova : Install] ****"),
        _event("runner_on_failed", task="Install", res={"msg": "no solution"}),
        _event("playbook_on_task_start", "RUNNING HANDLER [Stop services] ****"),
        _event("runner_on_failed", task="Stop services", res={"msg": "no such service"}),
    ):
        progress.line(line)
    assert progress.cause == "task “os_nova : Install”: no solution"
    assert (progress.tasks, progress.task) == (2, "Stop services")


def test_a_hidden_result_stays_hidden() -> None:
    progress = Progress()
    progress.line(_event("playbook_on_task_start", "TASK [Log in] ****"))
    hidden = {"censored": "hidden", "msg": "hush"}
    progress.line(_event("runner_on_failed", task="Log in", res=hidden))
    assert "hush" not in progress.cause
    assert "no_log" in progress.cause


def test_ignored_failures_are_none() -> None:
    progress = Progress()
    progress.line(_event("runner_on_failed", task="x", res={"msg": "y"}, ignore_errors=True))
    assert progress.cause == ""
