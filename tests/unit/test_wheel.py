"""What `pipx install .` gives: a wheel that works from anywhere, with everything builds need."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_SHIPPED = ("elements", "profiles", "playbooks", "cloud-init")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with our wheel; its dependencies are those of the running one."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    made = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT]
    subprocess.run(made, check=True)
    (wheel,) = folder.glob("aio_image-*.whl")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    python = folder / "venv/bin/python"
    put = [*pip, "--python", python, "install", "--no-deps", "--no-index", wheel]
    subprocess.run(put, check=True)
    # A .pth inside a folder that is added by a .pth is not read: the checkout that may be
    # installed there, editable, stays out of sight.
    library = next((folder / "venv/lib").glob("python*/site-packages"))
    (library / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "venv"


def _run(installed: Path, where: Path, *argv: str) -> str:
    done = subprocess.run(
        [str(installed / "bin" / argv[0]), *argv[1:]],
        cwd=where,
        env={"PATH": os.defpath, "HOME": str(where), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_command_works_from_another_folder(installed: Path, tmp_path: Path) -> None:
    assert "debian-aio" in _run(installed, tmp_path, "aio-image", "profiles")
    # The plan reads profiles, playbooks and elements, and hashes their content.
    assert "bake" in _run(installed, tmp_path, "aio-image", "plan", "debian-aio")


def test_data_files_are_all_there(installed: Path, tmp_path: Path) -> None:
    code = "from aio_image.paths import resource; print(resource('elements').parent)"
    data = Path(_run(installed, tmp_path, "python", "-c", code).strip())
    assert data.is_relative_to(installed)
    wrong = []
    for name in _SHIPPED:
        for source in (ROOT / name).rglob("*"):
            if source.is_dir() or "__pycache__" in source.parts:
                continue
            copy = data / source.relative_to(ROOT)
            if not copy.is_file() or copy.read_bytes() != source.read_bytes():
                wrong.append(f"{copy}: missing or other content")
            # diskimage-builder skips a hook without a run bit in silence.
            elif bool(copy.stat().st_mode & stat.S_IXUSR) != bool(
                source.stat().st_mode & stat.S_IXUSR
            ):
                wrong.append(f"{copy}: other run bit")
    assert wrong == []


def test_block_device_plugins_are_registered(installed: Path, tmp_path: Path) -> None:
    code = (
        "from importlib.metadata import distribution as d\n"
        "for e in d('aio-image').entry_points:\n"
        "    if e.group == 'diskimage_builder.block_device.plugin':\n"
        "        print(e.name, e.load().__module__)\n"
    )
    said = _run(installed, tmp_path, "python", "-c", code)
    assert "aio_partitioning aio_image.dib" in said
    assert "aio_esp aio_image.dib" in said
