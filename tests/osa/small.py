"""An OpenStack-Ansible in small that runs: its files, places and order, next to nothing in each.

Real git repositories, which a build locks, puts into a tree and bootstraps; what its playbooks do
is leave a line in /var/log/order, so that a test can tell what ran, when, and with which values.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.osa.repositories import Repository, repository

_OPENDEV = "https://opendev.org/openstack"
RELEASE = "33.0.1"
ORDER = "var/log/order"
# Of the roles' own repositories these are at the mirror; what the release names besides is not.
MISSING = "frrouting"
VENV = f"/openstack/venvs/nova-{RELEASE}"
# A service that no scenario here has: it is added later.
LATER = "barbican"
LATER_VENV = f"/openstack/venvs/{LATER}-{RELEASE}"
# Its playbook fails while this file is there.
NO_ROOM = "/var/lib/no-room"

_BOOTSTRAP_ANSIBLE = """\
#!/bin/bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
commit=$(sed -n 's/^requirements_git_install_branch: *//p' inventory/group_vars/all/source_git.yml)
git --git-dir="$ZUUL_SRC_PATH/opendev.org/openstack/requirements/.git" \\
    show "$commit:upper-constraints.txt" > "/opt/ansible-runtime-constraints-$commit.txt"
python3 -m venv --without-pip --system-site-packages /opt/ansible-runtime
# Which pip would have installed.
grep -qx ansible-runner /etc/openstack_deploy/user-ansible-venv-requirements.txt
ln -s /usr/local/bin/ansible-runner /opt/ansible-runtime/bin/
ansible-galaxy collection install --collections-path /etc/ansible/collections \\
    --requirements-file /etc/openstack_deploy/user-collection-requirements.yml
ansible-playbook --inventory localhost, --connection local scripts/get-ansible-roles.yml
install --mode 0755 scripts/openstack-ansible.sh /usr/local/bin/openstack-ansible
"""

_BOOTSTRAP_AIO = """\
#!/bin/bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ansible-playbook --inventory localhost, --connection local \\
    --extra-vars "scenario=$SCENARIO" $BOOTSTRAP_EXTRA_PARAMS tests/bootstrap-aio.yml
"""

_WRAPPER = """\
#!/bin/bash
set -euo pipefail
files=()
for file in /etc/openstack_deploy/user_*.yml; do files+=(--extra-vars "@$file"); done
export ANSIBLE_ROLES_PATH=/etc/ansible/roles ANSIBLE_COLLECTIONS_PATH=/etc/ansible/collections
exec ansible-playbook --inventory "aio1," --connection local "${files[@]}" "$@"
"""


# Builds itself, so that no index is asked for a build backend.
_PYPROJECT = """\
[build-system]
requires = []
build-backend = "build"
backend-path = ["."]
"""
_BACKEND = """\
import zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    name, info = "SERVICE-33.0.1-py3-none-any.whl", "SERVICE-33.0.1.dist-info"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.writestr("SERVICE.py", "")
        about = "Metadata-Version: 2.1\\nName: SERVICE\\nVersion: 33.0.1\\n"
        wheel.writestr(f"{info}/METADATA", about)
        tag = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        wheel.writestr(f"{info}/WHEEL", tag)
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""


@dataclass
class Small:
    """``mirror`` is a folder as ``--mirror`` takes it."""

    mirror: Path
    osa: Repository
    parts: dict[str, Repository]


def small(folder: Path, page: str) -> Small:
    """The release 33.0.1, whose setup_infrastructure needs what answers at the URL ``page``.

    The mirror lacks the commits of nova and barbican, and the role ``frrouting``.
    """
    mirror = folder / "mirror"
    parts = {
        "openstack_hosts": repository(
            mirror, "opendev.org", "openstack/openstack-ansible-openstack_hosts"
        ),
        "nova": repository(mirror, "opendev.org", "openstack/nova"),
        LATER: repository(mirror, "opendev.org", f"openstack/{LATER}"),
        "requirements": repository(mirror, "opendev.org", "openstack/requirements"),
        "openstack.osa": repository(mirror, "opendev.org", "openstack/openstack-ansible-plugins"),
        "kubernetes.core": repository(mirror, "github.com", "ansible-collections/kubernetes.core"),
    }
    role = parts["openstack_hosts"].commit({"tasks/main.yml": _yaml(_ROLE)})
    # The branch goes on: who takes its head takes another commit than the release names.
    parts["openstack_hosts"].commit({"README": "later"}, branch="stable/2026.1")
    for name in ("nova", LATER):
        backend = _BACKEND.replace("SERVICE", name)
        parts[name].commit({"pyproject.toml": _PYPROJECT, "build.py": backend}, tag="33.0.0")
        parts[name].commit({"README": "head"}, branch="stable/2026.1")
    constraints = parts["requirements"].commit({"upper-constraints.txt": "pbr===7\n"})
    parts["kubernetes.core"].commit(
        {"galaxy.yml": _galaxy("kubernetes", "core", "5.1.0"), "README.md": ""}, tag="5.1.0"
    )
    parts["openstack.osa"].commit(
        {
            "galaxy.yml": _galaxy("openstack", "osa", "1.0.0", {"kubernetes.core": ">=2.3,<6"}),
            "README.md": "",
            **{f"playbooks/{name}.yml": _yaml(plays) for name, plays in _playbooks(page).items()},
        },
        branch="stable/2026.1",
    )
    osa = repository(mirror, "opendev.org", "openstack/openstack-ansible")
    osa.commit(_release(role, constraints), tag=RELEASE, branch="stable/2026.1")
    return Small(mirror, osa, parts)


