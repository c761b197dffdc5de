"""How the build host reaches a Python index: pip's own configuration, as pip and uv are told it.

A build shares what is needed to reach the same index (addresses, certificates, time limit), and
nothing else. Sources: pip's documentation, "Configuration"; uv's, "Settings".
"""

from __future__ import annotations

import configparser
import json
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_SHARED = ("index-url", "extra-index-url", "trusted-host", "timeout", "proxy", "cert")
# Where OpenSSL, requests and pip are told their certificates, the most telling first.
_CERTIFICATES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
_KINDS = ("http", "https")
_SYSTEM = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True)
class PythonIndex:
    """``settings``: pip's, by their long names. ``certificates``: a bundle, or None."""

    settings: Mapping[str, str]
    certificates: Path | None

    def as_pip_conf(self, certificates: str) -> str:
        """A pip.conf; ``certificates`` is where the bundle is seen by who reads it."""
        rows = dict(self.settings)
        if self.certificates:
            rows["cert"] = certificates
        lines = [f"{name} = {value}" for name, value in sorted(rows.items())]
        return "\n".join(["[global]", *lines, ""])

    def as_uv_toml(self) -> str:
        """A uv.toml: the same indexes, of which the first that has a distribution is asked, and the
        same proxy. uv knows a proxy's keys since 0.9; before, it warns of them.
        """
        indexes = [f"url = {_toml(url)}" for url in self._words("extra-index-url")]
        indexes += [f"url = {_toml(url)}\ndefault = true" for url in self._words("index-url")]
        lines = [f"{kind}-proxy = {_toml(url)}" for kind in _KINDS for url in self._words("proxy")]
        if hosts := self._words("trusted-host"):
            lines.append(f"allow-insecure-host = [{', '.join(map(_toml, hosts))}]")
        return "\n".join([*lines, *(f"\n[[index]]\n{index}" for index in indexes), ""])

    def as_environment(self, certificates: str) -> dict[str, str]:
        """What pip, uv and whatever else asks OpenSSL take from environment variables alone.

        No address is in it: those may have a password, and a command that is told of variables
        shows them to every user of its host.
        """
        found: dict[str, str] = {}
        if timeout := self.settings.get("timeout"):
            found["UV_HTTP_TIMEOUT"] = timeout
        if self.certificates:
            found |= dict.fromkeys(_CERTIFICATES, certificates)
        return found

    def _words(self, name: str) -> list[str]:
        return self.settings.get(name, "").split()


def host_index(
    files: Iterable[Path] | None = None, environment: Mapping[str, str] | None = None
) -> PythonIndex:
    """What pip's ``files`` (least first) and ``environment`` of this host say; its own by default.

    Indexes in folders of the host are left out: a container does not see them.
    """
    said: dict[str, str] = {}
    for path in _files() if files is None else files:
        said |= _read(path)
    variables = os.environ if environment is None else environment
    for name in _SHARED:
        value = variables.get(f"PIP_{name.replace('-', '_').upper()}")
        if value:
            said[name] = value
    if value := variables.get("PIP_DEFAULT_TIMEOUT"):
        said["timeout"] = value
    bundle = said.pop("cert", "") or next(
        (variables[name] for name in _CERTIFICATES if variables.get(name)), ""
    )
    certificates = Path(bundle) if bundle else _SYSTEM
    for name in ("index-url", "extra-index-url"):
        kept = [url for url in said.get(name, "").split() if not url.startswith("file:")]
        said.pop(name, None)
        if kept:
            said[name] = " ".join(kept)
    return PythonIndex(said, certificates if certificates.is_file() else None)


def _toml(text: str) -> str:
    """A basic string of TOML: what JSON has for one is one there, too."""
    return json.dumps(text)


def _files() -> list[Path]:
    home = Path.home()
    return [
        Path("/etc/pip.conf"),
        home / ".pip" / "pip.conf",
        home / ".config" / "pip" / "pip.conf",
        Path(sys.prefix) / "pip.conf",
    ]


def _read(path: Path) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (OSError, configparser.Error, UnicodeDecodeError):
        return {}
    return {
        name: " ".join(value.split())
        for section in ("global", "install")
        if parser.has_section(section)
        for name, value in parser.items(section)
        if name in _SHARED
    }
