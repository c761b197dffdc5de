"""The wheels of an image: a real virtualenv, real pip, and what pip and uv make of them offline."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from aio_image.errors import HostError, MirrorError
from aio_image.stores.freeze import Frozen, freeze, virtualenvs
from aio_image.stores.sets import StoredSet, damaged
from aio_image.stores.wheels import Pip, make_store

pytestmark = pytest.mark.skipif(
    not (find_spec("pip") and shutil.which("git")), reason="needs pip and git"
)

# No index and no build environment: both would be fetched.
OFFLINE = ("--no-index", "--no-build-isolation")
URL = "https://opendev.example/openstack/keystone"
# A build backend in the tree, as PEP 517 allows: it needs nothing, and so builds without an index.
PROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "keystone"
version = "29.0.0"
dependencies = ["oslo-config>=9"]
"""
BACKEND = """\
import pathlib, shutil
def build_wheel(folder, config_settings=None, metadata_directory=None):
    return pathlib.Path(shutil.copy("keystone-29.0.0-py3-none-any.whl", folder)).name
"""
ALL = ["keystone==29.0.0", "oslo.config==9.8.0", "pbr==7.0.1"]


def wheel(folder: Path, name: str, version: str, needs: Sequence[str] = ()) -> Path:
    """A real wheel with one module (PEP 427)."""
    module = name.replace(".", "_")
    info = f"{module}-{version}.dist-info"
    required = "".join(f"Requires-Dist: {need}\n" for need in needs)
    files = {
        f"{module}/__init__.py": f"version = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{required}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
    }
    rows = [f"{info}/RECORD,,"]
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        rows.append(f"{path},sha256={digest.decode()},{len(text)}")
    files[f"{info}/RECORD"] = "\n".join(rows) + "\n"
    made = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(made, "w") as packed:
        for path, text in files.items():
            packed.writestr(path, text)
    return made