def _release(role: str, constraints: str) -> dict[str, str]:
    """The files of openstack-ansible itself."""
    roles = [
        ("openstack_hosts", f"{_OPENDEV}/openstack-ansible-openstack_hosts", role),
        (MISSING, f"{_OPENDEV}/ansible-role-frrouting", "4" * 40),
    ]
    return {
        "ansible-role-requirements.yml": _yaml(
            [
                {
                    "name": name,
                    "scm": "git",
                    "src": src,
                    "version": version,
                    "trackbranch": "stable/2026.1",
                    "shallow_since": "2026-01-01",
                }
                for name, src, version in roles
            ]
        ),
        "ansible-collection-requirements.yml": _yaml(
            {
                "collections": [
                    {
                        "name": "openstack.osa",
                        "source": f"{_OPENDEV}/openstack-ansible-plugins",
                        "type": "git",
                        "version": "stable/2026.1",
                    }
                ]
            }
        ),
        "inventory/group_vars/all/source_git.yml": _yaml(
            {
                "requirements_git_repo": "{{ openstack_opendev_base_url }}/openstack/requirements",
                "requirements_git_install_branch": constraints,
                "requirements_git_track_branch": "stable/2026.1",
            }
        ),
        **{
            f"inventory/group_vars/{name}_all/source_git.yml": _yaml(
                {
                    f"{name}_git_repo": f"{{{{ openstack_opendev_base_url }}}}/openstack/{name}",
                    f"{name}_git_install_branch": "5" * 40,
                    f"{name}_git_track_branch": "stable/2026.1",
                }
            )
            for name in ("nova", LATER)
        },
        "etc/openstack_deploy/user_secrets.yml": "nova_service_password:\nnova_pool_uuid:\n",
        "scripts/bootstrap-ansible.sh": _BOOTSTRAP_ANSIBLE,
        "scripts/bootstrap-aio.sh": _BOOTSTRAP_AIO,
        "scripts/openstack-ansible.sh": _WRAPPER,
        "scripts/get-ansible-roles.yml": _yaml(_GET_ROLES),
        "tests/bootstrap-aio.yml": _yaml(_AIO),
    }


def _note(line: str) -> dict[str, object]:
    """A task that leaves ``line`` in ORDER."""
    words = {"path": f"/{ORDER}", "line": line, "create": True, "mode": "0600"}
    return {"name": f"Note {line.split(maxsplit=1)[0]}", "ansible.builtin.lineinfile": words}


_GET_ROLES = [
    {
        "name": "Every role that has a source",
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [
            {
                "name": "Clone roles",
                "ansible.builtin.git": {
                    "repo": "{{ item.src }}",
                    "version": "{{ item.version }}",
                    "dest": "/etc/ansible/roles/{{ item.name }}",
                    "depth": 1,
                },
                "loop": "{{ lookup('file', '/etc/openstack_deploy/user-role-requirements.yml')"
                " | from_yaml | selectattr('src', 'defined') }}",
                "loop_control": {"label": "{{ item.name }}"},
            },
            _note("bootstrap-ansible"),
        ],
    }
]
_AIO = [
    {
        "name": "Prepare a host",
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [
            {
                "name": "Write openstack_user_config.yml",
                "ansible.builtin.copy": {
                    "dest": "/etc/openstack_deploy/openstack_user_config.yml",
                    "content": "{{ openstack_user_config_overrides | to_nice_yaml }}",
                    "mode": "0644",
                },
            },
            {
                "name": "A folder for what runs where",
                "ansible.builtin.file": {
                    "path": "/etc/openstack_deploy/conf.d",
                    "state": "directory",
                    "mode": "0755",
                },
            },
            {
                "name": "Keystone runs here",
                "ansible.builtin.copy": {
                    "dest": "/etc/openstack_deploy/conf.d/keystone.yml",
                    "content": "identity_hosts: {aio1: {ip: 172.29.236.100}}\n",
                    "mode": "0644",
                },
            },
            {
                "name": "Secrets, where there are none yet",
                "ansible.builtin.copy": {
                    "dest": "/etc/openstack_deploy/user_secrets.yml",
                    "content": "nova_service_password: drawn\n",
                    "mode": "0600",
                    "force": False,
                },
            },
            _note("bootstrap-aio {{ scenario }} {{ bootstrap_host_public_address }}"),
        ],
    }
]
_ROLE = [
    {
        "name": "A secret, where services have theirs",
        "ansible.builtin.copy": {
            "dest": "/etc/nova.conf",
            "content": "password = {{ nova_service_password }}\n",
            "mode": "0600",
        },
        "no_log": True,
    },
    # `kept` and `bake` of deploy.yaml.
    _note(
        "setup_hosts galera={{ galera_install_method }}"
        " modules={{ openstack_host_kernel_modules | default(['x']) | length }}"
    ),
]
_RABBITMQCTL = """\
#!/bin/sh
# export_definitions FILE, as the broker's own does it.
echo '{"users": []}' > "$2"
"""


