"""The step ``root``: the operating system and every package, as a folder.

Keeps ``tree/`` (the root file system) and ``packages.txt`` (name, version and installed size in
KiB of each package, a line each, sorted).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from aio_image.dib import apt_root, rpm_root
from aio_image.dib.recipe import Recipe
from aio_image.dib.run import DibRun, run_dib
from aio_image.errors import HostError
from aio_image.execution.context import StepContext
from aio_image.host.process import clean_environment
from aio_image.sources.mirrors import Mirror, choose
from aio_image.systems import System, load

# How each family of distributions is made: its `recipe`, and the list of what is `installed`.
_FAMILIES: dict[str, ModuleType] = {"debian": apt_root, "redhat": rpm_root}
_PROXIES = ("http_proxy", "https_proxy", "no_proxy")


def run(ctx: StepContext) -> None:
    """Build the tree.

    Settings: ``system.distribution``, ``system.release`` (as in its table, ``systems/``),
    ``system.architecture``, ``mirrors.<distribution>`` (URL or None: the build host's, or where
    it is published), ``packages`` (names); with apt also ``stand_in`` (names that an empty package
    provides) and ``exclude`` (dpkg patterns of files to leave out). Raises HostError when the
    host lacks what the distribution's root is made with, MirrorError when no mirror serves the
    release, BuildError when the installation fails.
    """
    settings = ctx.step.settings
    system = load(settings["system.distribution"])
    release = system.releases[settings["system.release"]]
    require(system)
    ctx.progress(f"looking for a {system.title} mirror")
    named = settings.get(f"mirrors.{system.name}")
    mirror = choose(system, release, named, settings["system.architecture"])
    ctx.progress(f"installing {len(settings['packages'])} packages and what they need "
                 f"from {mirror.uri} ({mirror.origin})")  # fmt: skip
    tree = ctx.output / "tree"
    made = recipe(settings, system, mirror, ctx.home.downloads)
    host = clean_environment() if made.proxies else {}
    proxies = {name: host[name] for name in _PROXIES if name in host}
    run_dib(
        ctx,
        DibRun(
            elements=made.elements,
            # -n: without DIB's `base`. The size is never used; given, it is not measured.
            arguments=("-n", "-a", settings["system.architecture"], "--image-size", "1"),
            variables={**proxies, **made.written(ctx.work), "AIO_TREE": str(tree)},
            sync=False,
        ),
    )
    (ctx.output / "packages.txt").write_text(
        _FAMILIES[system.family].installed(tree), encoding="utf-8"
    )


def recipe(settings: Mapping[str, Any], system: System, mirror: Mirror, downloads: Path) -> Recipe:
    """What disk-image-create is told. ``downloads``: the folder of packages that are kept."""
    release = system.releases[settings["system.release"]]
    made: Recipe = _FAMILIES[system.family].recipe(settings, system, release, mirror, downloads)
    return made


def require(system: System) -> None:
    """Make sure that the host can make a root of ``system``. HostError that names all it lacks."""
    path = clean_environment()["PATH"]
    lacking = {
        name: package
        for name, package in system.programs.items()
        if shutil.which(name, path=path) is None
    }
    lacking |= {str(file): package for file, package in system.files.items() if not file.exists()}
    if lacking:
        raise HostError(
            f"a root of {system.title} needs {', '.join(lacking)}, which this host has not",
            hint=f"install the packages: {' '.join(dict.fromkeys(lacking.values()))}",
        )
