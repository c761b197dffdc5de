"""The appliance's own CA and the certificate of its public endpoints, by the openssl program.

``ca.pem`` and ``ca.key``; ``server.pem`` and ``server.key``; ``haproxy.pem`` has certificate, CA
and key in one, as haproxy reads it. The extensions are what strict verifiers ask for
(Python 3.13's VERIFY_X509_STRICT: key identifiers, key usage).
"""

from __future__ import annotations

import ipaddress
import secrets
import subprocess
from pathlib import Path

from .addresses import PublicHost
from .files import make_folder, write_atomic
from .layout import Layout
from .problems import ApplianceProblem

# Nobody renews a lab appliance's certificate: it has to last as long as the appliance.
_DAYS = 3650
_NAMES_AT_HOME = ("localhost", "127.0.0.1", "::1")

_CA = """
[req]
prompt = no
distinguished_name = name
x509_extensions = extensions
[name]
O = OpenStack AIO
CN = AIO CA {serial}
[extensions]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""

_SERVER = """
[req]
prompt = no
distinguished_name = name
x509_extensions = extensions
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
    key, certificate = _certify(layout.pki, config, [])
    write_atomic(layout.pki / "ca.key", key, 0o600)
    write_atomic(layout.pki / "ca.pem", certificate)


def make_certificate(layout: Layout, public: PublicHost, hostname: str) -> None:
    """A new key and certificate for every name and address of this appliance, signed by its CA."""
    pki = layout.pki
    names = [public.host, public.address, hostname, *_NAMES_AT_HOME, *public.others]
    config = _SERVER.format(
        name=public.host[:64],  # ub-common-name of RFC 5280; clients read the alternative names
        names=", ".join(_alternative(name) for name in dict.fromkeys(names) if name),
    )
    signer: list[str | Path] = ["-CA", pki / "ca.pem", "-CAkey", pki / "ca.key"]
    key, certificate = _certify(pki, config, signer)
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
    bundle = layout.at("/etc/ssl/certs/ca-certificates.crt")
    known = bundle.read_bytes() if bundle.exists() else b""
    if certificate not in known:
        write_atomic(bundle, known + certificate)


def _certify(folder: Path, config: str, signer: list[str | Path]) -> tuple[bytes, bytes]:
    """Key and certificate, in PEM. The key goes through no file but openssl's own, mode 0600."""
    make_folder(folder)
    key, certificate = folder / ".new.key", folder / ".new.pem"
    command: list[str | Path] = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
        "-noenc", "-sha256", "-days", str(_DAYS), "-config", "/dev/stdin",
        "-keyout", key, "-out", certificate, *signer,
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, input=config, capture_output=True, text=True, check=False, umask=0o077
        )
    except FileNotFoundError as error:
        raise ApplianceProblem("openssl: not found", hint="apt-get install openssl") from error
    try:
        if done.returncode != 0:
            said = done.stderr.strip().splitlines()
            raise ApplianceProblem(
                f"openssl made no certificate: {said[-1] if said else done.returncode}",
                hint="run the command by hand: " + " ".join(str(word) for word in command),
                details=said,
            )
        return key.read_bytes(), certificate.read_bytes()
    finally:
        key.unlink(missing_ok=True)
        certificate.unlink(missing_ok=True)


def _alternative(name: str) -> str:
    try:
        return f"IP:{ipaddress.ip_address(name)}"
    except ValueError:
        return f"DNS:{name}"
