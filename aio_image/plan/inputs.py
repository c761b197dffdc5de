"""Digests of what a step depends on: data files, code modules, versions of programs.

A digest is over a file's content and its run bit (hooks without one are skipped in silence).
Times, owners, caches and README files do not count.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import os
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path, PurePosixPath

import aio_image
from aio_image.paths import resource
from aio_image.plan.model import Input
from aio_image.plan.table import CODE_APART, CODE_ROOMS

_PACKAGE = Path(aio_image.__file__).resolve().parent
_IGNORED_FOLDERS = frozenset({"__pycache__", ".mypy_cache", ".ruff_cache", ".ansible"})
_IGNORED_NAMES = ("*.pyc", "*~", ".*.sw?", "README", "README.*")


def counts(path: Path) -> bool:
    """Whether a file can make a difference to an image."""
    pure = PurePosixPath(path)
    if _IGNORED_FOLDERS & set(pure.parts):
        return False
    return not any(pure.match(pattern) for pattern in _IGNORED_NAMES)


def top_folder(name: str) -> Path:
    """The folder on disk that the first part of a table's glob means."""
    return _PACKAGE if name == "aio_image" else resource(name)


def files_below(folder: Path) -> Iterator[Path]:
    """Every file and link below ``folder`` that counts, sorted. Links are not followed."""
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - _IGNORED_FOLDERS)
        at = Path(where)
        links = [name for name in folders if (at / name).is_symlink()]
        for name in sorted([*names, *links]):
            if counts(at / name):
                yield at / name


def matching(pattern: str) -> list[tuple[str, Path]]:
    """(label, path) of each file that a glob of the table names; a folder means all below it."""
    top, _, rest = pattern.partition("/")
    base = top_folder(top)
    found: dict[str, Path] = {}
    for hit in [base] if rest == "**" else base.glob(rest.removesuffix("/**")):
        inside = files_below(hit) if hit.is_dir() and not hit.is_symlink() else [hit]
        for path in inside:
            if counts(path):
                found[f"{top}/{path.relative_to(base).as_posix()}"] = path
    return sorted(found.items())


def digest(path: Path) -> str:
    """sha256 hex of a file's run bit and content, or of where a link points."""
    if path.is_symlink():
        body = b"link " + os.fsencode(path.readlink())
    else:
        mode = b"run " if path.stat().st_mode & 0o100 else b"file "
        body = mode + path.read_bytes()
    return hashlib.sha256(body).hexdigest()


def file_inputs(patterns: Iterable[str]) -> dict[str, Input]:
    """One Input a file, by label, as ``playbooks/roles/nova/tasks/main.yml``."""
    found = {label: path for pattern in patterns for label, path in matching(pattern)}
    return {label: Input(label, digest(path)) for label, path in found.items()}


def code_inputs(module: str) -> dict[str, Input]:
    """One Input for ``module`` and for each module it leads to inside the rooms that count."""
    # Importing a module runs the packages it lies in, so they count with it.
    waiting = sorted(_with_packages({module}))
    seen = set(waiting)
    found: dict[str, Input] = {}
    while waiting:
        path = _module_file(waiting.pop())
        if path is None:
            continue
        label = f"aio_image/{path.relative_to(_PACKAGE).as_posix()}"
        found[label] = Input(label, digest(path))
        fresh = _with_packages({name for name in _imports(path) if _in_rooms(name)}) - seen
        seen |= fresh
        waiting += sorted(fresh)
    return found


def version_input(distribution: str) -> Input:
    """The version of a Python distribution, as ``diskimage-builder 3.43.0``."""
    try:
        version = importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        version = "not installed"
    label = f"version of {distribution}"
    return Input(label, hashlib.sha256(version.encode()).hexdigest())


def _with_packages(modules: set[str]) -> set[str]:
    """``modules`` and the packages below aio_image that they lie in."""
    return {name.rsplit(".", levels)[0] for name in modules for levels in range(name.count("."))}


def _in_rooms(module: str) -> bool:
    parts = module.split(".")
    # `from module import name` may mean a module or what is in one.
    if module in CODE_APART or module.rpartition(".")[0] in CODE_APART:
        return False
    return len(parts) > 1 and parts[0] == "aio_image" and parts[1] in CODE_ROOMS


def _module_file(module: str) -> Path | None:
    base = _PACKAGE.joinpath(*module.split(".")[1:])
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


@cache
def _imports(path: Path) -> frozenset[str]:
    """Absolute names a module imports anywhere in it; of ``from a import b`` both a and a.b."""
    parts = ["aio_image", *path.relative_to(_PACKAGE).with_suffix("").parts]
    package = parts[:-1]
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            names |= {stem, *(f"{stem}.{alias.name}" for alias in node.names)}
    return frozenset(names)
