"""The probe guest's machine code is what its source says, and a store of probes keeps answers."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from aio_image.appliance import probe_guest
from aio_image.host import kvm
from aio_image.host.probes import remembered


@pytest.mark.skipif(not shutil.which("as"), reason="no assembler (binutils)")
def test_code_is_the_assembled_source(tmp_path: Path) -> None:
    source = Path(kvm.__file__).with_name("kvm_probe.S")
    subprocess.run(["as", "--64", source, "-o", tmp_path / "o"], check=True)
    subprocess.run(
        ["objcopy", "-O", "binary", "-j", ".text", tmp_path / "o", tmp_path / "bin"], check=True
    )
    assembled = (tmp_path / "bin").read_bytes()
    end = probe_guest.START_AT - probe_guest.CODE_AT
    assert assembled[:end].rstrip(b"\0") == probe_guest.CODE.rstrip(b"\0")
    assert assembled[end:].rstrip(b"\0") == probe_guest.START


def test_probe_runs_once_a_boot(tmp_path: Path) -> None:
    store = tmp_path / "home" / "probes.json"
    answers = iter(["first", "second"])

    def probe() -> str:
        return next(answers)

    assert remembered(store, "name", probe) == "first"
    assert remembered(store, "name", probe) == "first"
    assert remembered(store, "name", probe, again=True) == "second"
    assert remembered(store, "name", probe) == "second"


def test_other_boots_are_forgotten(tmp_path: Path) -> None:
    store = tmp_path / "probes.json"
    store.write_text(json.dumps({"another boot/0": {"name": "old"}}))
    assert remembered(store, "name", lambda: "new") == "new"
    assert "old" not in store.read_text()


@pytest.mark.parametrize("content", ["", "{", "[]", '"x"'])
def test_broken_store_is_no_error(tmp_path: Path, content: str) -> None:
    store = tmp_path / "probes.json"
    store.write_text(content)
    assert remembered(store, "name", lambda: 1) == 1
    assert remembered(store, "name", lambda: 2) == 1