def _playbooks(page: str) -> dict[str, list[dict[str, object]]]:
    def play(name: str, *tasks: dict[str, object]) -> list[dict[str, object]]:
        # Handlers run after a failure, too, as OpenStack-Ansible has it.
        common = {"hosts": "aio1", "gather_facts": False, "force_handlers": True}
        handlers = [{"name": "Look again", "ansible.builtin.command": "true"}]
        return [{"name": name, **common, "tasks": list(tasks), "handlers": handlers}]

    return {
        "setup_hosts": [
            {
                "name": "Hosts",
                "hosts": "aio1",
                "gather_facts": False,
                "roles": [{"role": "openstack_hosts"}, {"role": MISSING, "when": False}],
            }
        ],
        "setup_infrastructure": play(
            "Infrastructure",
            {
                "name": "Something new",
                "ansible.builtin.command": "true",
                "notify": "Look again",
            },
            {
                "name": "Fetch from afar",
                "ansible.builtin.uri": {"url": page},
                "when": "fetch_from_afar | default(true)",
            },
            {
                "name": "A broker",
                "ansible.builtin.copy": {
                    "dest": "/usr/local/bin/rabbitmqctl",
                    "content": _RABBITMQCTL,
                    "mode": "0755",
                },
            },
            {
                "name": "Its folder",
                "ansible.builtin.file": {
                    "path": "/etc/rabbitmq",
                    "state": "directory",
                    "mode": "0755",
                },
            },
            _note("setup_infrastructure"),
        ),
        "setup_openstack": play(
            "OpenStack",
            {
                "name": "Nova's source",
                "ansible.builtin.git": {
                    "repo": f"{_OPENDEV}/nova",
                    "version": "{{ nova_git_install_branch }}",
                    "dest": "/opt/nova",
                },
            },
            {
                "name": "A package",
                "ansible.builtin.apt": {
                    "name": "hello",
                    "state": "{{ package_state | default('latest') }}",
                    "update_cache": True,
                },
            },
            *_virtualenv("nova", VENV),
            _note("setup_openstack"),
        ),
        LATER: play(
            "A service for later",
            {
                "name": "Is it told of",
                "ansible.builtin.command": "grep -q key_manager_hosts"
                f" /etc/openstack_deploy/conf.d/{LATER}.yml",
            },
            {"name": "Is there room", "ansible.builtin.command": f"test ! -e {NO_ROOM}"},
            {
                "name": "Packages",
                "ansible.builtin.apt": {
                    "name": ["hello", "sl"],
                    "state": "{{ package_state | default('latest') }}",
                    "update_cache": True,
                    "cache_valid_time": 600,
                },
                "environment": "{{ deployment_environment_variables | default({}) }}",
            },
            *_virtualenv(LATER, LATER_VENV),
            {
                "name": "Say so",
                "ansible.builtin.shell": f"echo {LATER} {{{{ package_state | default('latest') }}}}"
                f" >> /{ORDER}",
            },
        ),
    }


def _virtualenv(service: str, place: str) -> list[dict[str, object]]:
    """Tasks that install ``service`` from git into a virtualenv of its own."""
    return [
        {
            "name": "A virtualenv",
            "ansible.builtin.command": {
                "argv": [
                    *("python3", "-m", "venv", "--without-pip", "--system-site-packages", place)
                ],
                "creates": f"{place}/bin/python",
            },
        },
        {
            "name": f"{service.capitalize()} in it",
            "ansible.builtin.command": f"{place}/bin/python -m pip install"
            f" {{{{ pip_install_options | default('') }}}} git+{_OPENDEV}/{service}"
            f"@{{{{ {service}_git_install_branch }}}}",
            "environment": "{{ deployment_environment_variables | default({}) }}",
        },
    ]


def _galaxy(
    namespace: str, name: str, version: str, dependencies: dict[str, str] | None = None
) -> str:
    return _yaml(
        {
            "namespace": namespace,
            "name": name,
            "version": version,
            "readme": "README.md",
            "authors": ["nobody"],
            "dependencies": dependencies or {},
        }
    )


def _yaml(content: object) -> str:
    return yaml.safe_dump(content, sort_keys=False, width=1000)
