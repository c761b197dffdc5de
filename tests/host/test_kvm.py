"""The KVM probe on this host, and on TCG, where it always runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from aio_image.appliance import probe_guest
from aio_image.errors import HostError
from aio_image.host import kvm
from aio_image.paths import Home
from tests.waiting import PATIENCE

pytestmark = [
    pytest.mark.host,
    pytest.mark.skipif(not shutil.which(kvm.QEMU), reason="no QEMU"),
]


def test_the_guest_comes_to_its_end() -> None:
    assert kvm.run_probe_guest("tcg", "max", PATIENCE) == (kvm.PROBE_GUEST_RAN, "")


def test_a_guest_without_an_end_is_stopped() -> None:
    with pytest.raises(TimeoutError):
        kvm.run_probe_guest("tcg", "max", 0.01)


def test_missing_qemu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (kvm, probe_guest):
        monkeypatch.setattr(module, "QEMU", "qemu-system-nowhere")
    with pytest.raises(HostError, match="qemu-system-nowhere is not installed"):
        kvm.run_probe_guest("tcg", "max", 5)


def test_a_processor_without_virtualisation_is_never_kvm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's own word is the other source: no vmx or svm flag, no KVM."""
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    found = kvm.accelerator(Home(tmp_path))
    if " vmx" not in flags and " svm" not in flags:
        assert found.name == "tcg"
        assert found.reason
    # It is remembered: asking again boots nothing.
    monkeypatch.setattr(kvm, "run_probe_guest", None)
    assert kvm.accelerator(Home(tmp_path)) == found
