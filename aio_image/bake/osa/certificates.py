"""OpenStack-Ansible's PKI is taken out of a deployed tree; a note says what a first boot makes.

Its role ``pki`` makes a root, an intermediate authority and a certificate for each service in
/etc/openstack_deploy/pki, and copies them to where services read them. Which those are depends on
the scenario; so they are found by what they spell, not named here. What the appliance makes of the
note: ``aio_image/appliance/reissue.py``.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from aio_image.appliance import roots
from aio_image.appliance.reissue import CERTIFICATE, FORMAT, KEY, REQUEST, Issued, Spelled
from aio_image.bake.osa.files import inside, write
from aio_image.errors import BuildError
from aio_image.host.process import run

FOLDER = "etc/openstack_deploy/pki"
NOTE = "usr/share/aio/certificates.json"
_BELOW = ("etc", "home", "root", "usr/local", "var/lib", "openstack/venvs/*/etc")
# Roles and collections: tens of thousands of files that no playbook writes.
_CODE = "etc/ansible"
_LARGEST = 2 << 20
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\n.*?\n-----END \1-----\n?", re.DOTALL)
_EXTENSIONS = {
    "X509v3 Basic Constraints": "basicConstraints",
    "X509v3 Key Usage": "keyUsage",
    "X509v3 Extended Key Usage": "extendedKeyUsage",
    "X509v3 Subject Alternative Name": "subjectAltName",
}
_YEAR = 365.25 * 24 * 3600


@dataclass(frozen=True)
class _Told:
    """What openssl tells of a certificate."""

    subject: tuple[str, ...]
    issuer: tuple[str, ...]
    extensions: tuple[str, ...]
    bits: int
    years: float


def take_out(root: Path) -> list[str]:
    """Empty every file of the tree ``root`` that spells a private key of the PKI, and note it.

    Returns their paths, absolute as seen in the image. Raises BuildError when a key lies among
    other things, or a certificate's signer is not there.
    """
    names = _names(root)
    issued = _in_order({name: _told(home) for name, home in names.items()})
    blocks = _blocks(root, names)
    files, emptied = [], []
    for path in _candidates(root):
        spelled = _spelled(path, root, blocks)
        if spelled is None:
            continue
        files.append(spelled)
        if any(kind == KEY for kind, _ in spelled.parts):
            path.write_bytes(b"")
            emptied.append(spelled.path)
        elif spelled.among:
            data = path.read_bytes()
            path.write_bytes(_BLOCK.sub(lambda each: _kept(each, blocks), data))
    # What the role tells of certificates that will be others.
    for info in sorted((root / FOLDER).rglob("*.info")):
        info.unlink()
    note = {
        "format": FORMAT,
        "issued": [asdict(one) for one in issued],
        "files": [asdict(one) for one in files],
    }
    write(root, NOTE, json.dumps(note, indent=1) + "\n")
    return emptied


def _names(root: Path) -> dict[str, Path]:
    """Every certificate that the PKI has, and the file that is its own."""
    pki = root / FOLDER
    roots = {path.name: path / "certs" / f"{path.name}.crt" for path in (pki / "roots").iterdir()}
    keys = sorted((pki / "certs/private").glob("*.key.pem"))
    names = [path.name.removesuffix(".key.pem") for path in keys]
    return {**roots, **{name: pki / "certs/certs" / f"{name}.crt" for name in names}}


def _blocks(root: Path, names: Mapping[str, Path]) -> dict[bytes, tuple[str, str]]:
    """Each block of the PKI, as it is spelled → what it is, and whose."""
    pki = root / FOLDER
    found: dict[bytes, tuple[str, str]] = {}
    for name, home in names.items():
        own = pki / "roots" / name
        places = {
            KEY: [own / "private" / f"{name}.key.pem", pki / "certs/private" / f"{name}.key.pem"],
            REQUEST: [*sorted(own.glob("csr/*.csr")), pki / "certs/csr" / f"{name}.csr"],
            CERTIFICATE: [home],
        }
        for kind, paths in places.items():
            for path in paths:
                if path.is_file():
                    found[_only(path)] = (kind, name)
    return found


def _only(path: Path) -> bytes:
    match = _BLOCK.search(path.read_bytes())
    if match is None:
        raise BuildError(f"{path}: is not PEM")
    return match.group().strip()


def _candidates(root: Path) -> Iterator[Path]:
    for one in roots.every(root):
        yield from _below(inside(root, one))


def _below(root: Path) -> Iterator[Path]:
    # Containers are looked at one by one, and uv's cache is not kept.
    apart = {root / _CODE, root / roots.CONTAINERS.lstrip("/"), root / "root/.cache"}
    for top in (top for below in _BELOW for top in sorted(root.glob(below))):
        for folder, folders, names in os.walk(top):
            folders[:] = sorted(each for each in folders if Path(folder, each) not in apart)
            for name in sorted(names):
                path = Path(folder, name)
                if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST:
                    continue
                if b"-----BEGIN " in path.read_bytes():
                    yield path


def _spelled(path: Path, root: Path, blocks: Mapping[bytes, tuple[str, str]]) -> Spelled | None:
    """What ``path`` holds of the PKI; None for nothing."""
    data = path.read_bytes()
    parts = [blocks.get(each.group().strip()) for each in _BLOCK.finditer(data)]
    known = [part for part in parts if part is not None]
    if not known:
        return None
    shown = f"/{path.relative_to(root)}"
    among = len(known) < len(parts) or bool(_BLOCK.sub(b"", data).strip())
    if among and any(kind == KEY for kind, _ in known):
        raise BuildError(
            f"{shown}: a private key lies among other things",
            hint="aio_image/bake/osa/certificates.py knows files of PEM blocks alone",
        )
    return Spelled(shown, tuple(known), among)


def _kept(block: re.Match[bytes], blocks: Mapping[bytes, tuple[str, str]]) -> bytes:
    return b"" if block.group().strip() in blocks else block.group()


def _told(certificate: Path) -> _Told:
    words: list[str | Path] = ["openssl", "x509", "-in", certificate, "-noout"]
    named = [*words, "-nameopt", "sname,sep_multiline,utf8"]
    text = run([*words, "-text"]).output
    bits = re.search(r"Public-Key: \((\d+) bit\)", text)
    if bits is None or "Algorithm: rsaEncryption" not in text:
        raise BuildError(f"{certificate}: is not of an RSA key")
    dates = dict(line.split("=", 1) for line in run([*words, "-dates"]).output.strip().splitlines())
    begins, ends = (_moment(dates[word]) for word in ("notBefore", "notAfter"))
    return _Told(
        subject=_name(run([*named, "-subject"]).output),
        issuer=_name(run([*named, "-issuer"]).output),
        extensions=_extensions(run([*words, "-ext", ",".join(_EXTENSIONS.values())]).output),
        bits=int(bits[1]),
        years=round((ends - begins).total_seconds() / _YEAR, 3),
    )


def _moment(text: str) -> datetime:
    return datetime.strptime(text.removesuffix(" GMT"), "%b %d %H:%M:%S %Y")


def _name(output: str) -> tuple[str, ...]:
    """As lines of openssl's configuration: the number before the dot lets a word come twice."""
    lines = [line.strip() for line in output.strip().splitlines()[1:]]
    pairs = [line.split("=", 1) for line in lines]
    return tuple(
        f"{number}.{word} = {_escaped(value)}" for number, (word, value) in enumerate(pairs)
    )


