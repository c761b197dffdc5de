"""What QEMU's register dump says a processor does (the dump: QEMU 10.0, shortened)."""

from __future__ import annotations

from aio_image.boot.processors import described

_ANSWER = """
CPU#0
RAX=0000000000000000 RBX=0000000000000001 RCX=0000000000000000 RDX=0000000000000000
RIP={first} RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1
ES =0000 0000000000000000 ffffffff 00000000

CPU#1
RAX=0000000000000000 RBX=0000000000000001 RCX=0000000000000000 RDX=0000000000000000
RIP={second} RFL=00000046 [---Z-P-] CPL=3 II=0 A20=1 SMM=0 HLT=0
"""


def test_each_processor_is_told_of() -> None:
    before = _ANSWER.format(first="ffffffff81aa0001", second="00007f0000001000")
    after = _ANSWER.format(first="ffffffff81aa0001", second="00007f0000001010")
    assert described(before, after) == [
        "processor 0: waits at ffffffff81aa0001, then waits at ffffffff81aa0001",
        "processor 1: runs in ring 3 without interrupts at 00007f0000001000, "
        "then runs in ring 3 without interrupts at 00007f0000001010",
    ]


def test_an_answer_of_another_kind_tells_nothing() -> None:
    assert described("", "unknown command: 'info registers'") == []
