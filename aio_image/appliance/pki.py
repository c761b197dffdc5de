"""The appliance's own CA and the certificate of its public endpoints, by the openssl program.

``ca.pem`` and ``ca.key``; ``server.pem`` and ``server.key``; ``haproxy.pem`` has certificate, CA
and key in one, as haproxy reads it. The extensions are what strict verifiers ask for
(Python 3.13's VERIFY_X509_STRICT: key identifiers, key usage).
"""

from __future__ import annotations

import ipaddress
import secrets
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from . import clock
from .addresses import PublicHost
from .files import add_lines, make_folder, write_atomic
from .layout import Layout
from .problems import ApplianceProblem

# Nobody renews a lab appliance's certificate: it has to last as long as the appliance, counted from
# the image's build (clock.py).
_YEARS = 20
_NAMES_AT_HOME = ("localhost", "127.0.0.1", "::1")

# `openssl req` alone could sign, but begins a certificate at the moment of signing (until 3.4).
_COMMON = """
[req]
prompt = no
distinguished_name = name
[ca]
default_ca = signer
[signer]
database = {folder}/index.txt
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = any
[any]
organizationName = optional
commonName = optional
"""

_CA = """
[name]
O = OpenStack AIO
CN = AIO CA {serial}
[extensions]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""

_SERVER = """
[name]
O = OpenStack AIO
CN = {name}
[extensions]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""


def make_ca(layout: Layout) -> None:
    """A new CA, unless there is one: ``aio rebuild`` keeps it, and clients trust it by then.

    Its name has a random part: browsers tell CAs apart by name.
    """
    if (layout.pki / "ca.pem").exists():  # written last
        return
    config = _CA.format(serial=secrets.token_hex(4))
    key, certificate = _certify(layout, config, None)
    write_atomic(layout.pki / "ca.key", key, 0o600)
    write_atomic(layout.pki / "ca.pem", certificate)


def make_certificate(
    layout: Layout, public: PublicHost, hostname: str, inside: Iterable[str] = ()
) -> None:
    """A new key and certificate for every name and address of this appliance, signed by its CA.

    ``inside``: those that it is known by within the cloud.
    """
    pki = layout.pki
    names = [public.host, public.address, hostname, *_NAMES_AT_HOME, *inside, *public.others]
    config = _SERVER.format(
        name=public.host[:64],  # ub-common-name of RFC 5280; clients read the alternative names
        names=", ".join(_alternative(name) for name in dict.fromkeys(names) if name),
    )
    key, certificate = _certify(layout, config, pki)
    write_atomic(pki / "server.key", key, 0o600)
    write_atomic(pki / "server.pem", certificate)
    together = certificate + (pki / "ca.pem").read_bytes() + key
    write_atomic(pki / "haproxy.pem", together, 0o600)


def publish_ca(layout: Layout) -> None:
    """Have programs on the appliance trust its CA.

    update-ca-certificates would do it, and take many seconds on a slow machine. This is its
    result for one more certificate; a later run of it finds ours in its source folder.
    """
    certificate = (layout.pki / "ca.pem").read_bytes()
    write_atomic(layout.at("/usr/local/share/ca-certificates/aio-ca.crt"), certificate)
    add_lines(layout.at("/etc/ssl/certs/ca-certificates.crt"), certificate)


def _certify(layout: Layout, extensions: str, signer: Path | None) -> tuple[bytes, bytes]:
    """Key and certificate, in PEM. ``signer`` has the CA; without it the certificate is one.

    openssl works in memory (/run): what it leaves when it is stopped is gone with the boot.
    """
    folder = layout.run / "pki"
    make_folder(folder, 0o700)
    for old in folder.iterdir():
        old.unlink()
    key, request, certificate = (folder / name for name in ("key.pem", "request.pem", "new.pem"))
    (folder / "index.txt").touch()
    config = _COMMON.format(folder=folder) + extensions
    begins = clock.built(layout)
    by: list[str | Path] = ["-selfsign", "-keyfile", key]
    if signer is not None:
        by = ["-keyfile", signer / "ca.key", "-cert", signer / "ca.pem"]
    try:
        _openssl(config, [
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc",
            "-sha256", "-keyout", key, "-out", request,
        ])  # fmt: skip
        _openssl(config, [
            "ca", "-batch", "-notext", "-in", request, "-out", certificate,
            "-extensions", "extensions",
            "-startdate", moment(begins), "-enddate", moment(begins, _YEARS),
            *by,
        ])  # fmt: skip
        return key.read_bytes(), certificate.read_bytes()
    finally:
        for file in folder.iterdir():
            file.unlink()


def _openssl(config: str, words: list[str | Path]) -> None:
    command: list[str | Path] = ["openssl", words[0], "-config", "/dev/stdin", *words[1:]]
    try:
        done = subprocess.run(
            command, input=config, capture_output=True, text=True, check=False, umask=0o077
        )
    except FileNotFoundError as error:
        raise ApplianceProblem("openssl: not found", hint="apt-get install openssl") from error
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise ApplianceProblem(
            f"openssl made no certificate: {said[-1] if said else done.returncode}",
            hint="run the command by hand: " + " ".join(str(word) for word in command),
            details=said,
        )


def moment(when: float, years: float = 0) -> str:
    """As X.509's GeneralizedTime."""
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(when + years * 365.25 * 24 * 3600))


def _alternative(name: str) -> str:
    try:
        return f"IP:{ipaddress.ip_address(name)}"
    except ValueError:
        return f"DNS:{name}"
