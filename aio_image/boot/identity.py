"""Who an appliance is across its boots: what its seed says, kept beside a disk that is kept."""

from __future__ import annotations

import json
import os
import secrets
import string
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path

from aio_image.errors import UsageError

_ALPHABET = string.ascii_letters + string.digits
# As long as the canary it replaces (docs/architecture.md).
_PASSWORD_LENGTH = 40
# QEMU's and libvirt's own prefix for network cards.
_MAC_PREFIX = "52:54:00"


@dataclass(frozen=True)
class Identity:
    """``address`` is the host's for the guest, None on a libvirt network until it is leased."""

    name: str
    mac: str
    instance_id: str
    password: str = field(repr=False)
    address: str | None = None

    @classmethod
    def new(cls, address: str | None) -> Identity:
        card = ":".join(f"{byte:02x}" for byte in secrets.token_bytes(3))
        return cls(
            name=f"aio-{secrets.token_hex(3)}",
            mac=f"{_MAC_PREFIX}:{card}",
            instance_id=f"aio-{uuid.uuid4()}",
            password="".join(secrets.choice(_ALPHABET) for _ in range(_PASSWORD_LENGTH)),
            address=address,
        )

    def save(self, path: Path) -> None:
        """Write to ``path``, for its owner only: the administrator's password is in it."""
        new = path.with_name(f".{path.name}.new")
        new.unlink(missing_ok=True)
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(asdict(self), file, indent=1)
        new.replace(path)

    @classmethod
    def load(cls, path: Path) -> Identity:
        """Raises UsageError when ``path`` is missing or is not one of these."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise UsageError(
                f"{path}: this disk's identity cannot be read ({error})",
                hint="a kept disk and the file beside it belong together; name a new --disk",
            ) from error
