"""What a profile may say. One model for validation, and for the JSON Schema that editors use."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)

from aio_image.profile import units

_GIB = 1 << 30


def _between(least: int, most: int) -> AfterValidator:
    def check(size: int) -> int:
        if not least <= size <= most:
            low, high = units.format_size(least), units.format_size(most)
            raise ValueError(f"must be between {low} and {high}")
        return size

    return AfterValidator(check)


_Size = (
    BeforeValidator(units.parse_size),
    WithJsonSchema({"type": "string", "pattern": units.SIZE_PATTERN}),
)
_Duration = (
    BeforeValidator(units.parse_duration),
    WithJsonSchema({"type": "string", "pattern": units.DURATION_PATTERN}),
)
DiskSize = Annotated[int, *_Size, _between(4 * _GIB, 2048 * _GIB)]
MemorySize = Annotated[int, *_Size, _between(2 * _GIB, 1024 * _GIB)]
Duration = Annotated[int, *_Duration, Field(gt=0)]
Cpus = Annotated[int, Field(ge=1, le=256, strict=True)]


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme in ("http", "https") and parts.netloc:
        return text.rstrip("/")
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return text.rstrip("/")
    raise ValueError(f"{text!r} is not an http://, https:// or file:/// address")


def _package(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", name):
        raise ValueError(f"{name!r} is not a package name")
    return name


def _kernel_words(text: str) -> str:
    if re.search(r"[^\x20-\x7e]|[\"'`$\\]", text):
        raise ValueError("may hold printable ASCII without quotes, '$' and '\\' only")
    if re.search(r"(^| )(root|console)=", text):
        raise ValueError("root= and console= are set by the build: use image.label, kernel.console")
    return " ".join(text.split())


def _label(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,16}", text):
        raise ValueError(f"{text!r} is not a label: up to 16 letters, digits, '_', '.' and '-'")
    return text


def _console(text: str) -> str:
    if not re.fullmatch(r"ttyS[0-9](,[0-9]{3,6}[noe]?[78]?)?", text):
        raise ValueError(f"{text!r} is not a serial console: write it as 'ttyS0,115200'")
    return text


def _line(text: str) -> str:
    if not text.strip() or "\n" in text.strip():
        raise ValueError("must be one line of text")
    return text.strip()


def _git_host(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?", text):
        raise ValueError(f"{text!r} is not a host name")
    return text


Line = Annotated[str, AfterValidator(_line)]
GitHost = Annotated[str, AfterValidator(_git_host)]
Label = Annotated[str, AfterValidator(_label)]
Console = Annotated[str, AfterValidator(_console)]
Url = Annotated[str, AfterValidator(_url)]
PackageName = Annotated[str, AfterValidator(_package)]
KernelWords = Annotated[str, AfterValidator(_kernel_words)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class System(_Section):
    """The operating system of the appliance."""

    distribution: Literal["debian", "ubuntu", "centos", "rocky"]
    """Which distribution. What a deployer supports of them is checked with its release."""
    release: str
    """Its release: the code name, as `trixie`, or the number in quotation marks, as `"10"`."""
    architecture: Literal["amd64"]
    """Processor architecture, in Debian's word."""


class Mirrors(_Section):
    """Where content comes from."""

    debian: Url | None
    """Address of a Debian archive (the part before `/dists`); null: what the build host uses."""
    ubuntu: Url | None
    """Likewise of an Ubuntu archive."""
    centos: Url | None
    """Address of a CentOS Stream mirror (the part before `/10-stream`); null: CentOS's own."""
    rocky: Url | None
    """Address of a Rocky Linux mirror (the part before `/10`); null: Rocky's own."""
    git: dict[GitHost, Url]
    """Git host → address that stands for `https://<host>`, as `file:///srv/git/opendev.org`."""


