"""The step ``seal``: takes out of the baked root what two machines must not share, and proves it.

What goes is data (``seal.yaml``). Then every file that the bake brought is searched for canaries
and compared with the ledger, in both directions, and for private keys.
"""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from aio_image import deployers
from aio_image.appliance import roots
from aio_image.appliance.problems import ApplianceProblem
from aio_image.bake import release
from aio_image.bake.inside import run_inside
from aio_image.bake.ledger import PATH, Ledger, disagreements, spread
from aio_image.bake.pristine import Rules as PristineRules
from aio_image.bake.pristine import pack
from aio_image.bake.scan import baked_layers, scan_file, scan_layers
from aio_image.errors import BuildError
from aio_image.execution.context import StepContext
from aio_image.host import trees

_TABLE = Path(__file__).with_name("seal.yaml")


@dataclass(frozen=True)
class Rules:
    """What the seal does; see seal.yaml for each word."""

    remove: tuple[str, ...]
    empty: tuple[str, ...]
    logs: tuple[str, ...]
    write: Mapping[str, tuple[str, int]]
    private_texts: tuple[str, ...]
    private_below: tuple[str, ...]
    private_except: tuple[str, ...]

    @classmethod
    def of(cls, deployer: str) -> Rules:
        """The rules for every system together with those of ``deployer``."""
        table = yaml.safe_load(_TABLE.read_text(encoding="utf-8"))
        parts = [table["system"], table.get(deployer, {})]

        def joined(*words: str) -> tuple[str, ...]:
            return tuple(each for part in parts for each in _dig(part, words))

        return cls(
            remove=joined("remove"),
            empty=joined("empty"),
            logs=joined("logs"),
            write={
                path: (row["text"], int(row["mode"], 8))
                for part in parts
                for path, row in part.get("write", {}).items()
            },
            private_texts=joined("private", "texts"),
            private_below=joined("private", "below"),
            private_except=joined("private", "except"),
        )


def _dig(part: Mapping[str, Any], words: Sequence[str]) -> Iterable[str]:
    value: Any = part
    for word in words:
        value = value.get(word, {})
    return value or ()


def run(ctx: StepContext) -> None:
    """Keeps ``tree/``: the seal's changes on top of the bake; and ``ledger.json``.

    Settings: ``deployer``, ``level``, ``services``, ``dormant``. Raises BuildError, one detail a
    problem, when a canary lies outside the ledger, a file lacks one it should hold, or a private
    key is left.
    """
    run_inside(seal, ctx)


def seal(ctx: StepContext) -> None:
    """The body of the step; must be in a private mount namespace."""
    began = time.monotonic()
    deployer = ctx.step.settings["deployer"]
    rules = Rules.of(deployer)
    with trees.writable(ctx.layers, ctx.output, ctx.work) as root:
        ctx.progress("Remove identities, logs and caches", 0.1)
        for one in roots.every(root):
            for path in apply(rules, root / one.lstrip("/")):
                print(f"removed {one}{path}")
        baked = release.read(_inside(root, "/" + release.PATH))
        ledger = Ledger.of(deployer, baked["bake_id"], _installed(ctx))
        deployed = ctx.step.settings["level"] == "deployed"
        if not deployed:
            ledger = without_places(ledger)
        ctx.progress("Search for secrets outside the ledger", 0.4)
        found = list(scan_layers(root, baked_layers([*ctx.layers, ctx.output])))
        ledger = spread(ledger, found, root)
        target = _inside(root, "/" + PATH)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(ledger.text(), encoding="utf-8")
        target.chmod(0o644)
        (ctx.output / "ledger.json").write_text(ledger.text(), encoding="utf-8")
        problems = disagreements(ledger, found, partial(_real, root))
        for one in roots.every(root):
            texts = private_texts(rules, root / one.lstrip("/"))
            problems += [f"{one}{problem}" for problem in texts]
        # A reset is for what the bake has deployed.
        if not problems and deployed:
            ctx.progress("Pack what a reset puts back", 0.7)
            packed = pack(PristineRules.of(deployer), root)
            problems += unrestored(ledger, set(packed.names), partial(_real, root))
            print(
                f"packed {len(packed.names)} entries into {packed.size} bytes"
                f" in {packed.seconds:.1f} s"
            )
    for problem in problems:
        print(problem)
    if problems:
        more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
        raise BuildError(
            f"the baked root cannot be sealed: {problems[0]}{more}",
            hint="mend the playbook, or "
            f"aio_image/deployers/{deployers.folder(deployer)}/secrets.yaml "
            "and aio_image/bake/seal.yaml, pristine.yaml",
            details=problems,
        )
    print(f"sealed in {time.monotonic() - began:.1f} s")


