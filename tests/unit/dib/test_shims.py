"""The stand-ins do what disk-image-create expects of the real programs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from aio_image.dib.shims import write_shims


def say(argv: list[str | Path], folder: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", **extra}
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_shims(tmp_path / "shims")


def test_sudo_gives_a_clean_environment(folder: Path) -> None:
    said = say([folder / "sudo", "env"], folder, TMPDIR="/leaked", SECRET="x").stdout
    names = {line.split("=")[0] for line in said.splitlines()}
    assert names <= {"PATH", "HOME", "USER", "LOGNAME", "LC_ALL", "PWD", "SHLVL", "_"}


def test_sudo_keeps_the_environment_when_asked(folder: Path) -> None:
    assert "TMPDIR=/kept" in say([folder / "sudo", "-E", "env"], folder, TMPDIR="/kept").stdout


def test_sudo_takes_variables_and_passes_words_and_status(folder: Path) -> None:
    done = say(
        [folder / "sudo", "-n", "A=b c", "sh", "-c", 'echo "$A|$1|$2"; exit 7', "sh", "d e", ""],
        folder,
    )
    assert (done.stdout, done.returncode) == ("b c|d e|\n", 7)


def test_sudo_saves_the_tree_of_a_run_that_fails(folder: Path, tmp_path: Path) -> None:
    unfinished, kept = tmp_path / "mnt", tmp_path / "tree"
    (unfinished / "etc").mkdir(parents=True)
    assert (
        say([folder / "sudo", "rm", "-rf", unfinished], folder, AIO_TREE=str(kept)).returncode == 0
    )
    assert (kept / "etc").is_dir()
    assert not unfinished.exists()
    # What is there already is the finished tree: then it is removed as asked.
    (unfinished / "etc").mkdir(parents=True)
    say([folder / "sudo", "rm", "-rf", unfinished], folder, AIO_TREE=str(kept))
    assert not unfinished.exists()
    (unfinished / "etc").mkdir(parents=True)
    say([folder / "sudo", "rm", "-rf", unfinished], folder)
    assert not unfinished.exists()


def test_sudo_refuses_what_it_does_not_know(folder: Path) -> None:
    done = say([folder / "sudo", "-u", "nobody", "true"], folder)
    assert done.returncode == 1
    assert "-u: not known" in done.stderr


def test_only_what_is_asked_for_is_replaced(tmp_path: Path) -> None:
    assert sorted(p.name for p in write_shims(tmp_path / "a").iterdir()) == ["sudo"]
    assert sorted(p.name for p in write_shims(tmp_path / "b", sync=False).iterdir()) == [
        "sudo",
        "sync",
    ]


def test_qemu_img_converts_on_every_processor(tmp_path: Path) -> None:
    real = tmp_path / "real-qemu-img"
    real.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    real.chmod(0o755)
    shims = write_shims(tmp_path / "shims", qemu_img=str(real), coroutines=8)
    convert = say([shims / "qemu-img", "convert", "-c", "a b", "c"], shims).stdout.splitlines()
    assert convert == ["convert", "-W", "-m", "8", "-c", "a b", "c"]
    assert say([shims / "qemu-img", "info", "x"], shims).stdout.splitlines() == ["info", "x"]
