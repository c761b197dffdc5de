"""Digests: of content and the run bit, and of nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aio_image.plan import inputs


@pytest.fixture(autouse=True)
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "playbooks"
    (folder / "roles" / "nova").mkdir(parents=True)
    (folder / "bake.yml").write_text("- hosts: all\n")
    (folder / "roles" / "nova" / "main.yml").write_text("- debug:\n")
    monkeypatch.setattr(inputs, "top_folder", lambda name: tmp_path / name)
    return folder


def _digests(*patterns: str) -> dict[str, str]:
    return {label: each.digest for label, each in inputs.file_inputs(patterns).items()}


def test_labels_are_paths_below_the_project() -> None:
    assert sorted(_digests("playbooks/**")) == [
        "playbooks/bake.yml",
        "playbooks/roles/nova/main.yml",
    ]
    assert sorted(_digests("playbooks/*.yml")) == ["playbooks/bake.yml"]
    assert sorted(_digests("playbooks/roles/n*/**")) == ["playbooks/roles/nova/main.yml"]
    assert _digests("playbooks/gone/**") == {}


def test_times_caches_and_documentation_do_not_count(room: Path) -> None:
    before = _digests("playbooks/**")
    os.utime(room / "bake.yml", (1, 1))
    (room / "bake.yml").chmod(0o640)
    for name in ("__pycache__/x.cpython-311.pyc", "roles/y.pyc", "README.rst", "bake.yml~"):
        path = room / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    assert _digests("playbooks/**") == before


def test_content_and_the_run_bit_count(room: Path) -> None:
    before = _digests("playbooks/**")["playbooks/bake.yml"]
    (room / "bake.yml").chmod(0o755)
    runs = _digests("playbooks/**")["playbooks/bake.yml"]
    (room / "bake.yml").write_text("- hosts: none\n")
    other = _digests("playbooks/**")["playbooks/bake.yml"]
    assert len({before, runs, other}) == 3


def test_links_count_by_where_they_point(room: Path) -> None:
    (room / "link").symlink_to("bake.yml")
    (room / "folder").symlink_to("roles")
    (room / "broken").symlink_to("nowhere")
    found = _digests("playbooks/**")
    assert {"playbooks/link", "playbooks/folder", "playbooks/broken"} <= set(found)
    assert found["playbooks/link"] != found["playbooks/bake.yml"]
    (room / "link").unlink()
    (room / "link").symlink_to("roles/../bake.yml")
    assert _digests("playbooks/**")["playbooks/link"] != found["playbooks/link"]


def test_code_is_followed_through_imports_in_its_rooms_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "aio_image"
    modules = {
        "bake/__init__.py": "",
        "bake/bake.py": "from aio_image.bake import ledger\nimport aio_image.host.process\n"
        "from aio_image.bake.inside import run_inside\n"
        "def run():\n    from . import late\n    from .deep.er import thing\n",
        "bake/ledger.py": "from aio_image import deployers\nimport aio_image.errors\n",
        "bake/late.py": "from aio_image.bake import bake\n",
        "bake/inside.py": "from aio_image.bake import other\n",
        "bake/deep/__init__.py": "",
        "bake/deep/er.py": "thing = 1\n",
        "bake/other.py": "",
        "deployers/__init__.py": "from aio_image.deployers.facts import load\n",
        "deployers/facts.py": "",
        "host/process.py": "",
        "errors.py": "",
    }
    for name, text in modules.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(inputs, "_PACKAGE", package)
    assert sorted(inputs.code_inputs("aio_image.bake.bake")) == [
        "aio_image/bake/__init__.py",
        "aio_image/bake/bake.py",
        "aio_image/bake/deep/__init__.py",
        "aio_image/bake/deep/er.py",
        "aio_image/bake/late.py",
        "aio_image/bake/ledger.py",
        "aio_image/deployers/__init__.py",
        "aio_image/deployers/facts.py",
    ]


def test_a_key_is_the_same_in_another_process() -> None:
    program = (
        "from aio_image.plan.build import make_plan\n"
        "from aio_image.profile.load import load_profile\n"
        "print(*(step.key for step in make_plan(load_profile('debian-aio')).steps))\n"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert len(set(runs[0].split())) == 6
