"""What ansible-playbook prints while OpenStack-Ansible runs, read as progress and as failures."""

from __future__ import annotations

from aio_image.bake.osa.playbooks import Watch, failure

_FAILED = """\
PLAY [Basic host setup] ********************************************************
TASK [openstack_hosts : Load kernel module(s)] *********************************
[ERROR]: Task failed: Module failed: could not open /proc/modules
Origin: /etc/ansible/roles/openstack_hosts/tasks/configure_metal_hosts.yml:60:3
failed: [aio1] (item={'name': '8021q'}) => {"ansible_loop_var": "item", "msg": "no /proc/modules"}
...ignoring
TASK [openstack_hosts : Install distro packages for bare metal nodes] **********
ok: [aio1]
RUNNING HANDLER [systemd_service : Restart changed services] *******************
[ERROR]: Task failed: Module failed: Unable to start service x
Origin: /etc/ansible/roles/systemd_service/handlers/main.yml:20:3
fatal: [aio1]: FAILED! => {"changed": false, "msg": "Unable to start service x: see journal"}
"""


def _read(text: str, total: int = 10) -> tuple[Watch, list[tuple[str, float | None]]]:
    shown: list[tuple[str, float | None]] = []
    watch = Watch(total, lambda message, part: shown.append((message, part)))
    for line in text.splitlines():
        watch.line(line)
    return watch, shown


def test_tasks_and_handlers_are_counted_against_the_number_expected() -> None:
    watch, shown = _read(_FAILED)
    assert (watch.plays, watch.tasks) == (1, 3)
    assert shown[0] == ("openstack_hosts : Load kernel module(s) (task 1 of about 10)", 0.1)
    assert shown[-1][1] == 0.3
    # More than expected is no more than all.
    assert _read(_FAILED, total=2)[1][-1][1] == 1.0


def test_what_was_ignored_is_no_failure() -> None:
    watch, _ = _read(_FAILED)
    assert [each.task for each in watch.failures] == ["systemd_service : Restart changed services"]


def test_an_error_names_the_task_its_place_and_what_the_module_said() -> None:
    watch, _ = _read(_FAILED)
    error = failure("setup_hosts", watch)
    assert error.message == (
        "setup_hosts: task “systemd_service : Restart changed services” on aio1 "
        "(/etc/ansible/roles/systemd_service/handlers/main.yml:20:3): "
        "Unable to start service x: see journal"
    )
    assert "deploy.yaml" in error.hint


def test_a_program_that_failed_is_told_by_its_last_words() -> None:
    watch, _ = _read(
        "TASK [a : b] ***\n"
        'fatal: [aio1]: FAILED! => {"msg": "non-zero return code", "rc": 2, '
        '"stderr": "x\\nno such package", "stdout": ""}\n'
    )
    assert watch.failures[0].said == "exit 2: no such package"


def test_of_a_loop_the_item_that_failed_is_told() -> None:
    watch, _ = _read(
        "TASK [a : b] ***\n"
        'fatal: [aio1]: FAILED! => {"msg": "One or more items failed", "results": '
        '[{"msg": "fine"}, {"failed": true, "msg": "no such\\npackage"}]}\n'
    )
    assert watch.failures[0].said == "no such package"


def test_a_result_that_says_nothing_leaves_what_ansible_said() -> None:
    watch, _ = _read(
        "TASK [a : b] ***\n[ERROR]: Task failed: Module failed\n"
        'fatal: [aio1]: FAILED! => {"changed": false}\n'
    )
    assert watch.failures[0].said == "Task failed: Module failed"


def test_a_result_that_is_hidden_leaves_what_ansible_said() -> None:
    watch, _ = _read(
        "TASK [a : b] ***\n[ERROR]: Task failed: Module failed\nfatal: [aio1]: FAILED! => \n"
    )
    assert watch.failures[0].said == "Task failed: Module failed"


def test_what_handlers_say_after_a_failure_is_not_its_cause() -> None:
    text = """\
TASK [python_venv_build : Install python packages into the venv (uv)] ****
fatal: [aio1]: FAILED! => {"msg": "no solution"}
TASK [python_venv_build : Show venv install failure message] *************
fatal: [aio1]: FAILED! => {"msg": "have failed to install"}
RUNNING HANDLER [os_nova : Drop sudoers file] ****************************
changed: [aio1]
RUNNING HANDLER [os_nova : Stop services] ********************************
failed: [aio1] (item={'service': 'nova-compute'}) => {"msg": "no such service"}
"""
    watch, _ = _read(text)
    assert "have failed to install" in failure("setup_openstack", watch).message


def test_a_failure_that_was_mended_is_not_the_cause_of_a_later_one() -> None:
    text = """\
TASK [one : Mended in a rescue] ******************************************
fatal: [aio1]: FAILED! => {"msg": "first"}
RUNNING HANDLER [one : Restart] ******************************************
ok: [aio1]
TASK [two : Fails] *******************************************************
fatal: [aio1]: FAILED! => {"msg": "second"}
"""
    watch, _ = _read(text)
    assert "second" in failure("setup_openstack", watch).message
