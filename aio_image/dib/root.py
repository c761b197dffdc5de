"""The step ``root``: the operating system and every package, as a folder.

Keeps ``tree/`` (the root file system) and ``packages.txt`` (name, version and installed size in
KiB of each package, a line each, sorted).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aio_image.dib.run import DibRun, run_dib
from aio_image.execution.context import StepContext
from aio_image.host import process
from aio_image.sources.debian_mirror import (
    DEFAULT_ARCHIVE,
    DEFAULT_SECURITY,
    DebianMirror,
    choose_mirror,
    image_sources,
)

_ELEMENTS = (
    "aio-root",
    "aio-system-network",
    "aio-system-boot",
    "aio-system-tiny",
    "aio-root-tree",
)
_COMPONENTS = ("main",)


def run(ctx: StepContext, elements: tuple[str, ...] = _ELEMENTS) -> None:
    """Build the tree.

    Settings: ``system.release`` (Debian's code name), ``system.architecture``,
    ``mirrors.debian`` (URL or None: the build host's), ``packages`` (names), ``stand_in``
    (names that an empty package provides), ``exclude`` (dpkg patterns of files to leave out).
    Raises MirrorError when no mirror serves the release, BuildError when the installation fails.
    """
    settings = ctx.step.settings
    ctx.progress("looking for a Debian mirror")
    mirror = choose_mirror(
        settings["system.release"],
        settings.get("mirrors.debian"),
        components=_COMPONENTS,
        architecture=settings["system.architecture"],
    )
    ctx.progress(f"installing {len(settings['packages'])} packages and what they need "
                 f"from {mirror.uri} ({mirror.archives[0].origin})")  # fmt: skip
    tree = ctx.output / "tree"
    run_dib(
        ctx,
        DibRun(
            elements=elements,
            # -n: without DIB's `base`. The size is never used; given, it is not measured.
            arguments=("-n", "-a", settings["system.architecture"], "--image-size", "1"),
            variables={**_inputs(ctx, mirror, settings), "AIO_TREE": str(tree)},
            sync=False,
        ),
    )
    (ctx.output / "packages.txt").write_text(installed_packages(tree), encoding="utf-8")


def installed_packages(tree: Path) -> str:
    """``packages.txt`` of a root: what dpkg lists there."""
    listed = process.run(
        ["dpkg-query", f"--admindir={tree}/var/lib/dpkg", "--show",
         "--showformat=${db:Status-Abbrev}\t${Package}\t${Version}\t${Installed-Size}\n"],
    ).output  # fmt: skip
    rows = (line.split("\t") for line in listed.splitlines())
    # An empty package states no size.
    return "".join(
        sorted(
            f"{name} {version} {size or 0}\n"
            for state, name, version, size in rows
            if state.startswith("ii")
        )
    )


def _inputs(ctx: StepContext, mirror: DebianMirror, settings: Any) -> dict[str, str]:
    """Write the files the element aio-root reads, and name them in its variables."""
    release = settings["system.release"]
    files = {
        "AIO_PACKAGES": ("packages", "".join(f"{name}\n" for name in settings["packages"])),
        "AIO_STAND_IN": ("stand-in", "".join(f"{name}\n" for name in settings.get("stand_in", ()))),
        "AIO_EXCLUDES": (
            "excludes",
            "".join(f"path-exclude={pattern}\n" for pattern in settings.get("exclude", ())),
        ),
        "AIO_BUILD_SOURCES": ("build.sources", mirror.as_sources()),
        "AIO_BUILD_APT_CONF": ("build.apt.conf", mirror.config.as_apt_conf()),
        "AIO_IMAGE_SOURCES": (
            "image.sources",
            image_sources(release, DEFAULT_ARCHIVE, DEFAULT_SECURITY, _COMPONENTS),
        ),
    }
    variables = {}
    for variable, (name, text) in files.items():
        path = ctx.work / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        variables[variable] = str(path)
    archives = ctx.home.downloads / "debian" / release
    archives.mkdir(parents=True, exist_ok=True)
    return {
        **variables,
        "AIO_RELEASE": release,
        "AIO_ARCHITECTURE": settings["system.architecture"],
        "AIO_ARCHIVES": str(archives),
        "AIO_MOUNT_MIRROR": "1" if mirror.is_local else "0",
    }
