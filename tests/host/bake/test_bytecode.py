"""Byte code in a real tree: by each environment's own Python, of what services import."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from aio_image.bake.osa.bytecode import compile_all
from aio_image.host import trees
from aio_image.host.process import run
from tests.host.bake.conftest import fresh_room
from tests.private import in_private

pytestmark = pytest.mark.host

_LIB = "lib/python3/site-packages"
_FILES = {
    "service.py": "ANSWER = 42\n",
    "template.py": "class ${name}:\n",
    "tests/unit.py": "ANSWER = 41\n",
}


@pytest.fixture
def room() -> Iterator[Path]:
    folder = fresh_room("bytecode")
    yield folder
    shutil.rmtree(folder)


def test_services_find_byte_code_that_is_valid(small: Path, room: Path) -> None:
    for name in ("result", "work"):
        (room / name).mkdir()

    def body() -> None:
        with trees.writable([small], room / "result", room / "work") as root:
            for home in ("openstack/venvs/nova-1", "opt/ansible-runtime"):
                _environment(root / home)
            # Not one: what a playbook left beside them.
            (root / "openstack/venvs/nova-1.tar").write_bytes(b"")
            made = compile_all(root)
            assert made == {"/openstack/venvs/nova-1": 1, "/opt/ansible-runtime": 1}
            python, place = "/openstack/venvs/nova-1/bin/python3", f"/openstack/venvs/nova-1/{_LIB}"
            text = f"import sys; sys.path.insert(0, '{place}'); import service"
            told = run(["chroot", root, python, "-Bvc", text]).errors.splitlines()
            # "… .pyc matches … .py": it is not compiled anew. (python3(1), -v)
            assert [line for line in told if "matches" in line and "service.cpython" in line]

    in_private(body)


def _environment(home: Path) -> None:
    (home / "bin").mkdir(parents=True)
    (home / "bin/python3").symlink_to("/usr/bin/python3")
    for name, text in _FILES.items():
        path = home / _LIB / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
