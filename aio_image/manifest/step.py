"""The step ``manifest``: what is in the image, what it was made from, and its checksums.

Keeps ``manifest.json``::

    {"format": 1, "profile", "description", "deployer", "level", "scenario", "services",
     "dormant": services that `aio enable` wakes,
     "system": {"distribution", "release", "architecture"}, "created": ISO 8601,
     "image": {"format", "compression", "sha256", "bytes", "modified": ns,
               "virtual_bytes"},
     "appliance": {"memory": bytes, "cpus"}, "test": {"memory": bytes, "cpus", "limits": seconds},
     "gate": what the native first boot found, or null when it was left out,
     "steps": {name: {"key", "finished", "seconds"}},
     "made_with": {program: version},
     "packages": [{"name", "version"}]}

No secret is in it: the ledger's names are, the canaries they belong to are not.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aio_image import __version__
from aio_image.errors import BuildError
from aio_image.execution.context import StepContext
from aio_image.host import process

FORMAT = 1
_CHUNK = 1 << 20
_DISTRIBUTIONS = ("diskimage-builder", "ansible-core", "ansible-runner")


def run(ctx: StepContext) -> None:
    """Write ``manifest.json``. Raises BuildError when the image is not what was asked for."""
    settings = ctx.step.settings
    image = ctx.inputs["image"] / "image.qcow2"
    manifest = {
        "format": FORMAT,
        **{name: settings[name] for name in ("profile", "description", "deployer", "level")},
        **{name: settings[name] for name in ("scenario", "services", "dormant")},
        "system": _section(settings, "system"),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "image": _image(ctx, image),
        "appliance": _section(settings, "appliance"),
        "test": {**_section(settings, "test"), "limits": _section(settings, "test.limits")},
        "gate": _gate(ctx),
        "steps": {name: _record(folder) for name, folder in ctx.inputs.items()},
        "made_with": _versions(),
        "packages": _packages(ctx),
    }
    text = json.dumps(manifest, indent=2) + "\n"
    (ctx.output / "manifest.json").write_text(text, encoding="utf-8")


def _packages(ctx: StepContext) -> list[dict[str, str]]:
    """Of the uppermost layer that says what is installed: steps above the root may install too."""
    lists = [path for layer in ctx.layers if (path := layer / "packages.txt").is_file()]
    if not lists:
        raise BuildError(
            "no step of this image has kept a packages.txt", hint="build anew: --from root"
        )
    return read_packages(lists[-1])


def read_packages(path: Path) -> list[dict[str, str]]:
    """The rows of ``packages.txt`` (name, version and more, by blanks) as mappings."""
    rows = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return [{"name": row[0], "version": row[1]} for row in rows if len(row) > 1]


def _section(settings: Any, name: str) -> dict[str, Any]:
    inside = f"{name}."
    return {
        key.removeprefix(inside): value
        for key, value in settings.items()
        if key.startswith(inside) and "." not in key.removeprefix(inside)
    }


def _image(ctx: StepContext, image: Path) -> dict[str, Any]:
    told = json.loads(process.run(["qemu-img", "info", "--output=json", image]).output)
    wanted = ctx.step.settings["image.size"]
    if told["format"] != "qcow2" or told["virtual-size"] < wanted:
        raise BuildError(
            f"the image is {told['format']} of {told['virtual-size']} bytes, "
            f"not qcow2 of {wanted} bytes",
            hint="run the step again: aio-image build --from image",
            log=ctx.log,
        )
    specific = told.get("format-specific", {}).get("data", {})
    return {
        "format": told["format"],
        "compression": specific.get("compression-type"),
        "sha256": _sha256(ctx, image),
        "bytes": image.stat().st_size,
        "modified": image.stat().st_mtime_ns,
        "virtual_bytes": told["virtual-size"],
    }


def _sha256(ctx: StepContext, path: Path) -> str:
    whole, done = max(path.stat().st_size, 1), 0
    state = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            ctx.cancel.check()
            state.update(chunk)
            done += len(chunk)
            if done % (_CHUNK * 64) < _CHUNK:
                ctx.progress("checksum of the image", done / whole)
    return state.hexdigest()


def _gate(ctx: StepContext) -> Any:
    if "gate" not in ctx.inputs:
        return None
    return json.loads((ctx.inputs["gate"] / "gate.json").read_text(encoding="utf-8"))


def _record(folder: Path) -> dict[str, Any]:
    record = json.loads((folder / "step.json").read_text(encoding="utf-8"))
    return {name: record[name] for name in ("key", "finished", "seconds")}


def _versions() -> dict[str, str]:
    said = process.run(["qemu-img", "--version"]).output.split()
    return {
        "aio-image": __version__,
        **{name: importlib.metadata.version(name) for name in _DISTRIBUTIONS},
        "qemu-img": said[2] if len(said) > 2 else "",
    }