def _escaped(value: str) -> str:
    return re.sub(r"([\\$#\"'])", r"\\\1", value)


def _extensions(output: str) -> tuple[str, ...]:
    lines = output.strip().splitlines()
    found = []
    for title, below in pairwise(lines):
        word, _, critical = title.strip().partition(":")
        if word in _EXTENSIONS:
            value = _escaped(below.strip().replace("IP Address:", "IP:"))
            found.append(f"{_EXTENSIONS[word]} = {'critical, ' if critical.strip() else ''}{value}")
    return tuple(found)


def _in_order(told: Mapping[str, _Told]) -> Sequence[Issued]:
    """Signers before what they sign."""
    by_subject = {one.subject: name for name, one in told.items() if _may_sign(one)}
    signers: dict[str, str | None] = {}
    for name, one in told.items():
        signer = by_subject.get(one.issuer)
        if signer is None:
            raise BuildError(f"/{FOLDER}: nobody there has signed {name}")
        signers[name] = None if signer == name else signer
    ordered: list[str] = []
    while len(ordered) < len(told):
        ready = [
            name
            for name, signer in signers.items()
            if name not in ordered and (signer is None or signer in ordered)
        ]
        if not ready:
            raise BuildError(f"/{FOLDER}: certificates sign each other in a circle")
        ordered += ready
    return [
        Issued(
            name, signers[name], told[name].subject, told[name].extensions,
            told[name].bits, told[name].years,
        )
        for name in ordered
    ]  # fmt: skip


def _may_sign(one: _Told) -> bool:
    return any("CA:TRUE" in line for line in one.extensions)
