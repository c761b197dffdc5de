"""What each reporter writes, to real streams and to a real pseudo-terminal."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
import time

import pytest

from aio_image.report import events as ev
from aio_image.report.live import Live, cut
from aio_image.report.plain import Plain
from aio_image.report.reporter import JsonLines, Quiet, reporter_for
from aio_image.report.words import spell_seconds
from tests.waiting import wait_for

ALL = [
    ev.Notice("first"),
    ev.Notice("careful", level="warning"),
    ev.StepSkipped("a", "Step a", "kept"),
    ev.StepStarted("b", "Step b", "/log", 52.0),
    ev.StepProgress("b", "halfway", 0.5),
    ev.StepFinished("b", "Step b", 61.0),
    ev.StepStarted("c", "Step c"),
    ev.StepFailed("c", "Step c", 2.0, "because", "do this", "/log"),
    ev.StepFailed("d", "Step d", 1.0, "stopped by SIGINT in step d"),
    ev.CheckFinished("kvm", "failed", 3.0, "hangs", "load it\nor not"),
    ev.CheckFinished("disk", "ok", 0.0, "plenty", "never shown"),
    ev.Result("image", {"path": "/x", "bytes": 5_000_000, "fresh": True}),
]


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def tell(reporter: ev.Listener, events: list[ev.Event] = ALL) -> None:
    for event in events:
        reporter(event)


def test_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "strftime", lambda _: "10:00:00")
    stream = io.StringIO()
    with Plain(stream) as plain:
        tell(plain)
    assert stream.getvalue().splitlines() == [
        "first",
        "warn careful",
        "skip Step a: kept",
        "10:00:00 Step b (about 52 s)",
        "ok Step b  61 s",
        "10:00:00 Step c",
        "FAIL Step c: failed after 2.0 s",
        "FAIL Step d: stopped after 1.0 s",
        "FAIL kvm  (3.0 s)  hangs",
        "    load it",
        "    or not",
        "ok disk  plenty",
        "image:",
        "  path   /x",
        "  bytes  5 MB",
        "  fresh  yes",
    ]


def test_plain_gives_signs_of_life_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    stream = io.StringIO()
    with Plain(stream, every=15) as plain:
        plain(ev.StepStarted("b", "Step b"))
        for number in range(10):
            now += 2
            plain(ev.StepProgress("b", f"task {number}"))
        plain(ev.StepProgress("b", "the long one"))
        for _ in range(30):
            now += 5
            plain.tick()
    lines = stream.getvalue().splitlines()[1:]
    # Said once soon, and again because nothing else is heard; not with every tick.
    assert [line.split(maxsplit=2) for line in lines] == [
        ["16", "s", "task 7"],
        ["35", "s", "the long one"],
        ["95", "s", "the long one"],
        ["2:35", "min", "the long one"],
    ]


def test_a_step_that_says_nothing_is_heard_of_all_the_same() -> None:
    """By the clock, not by events."""
    stream = io.StringIO()
    with Plain(stream, every=0.05) as plain:
        plain(ev.StepStarted("b", "Step b"))
        assert wait_for(lambda: len(stream.getvalue().splitlines()) > 2)


def test_json_lines_hold_everything() -> None:
    stream = io.StringIO()
    tell(JsonLines(stream))
    read = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [each["event"] for each in read] == [type(each).__name__ for each in ALL]
    assert read[7]["reason"] == "because"
    assert read[11]["facts"] == {"path": "/x", "bytes": 5_000_000, "fresh": True}


def test_quiet_tells_results_and_troubles_only() -> None:
    stream = io.StringIO()
    tell(Quiet(stream))
    firsts = [line.split()[0] for line in stream.getvalue().splitlines() if line[0] != " "]
    assert firsts == ["warn", "FAIL", "FAIL", "FAIL", "image:"]


@pytest.mark.parametrize(
    ("tty", "term", "kind"),
    [(True, "xterm", Live), (True, "dumb", Plain), (False, "xterm", Plain)],
)
def test_auto_is_live_only_on_terminals_that_can(
    tty: bool, term: str, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    stream = Terminal() if tty else io.StringIO()
    assert type(reporter_for(stream)) is kind


def test_live_leaves_only_lines_that_stay() -> None:
    """Played back as a terminal would, nothing of the redrawn line is left."""
    stream = Terminal()
    with Live(stream) as live:
        live(ALL[3])
        live(ev.StepProgress("b", "halfway " * 40, 0.5))
        assert wait_for(lambda: "50% halfway" in stream.getvalue())
        live(ALL[1])
        live(ALL[5])
        live(ev.StepStarted("c", "Step c"))
    text = stream.getvalue()
    stays = [line.rsplit("\r\x1b[K", 1)[-1] for line in text.split("\n")]
    assert stays == ["\x1b[33m!\x1b[0m careful", "\x1b[32m✓\x1b[0m Step b  61 s", ""]


def test_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    with Live(stream) as live:
        live(ALL[1])
    assert stream.getvalue() == "! careful\n"


def test_on_a_real_terminal() -> None:
    """Whole: a child whose stdout is a pty draws there, and ends on a fresh line."""
    program = (
        "import sys, time; from aio_image.report import events as ev;"
        "from aio_image.report.reporter import reporter_for\n"
        "with reporter_for(sys.stdout) as r:\n"
        "    r(ev.StepStarted('b', 'Step b')); time.sleep(0.5)\n"
        "print('after')\n"
    )
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "PYTHONIOENCODING": "utf-8"}
    subprocess.run([sys.executable, "-c", program], stdout=theirs, env=environment, check=True)
    os.close(theirs)
    text = os.read(ours, 65536).decode()
    os.close(ours)
    assert "Step b  0." in text
    assert text.endswith("\r\x1b[Kafter\r\n")


@pytest.mark.parametrize(
    ("line", "width", "short"),
    [
        ("abc", 5, "abc"),
        ("abcdef", 3, "abc"),
        ("a\x1b[31mb\rc", 9, "a[31mbc"),
        ("日本語", 5, "日本"),
    ],
)
def test_cut(line: str, width: int, short: str) -> None:
    assert cut(line, width) == short


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (99.4, "99 s"),
        (99.6, "1:40 min"),
        (185, "3:05 min"),
        (3599.6, "1:00:00 h"),
        (3723, "1:02:03 h"),
    ],
)
def test_spelled_seconds(seconds: float, text: str) -> None:
    assert spell_seconds(seconds) == text