class OpenStackAnsible(_Section):
    """What of OpenStack-Ansible is deployed. Read by the deployer of that name only."""

    release: Line
    """A tag, series (`2026.1`), branch or commit; `latest` is the newest stable tag."""
    lock: Line | None
    """The lock file; null: `<profile>.lock.yaml` in the folder `aio-image` is called in."""
    additions: tuple[Line, ...]
    """Services that the image carries for later, as `barbican`: `aio enable` adds them offline."""


class Packages(_Section):
    """What is installed beside what OpenStack needs."""

    extra: tuple[PackageName, ...]
    """More packages of the distribution. Replaces the list of what is extended."""


class Kernel(_Section):
    """How the appliance's kernel is started."""

    cmdline: KernelWords
    """Words for its command line, without root= and console=."""
    console: Console
    """The serial console beside the screen, as `ttyS0,115200`."""


class Image(_Section):
    """The file that comes out."""

    size: DiskSize
    """Size of the virtual disk. The file is sparse; the root grows into a larger disk."""
    format: Literal["qcow2"]
    """Format of the file."""
    compression: Literal["zstd", "zlib"]
    """Compression of the file: zstd is smaller and faster; zlib is read by QEMU before 5.1."""
    filesystem: Literal["ext4"]
    """File system of the root."""
    label: Label
    """Label of the root file system, by which the boot loader finds it."""


class Appliance(_Section):
    """What the appliance is meant to run with; `aio-image run` starts it so."""

    memory: MemorySize
    """Memory."""
    cpus: Cpus
    """Virtual processors."""


class Limits(_Section):
    """How long a booted image may take where KVM works. Without it, they are stretched."""

    healthy: Duration
    """From power-on until every service answers."""
    check: Duration
    """One health check."""


class Test(_Section):
    """How `aio-image test` boots the image."""

    memory: MemorySize
    """Memory."""
    cpus: Cpus
    """Virtual processors."""
    limits: Limits
    """Time limits."""


class Profile(_Section):
    """Which appliance to build: every value settled. Sizes are in bytes, times in seconds."""

    description: Line
    """One line for people."""
    deployer: Literal["debian", "openstack-ansible"]
    """What sets up OpenStack: `debian` takes Debian's own packages."""
    level: Literal["deployed", "staged"]
    """`deployed`: all is set up in the build. `staged`: a first boot does it, from what it has."""
    scenario: str
    """OpenStack-Ansible's SCENARIO words joined by `_`, as `aio_metal`."""
    system: System
    openstack_ansible: OpenStackAnsible
    mirrors: Mirrors
    packages: Packages
    kernel: Kernel
    image: Image
    appliance: Appliance
    test: Test


# Keys of a file that say how files are put together; they are no part of a settled profile.
FILE_KEYS: dict[str, dict[str, Any]] = {
    "extends": {
        "description": "Profile or profiles (by name or path) this one builds on; later ones win.",
        "anyOf": [
            {"type": "string", "minLength": 1},
            {"type": "array", "items": {"type": "string", "minLength": 1}},
        ],
    },
    "abstract": {
        "description": "true: only to be extended, not built.",
        "type": "boolean",
    },
    "proven": {
        "description": "How far this file's own image has been proven (`nothing`: checked and "
        "rendered only; `root`: its operating system was installed; `native`: built, and healthy "
        "in a container; `booted`: built, booted and checked by the project's tests). What extends "
        "it begins at `nothing`.",
        "enum": ["nothing", "root", "native", "booted"],
    },
}


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a profile *file*: nothing is required, since layers add up."""
    schema = Profile.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "aio-image profile"
    schema["properties"] = {**FILE_KEYS, **schema["properties"]}
    for part in (schema, *schema["$defs"].values()):
        part.pop("required", None)
    return schema


def section_of(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    """The model of a key that holds further keys; None for a plain value."""
    field = model.model_fields.get(name)
    held = field.annotation if field else None
    return held if isinstance(held, type) and issubclass(held, BaseModel) else None