def run(*argv: str | Path, home: Path) -> str:
    done = subprocess.run(
        list(map(str, argv)),
        env={"PATH": os.environ["PATH"], "HOME": str(home), "UV_NO_CONFIG": "1",
             "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def virtualenv(folder: Path) -> Path:
    """Gives the Python of a new virtualenv, without a pip."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    return folder / "bin/python"


@dataclass(frozen=True)
class Deployed:
    """A virtualenv that was deployed, and what it was deployed from: an index and a commit.

    Git is told by ``home`` to find its host in a folder, as a build tells it of mirrors.
    """

    home: Path
    index: Path
    commit: str
    venv: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    top = tmp_path_factory.mktemp("deployed")
    index = top / "index"
    index.mkdir()
    wheel(index, "oslo.config", "9.8.0", ["pbr"])
    wheel(index, "pbr", "7.0.1")
    wheel(index, "pbr", "6.1.0")
    source = top / "mirror/openstack/keystone"
    source.mkdir(parents=True)
    wheel(source, "keystone", "29.0.0", ["oslo-config>=9"])
    (source / "pyproject.toml").write_text(PROJECT)
    (source / "backend.py").write_text(BACKEND)
    (top / ".gitconfig").write_text(
        f'[url "file://{top}/mirror/"]\n\tinsteadOf = https://opendev.example/\n'
        "[user]\n\tname = x\n\temail = x@y.example\n"
    )
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"]):
        run("git", "-C", source, *words, home=top)
    commit = run("git", "-C", source, "rev-parse", "HEAD", home=top).strip()
    venv = top / "openstack/venvs/keystone-33.0.1"
    python = virtualenv(venv)
    run(sys.executable, "-m", "pip", "--python", python, "install", *OFFLINE,
        "--find-links", index, f"git+{URL}@{commit}", home=top)  # fmt: skip
    return Deployed(top, index, commit, venv)


@pytest.fixture
def deployed(made: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    """The same with an index of this test's own."""
    monkeypatch.setenv("HOME", str(made.home))
    index = Path(shutil.copytree(made.index, tmp_path / "index"))
    return Deployed(made.home, index, made.commit, made.venv)


def pip_of(deployed: Deployed) -> Pip:
    return Pip((sys.executable,), (*OFFLINE, "--find-links", str(deployed.index)))


def store_of(deployed: Deployed, store: Path, told: list[str] | None = None) -> StoredSet:
    names = told if told is not None else []
    frozen = freeze(deployed.venv)
    return make_store(
        frozen, store, pip_of(deployed), tools=("pbr",), told=lambda name, *_: names.append(name)
    )


def test_a_freeze_says_where_each_came_from(deployed: Deployed) -> None:
    # As a role links a package of the distribution in; where it leads to may not be there.
    (packages,) = deployed.venv.glob("lib/python3*/site-packages")
    link = packages / "libvirt_python-11.3.0.dist-info"
    if not link.is_symlink():
        link.symlink_to("/usr/lib/python3/dist-packages/libvirt_python-11.3.0.dist-info")
    assert freeze(deployed.venv) == [
        Frozen("keystone", "29.0.0", f"git+{URL}@{deployed.commit}"),
        Frozen("oslo-config", "9.8.0", "oslo-config==9.8.0"),
        Frozen("pbr", "7.0.1", "pbr==7.0.1"),
    ]
    assert virtualenvs(deployed.home / "openstack") == [deployed.venv]
    with pytest.raises(HostError, match="is not a virtualenv"):
        freeze(deployed.home / "openstack")


def test_pip_and_uv_make_the_same_virtualenv_from_it(deployed: Deployed, tmp_path: Path) -> None:
    stored = store_of(deployed, tmp_path / "store")
    assert damaged(stored) == []
    assert [f"{each.name}=={each.version}" for each in stored.files] == [
        "keystone==29.0.0",
        "oslo-config==9.8.0",
        "pbr==7.0.1",
    ]
    shutil.rmtree(deployed.index)
    from_it = ("--no-index", "--find-links", stored.folder, "keystone")
    python = virtualenv(tmp_path / "by-pip")
    nobody = tmp_path / "nobody"
    run(sys.executable, "-m", "pip", "--python", python, "install", *from_it, home=nobody)
    assert installed(python) == ALL
    if find_spec("uv") is None:
        pytest.skip("pip did; uv is missing")
    python = virtualenv(tmp_path / "by-uv")
    run(sys.executable, "-m", "uv", "pip", "install", "--offline", "--no-cache", "--python",
        python, *from_it, home=nobody)  # fmt: skip
    assert installed(python) == ALL


def installed(python: Path) -> list[str]:
    code = (
        "import importlib.metadata as m; "
        "print(*sorted(f'{d.name}=={d.version}' for d in m.distributions()), sep='\\n')"
    )
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_what_is_there_is_not_fetched_again(deployed: Deployed, tmp_path: Path) -> None:
    told: list[str] = []
    first = store_of(deployed, tmp_path / "store", told)
    assert sorted(told) == ["keystone", "oslo-config", "pbr"]
    shutil.rmtree(deployed.index)
    told.clear()
    assert store_of(deployed, tmp_path / "store", told) == first
    assert told == []


def test_a_stopped_run_goes_on(deployed: Deployed, tmp_path: Path) -> None:
    store = tmp_path / "store"
    (lost,) = deployed.index.glob("oslo_config-*.whl")
    lost.unlink()
    with pytest.raises(MirrorError) as caught:
        store_of(deployed, store)
    assert caught.value.message == "1 wheel cannot be had"
    assert caught.value.details[0].startswith("oslo-config==9.8.0: ")
    assert not (store / "sets").exists()
    # What could be had is kept; what was damaged meanwhile is not believed.
    pool = {path.name.split("-")[0]: path for path in (store / "pool").glob("*/*.whl")}
    assert set(pool) == {"keystone", "pbr"}
    pool["pbr"].write_bytes(b"half of it")
    wheel(deployed.index, "oslo.config", "9.8.0", ["pbr"])
    told: list[str] = []
    assert damaged(store_of(deployed, store, told)) == []
    assert sorted(told) == ["oslo-config", "pbr"]


def test_two_versions_of_one_distribution(deployed: Deployed, tmp_path: Path) -> None:
    """Virtualenvs differ: each keeps its own."""
    frozen = [Frozen("pbr", version, f"pbr=={version}") for version in ("6.1.0", "7.0.1")]
    made = make_store(frozen, tmp_path / "store", pip_of(deployed), tools=())
    assert [(each.name, each.version) for each in made.files] == [
        ("pbr", "6.1.0"),
        ("pbr", "7.0.1"),
    ]
