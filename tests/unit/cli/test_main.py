"""The command line: help, exit codes, what is said when something is wrong, and how fast."""

from __future__ import annotations

import errno
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aio_image import errors
from aio_image.cli import main as cli
from aio_image.cli.elevate import command_as_root
from tests.waiting import PATIENCE

_ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _home_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIO_IMAGE_HOME", str(tmp_path / "home"))


def _run(*words: str, cwd: Path = _ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "aio_image", *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(_ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


@pytest.mark.parametrize("command", sorted(cli.COMMANDS))
def test_every_command_has_help_with_its_own_summary(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([command, "--help"])
    assert caught.value.code == 0
    said = capsys.readouterr().out
    assert said.startswith(f"usage: aio-image {command}")
    assert "--json" in said
    assert max(len(line) for line in said.splitlines()) <= 100


def test_help_names_every_command_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    said = capsys.readouterr().out
    for command, (_, summary) in cli.COMMANDS.items():
        assert command in said
        assert summary in said
    codes = [value for name, value in vars(errors).items() if name.startswith("EXIT_")]
    listed = said.partition("exit codes:")[2].splitlines()
    assert [int(line.split()[0]) for line in listed[1 : len(codes) + 1]] == sorted(codes)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["buidl"], "there is no command 'buidl', did you mean 'build'?"),
        (["plan", "--from", "roof"], "argument --from: invalid choice: 'roof'"),
        (["plan", "--inputs", "gate", "--no-gate"], "--no-gate leaves out the step gate"),
        (["build", "--from", "gate", "--no-gate"], "--no-gate leaves out the step gate"),
        (["build", "--output", "/proc/version/x.qcow2"], "/proc/version is not a folder"),
        (["show", "/etc/"], "/etc/: is a folder, not a file"),
        ([], "required: COMMAND"),
        (["plan", "--json", "--plain"], "--plain: not allowed with argument --json"),
        (["test", "/nowhere/x.qcow2"], "/nowhere/x.qcow2: there is no such image"),
        (["run", "/etc"], "/etc: is not a file"),
        (["test", "/etc/hostname"], "is neither QCOW2 nor a raw disk"),
        (["test", "x.qcow2", "--junit", "/etc"], "/etc: is a folder"),
        (["test", "x.qcow2", "--timeline", "/etc/hostname/t"], "/etc/hostname cannot be written"),
        (["test", "x.qcow2", "--memory", "8GB"], "'8GB' is not a size"),
        (["test", "x.qcow2", "--memory", "8MiB"], "8 MiB is too little"),
        (["clean", "--keep", "-1"], "'-1' is not a number of results"),
    ],
)
def test_a_wrong_command_line_is_exit_2(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == errors.EXIT_USAGE
    told = capsys.readouterr()
    assert said in told.out + told.err


def test_a_wrong_command_line_is_told_in_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["test", "--json", "--cpus", "0", "x.qcow2"]) == errors.EXIT_USAGE
    told = json.loads(capsys.readouterr().out)
    assert "'0' is not a whole number" in told["message"]
    assert told["hint"] == "`aio-image test --help` says what there is"


def test_a_key_to_let_in_is_a_public_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, key = tmp_path / "x.img", tmp_path / "key"
    image.write_bytes(b"\0" * 510 + b"\x55\xaa")
    for text in ("-----BEGIN\n", "hello\n", "# nothing\n"):
        key.write_text(text)
        assert cli.main(["test", str(image), "--ssh-key", str(key)]) == errors.EXIT_USAGE
        assert f"--ssh-key {key}: is not a public key" in capsys.readouterr().err


def test_a_home_that_is_a_file_is_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("AIO_IMAGE_HOME", str(tmp_path / "file" / "home"))
    assert cli.main(["plan"]) == errors.EXIT_USAGE
    assert f"{tmp_path / 'file'} is not a folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "told"), [("my builds", "a blank"), ("a:b", ":"), ("it's $x", "a blank, $, '")]
)
def test_a_home_that_builds_cannot_work_in_is_refused(
    name: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("AIO_IMAGE_HOME", str(tmp_path / name))
    assert cli.main(["plan"]) == errors.EXIT_USAGE
    assert f"there is {told} in its path" in capsys.readouterr().err.replace("\n", " ")
    assert not (tmp_path / name).exists()


def test_what_the_host_refuses_is_no_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "/x/y")
    _command_that(monkeypatch, _raising(full))
    assert cli.main(["profiles"]) == errors.EXIT_HOST
    assert "error: /x/y: No space left on device" in capsys.readouterr().err