def unrestored(ledger: Ledger, packed: Collection[str], real: Callable[[str], str]) -> list[str]:
    """Files with a secret that a reset would leave as they are, one line each.

    The first boot after it would find the last cloud's secret there, and no canary to replace.
    """
    placed = {(real(path), row.name) for row in ledger.secrets for path in row.files}
    return [
        f"{path}: holds {name}, and is not among what a reset puts back"
        for path, name in sorted(placed)
        if path not in packed
    ]


def _real(root: Path, name: str) -> str:
    try:
        return roots.real(root, name)
    except ApplianceProblem as problem:
        raise BuildError(problem.message) from problem


def without_places(ledger: Ledger) -> Ledger:
    """Of an image whose cloud is deployed by its first boot: the playbooks place its secrets."""
    rows = (replace(row, files=(), mariadb=(), keystone=(), rabbitmq=()) for row in ledger.secrets)
    return replace(ledger, secrets=tuple(rows))


def _installed(ctx: StepContext) -> tuple[str, ...]:
    return (*ctx.step.settings["services"], *ctx.step.settings["dormant"])


def apply(rules: Rules, root: Path) -> Iterator[str]:
    """Do what ``rules`` say to the tree ``root``; tells each path it takes out.

    No symbolic link in the tree is followed out of it. Raises BuildError when a rule would.
    """
    for pattern in rules.remove:
        for path in _matches(root, pattern):
            _take(path)
            yield "/" + str(path.relative_to(root))
    for folder in rules.empty:
        for path in _content(root, folder):
            _take(path)
            yield "/" + str(path.relative_to(root))
    for folder in rules.logs:
        for path in _regular(_inside(root, folder)):
            path.unlink()
            yield "/" + str(path.relative_to(root))
    for name, (text, mode) in rules.write.items():
        path = _inside(root, name)
        if path.parent.is_dir():
            path.unlink(missing_ok=True)
            path.write_text(text, encoding="utf-8")
            path.chmod(mode)


def _matches(root: Path, pattern: str) -> Iterator[Path]:
    parent, _, last = pattern.rpartition("/")
    parents = sorted(root.glob(parent.lstrip("/"))) if parent else [root]
    for folder in parents:
        _inside(root, "/" + str(folder.relative_to(root)) + "/x")
        if folder.is_dir():
            yield from (path for path in sorted(folder.iterdir()) if fnmatchcase(path.name, last))


def _content(root: Path, folder: str) -> Iterator[Path]:
    path = _inside(root, folder + "/x").parent
    if path.is_dir() and not path.is_symlink():
        yield from sorted(path.iterdir())


def _inside(root: Path, name: str) -> Path:
    """The place of ``name`` below ``root``; BuildError when links on the way lead out of it."""
    path = root / name.lstrip("/")
    real = Path(os.path.realpath(path.parent))
    if not real.is_relative_to(os.path.realpath(root)):
        raise BuildError(
            f"{name}: a symbolic link on the way leads out of the image",
            hint="name the real place in aio_image/bake/seal.yaml",
        )
    return path


def _take(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _regular(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        # What is in containers is looked at container by container.
        folders[:] = [name for name in folders if not f"{place}/{name}".endswith(roots.CONTAINERS)]
        for name in sorted(names):
            path = Path(place, name)
            if stat.S_ISREG(path.lstat().st_mode):
                yield path


def private_texts(rules: Rules, root: Path) -> list[str]:
    """Files that hold a text the image must not have, one line each."""
    wanted = [text.encode() for text in rules.private_texts]
    problems = []
    for folder in rules.private_below:
        for path in _regular(_inside(root, folder)):
            shown = "/" + str(path.relative_to(root))
            if any(fnmatchcase(shown, pattern) for pattern in rules.private_except):
                continue
            for finding in scan_file(path, shown, wanted):
                if finding.text in rules.private_texts:
                    problems.append(f"{shown} (byte {finding.offset}): holds “{finding.text}”")
                    break
    return problems
