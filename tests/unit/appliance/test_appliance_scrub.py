"""Chosen secrets leave every place that handed them over, and what they were in stays readable."""

from __future__ import annotations

import base64
import gzip
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aio_image.appliance import compressed, config, scrub
from aio_image.appliance.layout import Layout
from aio_image.appliance.ledger import Secret

SECRET = "correct-horse-battery"
KNOWN = {
    name: Secret(name, 40, (), (), ())
    for name in ("keystone_auth_admin_password", "nova_service_password")
}
USER_DATA = f"#cloud-config\nwrite_files:\n- content: 'a: {SECRET}'\n".encode()


def kept(layout: Layout, name: str, data: bytes) -> Path:
    path = layout.at(f"/var/lib/cloud/instance/{name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("level", [1, 6, 9])
def test_compressed_copies(tmp_path: Path, level: int) -> None:
    layout = Layout(tmp_path)
    packed = gzip.compress(USER_DATA, level)
    plain = kept(layout, "user-data.txt", packed)
    pickled = kept(layout, "obj.pkl", pickle.dumps({"userdata_raw": packed, "after": 1}))
    coded = kept(layout, "cloud-config.txt", b"content: " + base64.b64encode(packed) + b"\n")
    assert scrub.scrub_copies(layout, [SECRET]) == 3
    clean = USER_DATA.replace(SECRET.encode(), b"x" * len(SECRET))
    assert gzip.decompress(plain.read_bytes()) == clean
    assert plain.stat().st_size == len(packed)
    again = pickle.loads(pickled.read_bytes())
    assert (gzip.decompress(again["userdata_raw"]), again["after"]) == (clean, 1)
    assert gzip.decompress(base64.b64decode(coded.read_bytes().split()[1])) == clean
    assert scrub.scrub_copies(layout, [SECRET]) == 0


@settings(deadline=None)
@given(
    before=st.binary(max_size=40),
    text=st.binary(max_size=200),
    after=st.binary(max_size=40),
    name=st.sampled_from([b"", b"user-data"]),
)
def test_a_stream_anywhere(before: bytes, text: bytes, after: bytes, name: bytes) -> None:
    packed = gzip.compress(text + SECRET.encode() + text[::-1], mtime=0)
    if name:  # as gzip(1) does: flag FNAME, the name, a zero
        packed = packed[:3] + b"\x08" + packed[4:10] + name + b"\0" + packed[10:]
    data = bytearray(before + packed + after)
    for at, new in compressed.without(bytes(data), [SECRET.encode()]).items():
        data[at : at + len(new)] = new
    assert len(data) == len(before + packed + after)
    assert data.startswith(before) and data.endswith(after)
    inside = bytes(data[len(before) : len(before) + len(packed)])
    assert SECRET.encode() not in (inside if not inside.strip(b"x") else gzip.decompress(inside))


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_what_is_no_stream_stays(data: bytes) -> None:
    for odd in (data, b"\x1f\x8b\x08" + data, b"H4sI" + base64.b64encode(data)):
        assert compressed.without(odd, [SECRET.encode()]) == {}


CONFIG = """\
secrets:
  keystone_auth_admin_password:
    file: /root/admin   # kept
  nova_service_password: {file: /root/nova}
force: yes
"""


def test_files_by_reference_are_removed(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    for path, text in {"/etc/aio/config.yaml": CONFIG, "/root/admin": f"{SECRET}\n"}.items():
        layout.at(path).parent.mkdir(parents=True, exist_ok=True)
        layout.at(path).write_text(text)
    layout.at("/root/nova").write_text("another-secret")
    found = config.load(layout.config, KNOWN, layout.root)
    assert {one.value for one in found.secrets.values()} == {SECRET, "another-secret"}
    scrub.retire(layout, found)
    assert not list(layout.at("/root").iterdir())
    assert "/root" not in layout.config.read_text()
    assert layout.config.stat().st_size == len(CONFIG)
    again = config.load(layout.config, KNOWN, layout.root)
    assert (again.secrets, again.spent, again.force) == ({}, (), True)


def test_a_power_cut_between_overwriting_and_removing(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.config.parent.mkdir(parents=True)
    layout.config.write_text("secrets: {nova_service_password: {file: /nova}}\n")
    layout.at("/nova").write_text("x" * len(SECRET))
    found = config.load(layout.config, KNOWN, layout.root)
    assert found.secrets == {}
    scrub.retire(layout, found)
    assert not layout.at("/nova").exists()
    assert config.load(layout.config, KNOWN, layout.root) == config.Config()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda _: None, "is not there"),
        (lambda path: path.mkdir(), "plain file"),
        (lambda path: path.symlink_to("/etc/hostname"), "cannot be read"),
        (lambda path: path.write_text("hunter2 with blanks"), "its content may hold"),
        (lambda path: path.write_text(""), "its content may hold"),
        (lambda path: path.write_bytes(b"\xff" * 20), "may hold letters"),
        (lambda path: path.write_text("hunter2" * 1000), "too long"),
        (os.mkfifo, "plain file"),
    ],
)
def test_a_file_that_is_not_one_secret_is_refused_and_stays(
    tmp_path: Path, make: Callable[[Path], object], says: str
) -> None:
    layout = Layout(tmp_path)
    layout.config.parent.mkdir(parents=True)
    layout.config.write_text("# \nsecrets: {nova_service_password: {file: /nova}}\n")
    make(layout.at("/nova"))
    there = os.path.lexists(layout.at("/nova"))
    with pytest.raises(config.ConfigProblem) as caught:
        config.load(layout.config, KNOWN, layout.root)
    (line,) = caught.value.details
    assert line.startswith("line 2: secrets.nova_service_password: /nova: ")
    assert says in line
    assert "hunter2" not in line
    assert os.path.lexists(layout.at("/nova")) == there