def test_options_of_output_stand_before_or_after(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--json", "profiles"], ["profiles", "--json"]):
        assert cli.main(words) == 0
        assert "debian-aio" in [row["name"] for row in json.loads(capsys.readouterr().out)]


def _command_that(monkeypatch: pytest.MonkeyPatch, action: Any) -> None:
    def add_parser(subparsers: Any) -> None:
        subparsers.add_parser("profiles", parents=[cli.output_options()])

    module = SimpleNamespace(add_parser=add_parser, run=action)
    monkeypatch.setattr(cli.importlib, "import_module", lambda _name: module)


def _raising(error: BaseException) -> Any:
    def run(_args: Any) -> int:
        raise error

    return run


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.UsageError, 2),
        (errors.ProfileError, 2),
        (errors.HostError, 3),
        (errors.MirrorError, 4),
        (errors.BuildError, 5),
        (errors.ApplianceError, 6),
        (errors.Cancelled, 130),
    ],
)
def test_errors_are_told_whole_and_end_with_their_code(
    kind: type[errors.AioError],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = kind("it broke", details=["one", "two"], hint="mend it", log=Path("/var/log/x.log"))
    _command_that(monkeypatch, _raising(error))
    assert cli.main(["profiles"]) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "aio-image: error: it broke\n  one\n  two\nhint: mend it\nlog: /var/log/x.log\n"
    )
    assert cli.main(["profiles", "--json"]) == code
    told = json.loads(capsys.readouterr().out)
    assert told["exit_code"] == code
    assert told["details"] == ["one", "two"]


def test_a_bug_is_one_line_with_a_private_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _command_that(monkeypatch, _raising(ZeroDivisionError("oh\nmore")))
    assert cli.main(["profiles"]) == errors.EXIT_INTERNAL
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "aio-image: error: this is a bug in aio-image: ZeroDivisionError: oh"
    log = Path(lines[-1].removeprefix("log: "))
    assert "in run\n    raise error" in log.read_text()
    assert log.stat().st_mode & 0o077 == 0


def test_ctrl_c_is_exit_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _command_that(monkeypatch, _raising(KeyboardInterrupt()))
    assert cli.main(["profiles"]) == errors.EXIT_CANCELLED
    assert capsys.readouterr().err == "aio-image: error: stopped\n"


def test_a_reader_that_leaves_is_no_traceback() -> None:
    done = subprocess.run(
        ["sh", "-c", f'"{sys.executable}" -m aio_image plan --inputs bake | head -n 1'],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.stderr == ""
    assert done.stdout.startswith("# bake ")


def test_profile_errors_reach_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("extends: debian-aio\n\nscenario: aio_metal_barbicann\n")
    done = _run("build", "./x.yaml", cwd=tmp_path)
    assert done.returncode == errors.EXIT_USAGE
    assert "x.yaml:3: scenario: unknown word 'barbicann', did you mean 'barbican'?" in done.stderr
    assert done.stdout == ""


def test_show_tells_values_and_origins(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("extends: debian-aio\nimage: {size: 20 GiB}\n")
    plain = _run("show", "./x.yaml", "--set", "test.cpus=3", cwd=tmp_path).stdout
    size = next(line for line in plain.splitlines() if line.startswith("image.size:"))
    assert size.split() == ["image.size:", "20", "GiB", "#", "x.yaml:2"]
    assert "# --set test.cpus" in plain
    values = json.loads(_run("show", "./x.yaml", "--json", cwd=tmp_path).stdout)["values"]
    assert values["image.size"] == {
        "value": 20 << 30,
        "written": "20 GiB",
        "source": "x.yaml",
        "line": 2,
    }


def test_plan_in_json_has_keys_and_inputs() -> None:
    told = json.loads(_run("plan", "--json").stdout)
    assert [step["step"] for step in told["steps"]] == [
        "root", "bake", "seal", "gate", "image", "manifest",
    ]  # fmt: skip
    for step in told["steps"]:
        assert step["action"] == "run"
        assert len(step["key"]) == 64
        assert step["inputs"]


def test_plan_costs_well_under_a_second_and_loads_only_its_own() -> None:
    """In processor time, which a busy machine does not stretch as it does the clock."""
    _run("plan")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert _run("plan").returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.0

    program = (
        "import sys\nfrom aio_image.cli.main import main\nmain(['plan', '--quiet'])\n"
        "print([n for n in sys.argv[1:] if n in sys.modules])"
    )
    heavy = ["ansible_runner", "libvirt", "pycdlib", "requests", "diskimage_builder", "asyncio"]
    done = subprocess.run(
        [sys.executable, "-c", program, *heavy],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_command_for_sudo_runs_from_anywhere_and_hides_proxies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://user:word@proxy.example:3128")
    command = command_as_root("/usr/bin/sudo", ["--version"])
    assert "word@proxy" not in " ".join(command)
    assert "https_proxy" in command[1]
    assert command[2] == "--"
    done = subprocess.run(
        command[3:], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    assert done.stdout.startswith("aio-image ")
