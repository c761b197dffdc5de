"""The step ``image``: the layered tree of the steps before, as a disk that boots.

Keeps ``image.qcow2``: GPT; boots with SeaBIOS, UEFI, and UEFI with Secure Boot.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from aio_image.dib.disk import block_device_config
from aio_image.dib.run import DibRun, run_dib
from aio_image.errors import BuildError, HostError
from aio_image.execution.context import StepContext
from aio_image.host import process


def run(ctx: StepContext) -> None:
    """Write the image.

    Settings: ``image.size`` (bytes), ``image.format``, ``image.compression``,
    ``image.filesystem``, ``image.label``, ``kernel.cmdline`` (words in one string),
    ``kernel.console`` (``ttyS0,115200``), ``system.architecture``, ``image_elements`` (names).
    Raises BuildError when disk-image-create fails or the result cannot be read.
    """
    settings = ctx.step.settings
    link = ctx.work / "view-of-tree"
    image = ctx.output / f"image.{settings['image.format']}"
    config = ctx.work / "disk.yaml"
    config.write_text(
        block_device_config(
            settings["image.size"], settings["image.label"], settings["image.filesystem"], link
        ),
        encoding="utf-8",
    )
    ctx.progress("writing the root file system")
    run_dib(
        ctx,
        DibRun(
            elements=tuple(settings["image_elements"]),
            arguments=_arguments(settings, image),
            variables={
                "DIB_BLOCK_DEVICE_CONFIG": f"file://{config}",
                "AIO_ROOT_LABEL": settings["image.label"],
                "AIO_KERNEL_CMDLINE": settings["kernel.cmdline"],
                "AIO_CONSOLE": settings["kernel.console"],
            },
            qemu_img=_qemu_img(),
            trees=ctx.layers,
            tree_link=link,
        ),
    )
    if not image.is_file():
        raise BuildError(f"disk-image-create wrote no {image.name}", log=ctx.log)


def _arguments(settings: Any, image: Path) -> tuple[str, ...]:
    return (
        "-n",
        "-a", settings["system.architecture"],
        "-t", settings["image.format"],
        "-o", str(image.with_suffix("")),
        # Our configuration has the size; given here as well, DIB does not measure the tree for it.
        "--image-size", str(settings["image.size"] // 2**30),
        "--qemu-img-options", f"compression_type={settings['image.compression']}",
    )  # fmt: skip


def _qemu_img() -> str:
    found = shutil.which("qemu-img", path=process.clean_environment()["PATH"])
    if found is None:
        raise HostError("qemu-img: not found", hint="install the package qemu-utils")
    return found
