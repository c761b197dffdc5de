"""What services would draw at their first start: drawn once, whole, and kept."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest

from aio_image.appliance import identities
from aio_image.appliance.layout import Layout

COMPUTE, COOKIE = "var/lib/nova/compute_id", "var/lib/rabbitmq/.erlang.cookie"
ISCSI = "etc/iscsi/initiatorname.iscsi"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    for name in (COMPUTE, COOKIE, ISCSI):
        (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / ISCSI).write_text("GenerateName=yes\n")
    return tmp_path


def test_drawn_and_kept(machine: Path) -> None:
    identities.settle(Layout(machine))
    first = {name: (machine / name).read_text() for name in (COMPUTE, COOKIE, ISCSI)}
    assert str(uuid.UUID(first[COMPUTE].strip())) == first[COMPUTE].strip()
    assert len(first[COOKIE]) == 20
    assert first[COOKIE].isupper()
    assert first[ISCSI].startswith("InitiatorName=iqn.1993-08.org.debian:01:")
    assert (machine / COOKIE).stat().st_mode & 0o777 == 0o400
    identities.settle(Layout(machine))
    assert {name: (machine / name).read_text() for name in first} == first


@pytest.mark.parametrize("name", [COMPUTE, COOKIE, ISCSI])
@pytest.mark.parametrize("content", ["", "\0\0\0\0", "1234"])
def test_what_was_cut_short_is_drawn_again(machine: Path, name: str, content: str) -> None:
    (machine / name).write_text(content)
    identities.settle(Layout(machine))
    assert len((machine / name).read_text().strip()) >= 20


def test_what_nova_itself_has_written_is_kept(machine: Path) -> None:
    """nova-compute writes no line end; Debian's script puts comments before the name."""
    own = str(uuid.uuid4())
    (machine / COMPUTE).write_text(own)
    (machine / ISCSI).write_text("## DO NOT EDIT\nInitiatorName=iqn.1993-08.org.debian:01:1\n")
    identities.settle(Layout(machine))
    assert (machine / COMPUTE).read_text() == own
    assert (machine / ISCSI).read_text().endswith(":1\n")


def test_programs_that_are_not_there_get_nothing(tmp_path: Path) -> None:
    identities.settle(Layout(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: run `make host`")
def test_a_file_is_its_folders_owners(machine: Path) -> None:
    os.chown(machine / "var/lib/rabbitmq", 12345, 12346)
    identities.settle(Layout(machine))
    about = (machine / COOKIE).stat()
    assert (about.st_uid, about.st_gid) == (12345, 12346)
