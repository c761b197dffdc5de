"""What no ready-made linter looks for: sizes, links, addresses and secrets in the tree."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from tests.lint.checkout import ROOT, files

_LONGEST_MODULE = 400
_LARGEST_FILE = 512 * 1024
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*$", re.MULTILINE)
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_URL = re.compile(r"\b(?:https?|git|ftp)://[^\s\"'<>`)\]}|,;\\]+")
# Built from two halves, or this file would be its own finding.
_PRIVATE_KEY = re.compile("-----BEGIN [A-Z ]*PRIVATE " + "KEY-----")

# Hosts an address in this project may name. Mirrors of a workplace, a company's registries and
# real machines are none of the project's business; an example is an example's host (RFC 2606).
_PUBLIC_HOSTS = {
    "ansible.readthedocs.io",
    "archive.ubuntu.com",
    "cloudinit.readthedocs.io",
    "deb.debian.org",
    "dl.rockylinux.org",
    "docs.ansible.com",
    "docs.openstack.org",
    "download.cirros-cloud.net",
    "github.com",
    "json-schema.org",
    "libvirt.org",
    "mirror.stream.centos.org",
    "opendev.org",
    "pre-commit.com",
    "pypi.org",
    "security.debian.org",
    "security.ubuntu.com",
    "semver.org",
    "snapshot.debian.org",
    "specs.openstack.org",
    "wiki.debian.org",
    "www.apache.org",
    "www.debian.org",
    "www.w3.org",
    "169.254.169.254",
    "localhost",
    "0.0.0.0",
}
_EXAMPLE = re.compile(r"(?:^|\.)(?:example|invalid|test|localhost|example\.(?:com|net|org))$")
# RFC 5737's networks for documentation; and every loopback address, of which guests get their own.
_NOBODYS_NETWORK = re.compile(r"^(?:(?:192\.0\.2|198\.51\.100|203\.0\.113)\.\d+|127(?:\.\d+){3})$")
# A host that is put together from variables, matched by an expression, or written as a word in
# capitals names nobody.
_NOBODY = re.compile(r"[${<%*(\[]|\.\.\.|^[A-Z_]+$|^$")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def _anchors(path: Path) -> set[str]:
    """The anchors that Markdown viewers make of a page's headings."""
    headings = _HEADING.findall(_FENCE.sub("", _text(path)))
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    }


def test_modules_are_short() -> None:
    sizes = {
        str(path.relative_to(ROOT)): _text(path).count("\n")
        for path in files("aio_image")
        if path.suffix == ".py"
    }
    assert sizes
    assert {name: lines for name, lines in sizes.items() if lines > _LONGEST_MODULE} == {}


def test_files_are_small() -> None:
    large = {
        str(path.relative_to(ROOT)): path.stat().st_size
        for path in files()
        if path.stat().st_size > _LARGEST_FILE
    }
    assert large == {}


def test_links_lead_somewhere() -> None:
    pages = [path for path in files() if path.suffix == ".md"]
    assert ROOT / "README.md" in pages
    broken = []
    for page in pages:
        for target in _LINK.findall(_FENCE.sub("", _text(page))):
            if urlsplit(target).scheme:
                continue
            name, _, anchor = target.partition("#")
            there = (page.parent / name).resolve() if name else page
            if not there.exists() or (anchor and anchor not in _anchors(there)):
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []


def test_no_private_addresses() -> None:
    strangers = []
    for path in files():
        for number, line in enumerate(_text(path).splitlines(), start=1):
            for url in _URL.findall(line):
                authority = url.split("://", 1)[1].split("/", 1)[0].rsplit("@", 1)[-1]
                if _NOBODY.search(authority):
                    continue
                host = authority.split(":", 1)[0].rstrip(".").lower()
                if host in _PUBLIC_HOSTS or _EXAMPLE.search(host):
                    continue
                if not _NOBODYS_NETWORK.match(host):
                    strangers.append(f"{path.relative_to(ROOT)}:{number}: {host}")
    assert strangers == [], "add a public host to _PUBLIC_HOSTS, use example.com for an example"


def test_no_private_keys() -> None:
    keys = [str(path) for path in files() if _PRIVATE_KEY.search(_text(path))]
    assert keys == []
