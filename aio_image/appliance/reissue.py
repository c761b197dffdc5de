"""New keys and certificates in place of those of the build, for who speaks TLS inside the cloud.

OpenStack-Ansible has a PKI of its own for the database, the broker, OVN and libvirt. The build has
taken every private key of it out of the image and noted, in ``certificates.json``, what each
certificate was for and which files held what of it (``aio_image/bake/osa/certificates.py``); here
all are made again, so that nothing of one appliance opens another. ``pki.py`` is for the outside.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import clock, pki
from .files import make_folder, write_atomic
from .layout import Layout
from .problems import ApplianceProblem
from .shipped import shipped

FORMAT = 1
KEY, CERTIFICATE, REQUEST = "key", "certificate", "request"

_CONFIG = """
[req]
prompt = no
distinguished_name = name
req_extensions = asked
[name]
{subject}
[asked]
{extensions}
[made]
{extensions}
subjectKeyIdentifier = hash
{authority}
[ca]
default_ca = signer
[signer]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
countryName = optional
stateOrProvinceName = optional
localityName = optional
organizationName = optional
organizationalUnitName = optional
commonName = optional
emailAddress = optional
"""


@dataclass(frozen=True)
class Issued:
    """One certificate: ``by`` is its signer's name, None where it signs itself.

    ``subject`` and ``extensions`` are lines of openssl's configuration; ``bits`` of its RSA key.
    """

    name: str
    by: str | None
    subject: tuple[str, ...]
    extensions: tuple[str, ...]
    bits: int
    years: float


@dataclass(frozen=True)
class Spelled:
    """A file that is made of ``parts``, (kind, name of the certificate), and nothing else.

    ``among``: a file of many that has these too, each after a line that names it.
    """

    path: str
    parts: tuple[tuple[str, str], ...]
    among: bool


@dataclass(frozen=True)
class Table:
    """certificates.json. ``issued``: signers before what they sign."""

    issued: tuple[Issued, ...]
    files: tuple[Spelled, ...]


def load(path: Path) -> Table:
    """The table at ``path``. Raises ApplianceProblem."""
    with shipped(path, form=FORMAT) as data:
        return Table(
            tuple(_issued(row) for row in data["issued"]),
            tuple(
                Spelled(
                    row["path"],
                    tuple((kind, name) for kind, name in row["parts"]),
                    bool(row["among"]),
                )
                for row in data["files"]
            ),
        )


def _issued(row: Mapping[str, Any]) -> Issued:
    return Issued(
        row["name"], row["by"], tuple(row["subject"]), tuple(row["extensions"]),
        int(row["bits"]), float(row["years"]),
    )  # fmt: skip


def renew(layout: Layout, table: Table) -> None:
    """Make all of ``table`` anew and write every file of it, owner and mode as they are.

    But what holds a key is not for everybody. May be repeated: the last one holds. Raises
    ApplianceProblem.
    """
    made = _make(layout, table.issued)
    for file in table.files:
        content = b"".join(made[name][kind] for kind, name in file.parts)
        path = layout.at(file.path)
        if not path.is_file():
            raise ApplianceProblem(f"{file.path}: not there", hint="build the image again")
        mode = path.stat().st_mode & 0o7777
        if any(kind == KEY for kind, _ in file.parts):
            # The playbooks let everybody read haproxy's.
            mode &= 0o770
        if file.among:
            content = _among(path.read_bytes(), file, made)
        write_atomic(path, content, mode)


def _among(data: bytes, file: Spelled, made: Mapping[str, Mapping[str, bytes]]) -> bytes:
    for kind, name in file.parts:
        mark = f"# {name} of this appliance\n".encode()
        block = re.escape(mark) + rb"(-----BEGIN [^-]*-----\n.*?-----END [^-]*-----\n)?"
        data = re.sub(block, b"", data, flags=re.DOTALL) + mark + made[name][kind]
    return data


def _make(layout: Layout, issued: Sequence[Issued]) -> dict[str, dict[str, bytes]]:
    """Name → what there is of it, in PEM. openssl works in memory (/run), as in ``pki``."""
    make_folder(layout.run, 0o755)
    begins = clock.built(layout)
    with tempfile.TemporaryDirectory(prefix="reissue-", dir=layout.run) as scratch:
        folder = Path(scratch)
        folder.chmod(0o700)
        (folder / "index.txt").touch()
        # Drawing a key of 4096 bits is nearly all the work.
        with ThreadPoolExecutor(os.cpu_count() or 1) as workers:
            for done in [workers.submit(_key, folder, one) for one in issued]:
                done.result()
        for one in issued:
            _sign(folder, one, begins)
        return {
            one.name: {
                kind: (folder / f"{one.name}.{kind}").read_bytes()
                for kind in (KEY, CERTIFICATE, REQUEST)
            }
            for one in issued
        }


def _key(folder: Path, one: Issued) -> None:
    words = [
        "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{one.bits}",
        "-out", f"{one.name}.{KEY}",
    ]  # fmt: skip
    _openssl(folder, words, one.name)


def _sign(folder: Path, one: Issued, begins: float) -> None:
    config = _CONFIG.format(
        subject="\n".join(one.subject),
        extensions="\n".join(one.extensions),
        authority="authorityKeyIdentifier = keyid" if one.by else "",
    )
    (folder / "openssl.cnf").write_text(config, encoding="utf-8")
    _openssl(folder, [
        "req", "-config", "openssl.cnf", "-new", "-utf8", "-sha256",
        "-key", f"{one.name}.{KEY}", "-out", f"{one.name}.{REQUEST}",
    ], one.name)  # fmt: skip
    by = ["-selfsign", "-keyfile", f"{one.name}.{KEY}"]
    if one.by is not None:
        by = ["-keyfile", f"{one.by}.{KEY}", "-cert", f"{one.by}.{CERTIFICATE}"]
    _openssl(folder, [
        "ca", "-config", "openssl.cnf", "-batch", "-notext", "-preserveDN", "-extensions", "made",
        "-in", f"{one.name}.{REQUEST}", "-out", f"{one.name}.{CERTIFICATE}",
        "-startdate", pki.moment(begins), "-enddate", pki.moment(begins, one.years), *by,
    ], one.name)  # fmt: skip


def _openssl(folder: Path, words: Sequence[str], name: str) -> None:
    try:
        done = subprocess.run(
            ["openssl", *words], cwd=folder, capture_output=True, text=True, check=False,
            umask=0o077,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise ApplianceProblem("openssl: not found", hint="apt-get install openssl") from error
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise ApplianceProblem(
            f"openssl {words[0]} for {name}: {said[-1] if said else done.returncode}", details=said
        )
