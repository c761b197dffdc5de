"""Small git repositories in OpenStack-Ansible's shape: real git, a few files each."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import yaml

# What a person's own git configuration says must not matter here.
_ENV = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "PATH": "/usr/bin:/bin",
}


@dataclass
class Repository:
    """A bare-enough repository at ``path``; commits are made in its work tree."""

    path: Path
    commits: list[str] = field(default_factory=list)

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", "-C", self.path, *words], env=_ENV, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, files: dict[str, str], tag: str = "", branch: str = "") -> str:
        """Commit ``files`` on top; ``tag`` (annotated) and ``branch`` then name the commit."""
        for name, text in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", f"commit {len(self.commits)}")
        commit = self.git("rev-parse", "HEAD")
        self.commits.append(commit)
        if tag:
            self.git("tag", "-a", "-m", tag, tag)
        if branch:
            self.git("branch", "--force", branch)
        return commit


def repository(mirror: Path, host: str, path: str) -> Repository:
    """A new repository where a mirror has ``https://<host>/<path>``."""
    place = mirror / host / path
    place.mkdir(parents=True)
    made = Repository(place)
    made.git("init", "--quiet", "--initial-branch=master")
    return made


@dataclass
class Upstream:
    """A mirror with an OpenStack-Ansible and all that it names; ``osa`` has two releases."""

    mirror: Path
    osa: Repository
    parts: dict[str, Repository]


def upstream(folder: Path) -> Upstream:
    """Tags 33.0.0 and 33.0.1, branch stable/2026.1; a role, two collections, nova, keystone."""
    mirror = folder / "mirror"
    parts = {
        "os_nova": repository(mirror, "opendev.org", "openstack/openstack-ansible-os_nova"),
        "os_horizon": repository(mirror, "opendev.org", "openstack/openstack-ansible-os_horizon"),
        "nova": repository(mirror, "opendev.org", "openstack/nova"),
        "barbican": repository(mirror, "opendev.org", "openstack/barbican"),
        "requirements": repository(mirror, "opendev.org", "openstack/requirements"),
        "openstack.osa": repository(mirror, "opendev.org", "openstack/openstack-ansible-plugins"),
        "adriacloud.kubernetes": repository(mirror, "github.com", "adriacloud/kubernetes"),
        "kubernetes.core": repository(mirror, "github.com", "ansible-collections/kubernetes.core"),
        "pyScss": repository(mirror, "github.com", "Kronuz/pyScss"),
    }
    scss = parts["pyScss"].commit({"setup.py": "1"}, tag="v1.4.0")
    role = parts["os_nova"].commit({"defaults/main.yml": "nova_x: 1\n"})
    parts["os_nova"].commit({"tasks/main.yml": "[]\n"}, branch="stable/2026.1")
    horizon = parts["os_horizon"].commit(
        {
            "defaults/main.yml": "packages:\n"
            f'  - "git+{{{{ openstack_github_base_url }}}}/Kronuz/pyScss@{scss}"\n'
        }
    )
    parts["nova"].commit({"setup.cfg": "[metadata]\n"}, tag="33.0.0")
    for _ in range(3):
        nova = parts["nova"].commit({})
    barbican = parts["barbican"].commit({"setup.cfg": "[metadata]\n"}, tag="22.0.0")
    constraints = parts["requirements"].commit({"upper-constraints.txt": "pbr===7\n"})
    parts["openstack.osa"].commit({"galaxy.yml": "name: osa\n"}, branch="stable/2026.1")
    parts["adriacloud.kubernetes"].commit(
        {"galaxy.yml": 'dependencies:\n  kubernetes.core: ">=2.3,<6"\n'}, tag="26.6.1"
    )
    for tag in ("2.0.0", "5.1.0", "6.0.0", "6.1.0b1"):
        parts["kubernetes.core"].commit({"galaxy.yml": "dependencies: {}\n"}, tag=tag)
    opendev = "https://opendev.org/openstack"
    roles = [
        {
            "name": "os_nova",
            "scm": "git",
            "src": f"{opendev}/openstack-ansible-os_nova",
            "version": role,
            "trackbranch": "stable/2026.1",
        },
        {
            "name": "os_horizon",
            "scm": "git",
            "src": f"{opendev}/openstack-ansible-os_horizon",
            "version": horizon,
        },
    ]
    collections = [
        {
            "name": "openstack.osa",
            "source": f"{opendev}/openstack-ansible-plugins",
            "type": "git",
            "version": "stable/2026.1",
        },
        {
            "name": "adriacloud.kubernetes",
            "source": "https://github.com/adriacloud/kubernetes",
            "type": "git",
            "version": "26.6.1",
        },
    ]
    files = {
        "ansible-role-requirements.yml": yaml.safe_dump(roles),
        "ansible-collection-requirements.yml": yaml.safe_dump({"collections": collections}),
        "inventory/group_vars/all/source_git.yml": yaml.safe_dump(
            {
                "requirements_git_repo": "{{ openstack_opendev_base_url }}/openstack/requirements",
                "requirements_git_install_branch": constraints,
                "requirements_git_track_branch": "stable/2026.1",
            }
        ),
        "inventory/group_vars/nova_all/source_git.yml": yaml.safe_dump(
            {
                "nova_git_repo": "{{ openstack_opendev_base_url}}//openstack/nova",
                "nova_git_install_branch": nova,
                "nova_git_track_branch": "None",
            }
        ),
        "inventory/group_vars/barbican_all/source_git.yml": yaml.safe_dump(
            {
                "barbican_git_repo": "{{ openstack_opendev_base_url }}/openstack/barbican",
                "barbican_git_install_branch": barbican,
            }
        ),
        "inventory/group_vars/heat_all/source_git.yml": yaml.safe_dump(
            {
                "heat_git_repo": "{{ openstack_opendev_base_url }}/openstack/heat",
                "heat_git_install_branch": "0" * 40,
            }
        ),
    }
    osa = repository(mirror, "opendev.org", "openstack/openstack-ansible")
    osa.commit({"README": "first"}, tag="33.0.0")
    osa.commit(files, tag="33.0.1", branch="stable/2026.1")
    osa.commit({"README": "next"}, tag="34.0.0.0rc1")
    return Upstream(mirror, osa, parts)
