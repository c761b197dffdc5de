"""What the appliance says of itself: to consoles, files, haproxy, people and machines."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from pathlib import Path

import pytest
import yaml

from aio_image.appliance import cli, credentials, personalise
from aio_image.appliance.layout import Layout
from aio_image.appliance.status import CameUp, Failure, Reporter, Status, find_consoles
from tests.waiting import PATIENCE


def test_a_line_is_as_the_architecture_says(image: Layout) -> None:
    console = image.at("/dev/ttyS9")
    console.touch()
    reporter = Reporter(image, [console])
    status = Status("services", 3, 9, "working", "waiting for nova-api.service")
    reporter.publish(status)
    reporter.publish(status)  # nothing new: no line
    (line,) = console.read_text().splitlines()
    assert line.startswith("AIO {")
    said = json.loads(line.removeprefix("AIO "))
    assert said.pop("uptime") > 0
    assert said == {
        "stage": "services",
        "done": 3,
        "total": 9,
        "state": "working",
        "detail": "waiting for nova-api.service",
    }


def test_strangers_are_not_told_what_units_said(image: Layout) -> None:
    status = Status("services", state="failed", detail="a.service failed: token 123")
    status.failures = [Failure("a.service", "token 123")]
    Reporter(image, []).publish(status)
    assert "token 123" in image.status.read_text()
    assert "token 123" not in image.fence_map.read_text()
    assert "token 123" in image.banner.read_text()  # at the console, where it stands already
    assert "fence closed" in image.fence_map.read_text()


def test_haproxy_is_told_in_one_argument_a_value(image: Layout) -> None:
    heard: list[bytes] = []
    image.haproxy_socket.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(image.haproxy_socket))
        server.listen()

        def listen() -> None:
            for _ in range(3):
                talk, _ = server.accept()
                heard.append(talk.recv(65536))
                talk.close()

        thread = threading.Thread(target=listen)
        thread.start()
        Reporter(image, []).publish(
            Status("services", state="healthy", url="https://cloud.example.org/; \\ x")
        )
        thread.join(timeout=PATIENCE)
    commands = [line.decode().rstrip("\n") for line in heard]
    assert commands[0] == f"set map {image.fence_map} fence open"
    assert commands[1].startswith(f"set map {image.fence_map} json {{")
    assert commands[2].endswith("https://cloud.example.org/\\;\\ \\\\\\ x")


def test_consoles_are_the_serial_ones(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert find_consoles(layout) == [tmp_path / "dev/console"]
    layout.at("/sys/class/tty/console").mkdir(parents=True)
    layout.at("/sys/class/tty/console/active").write_text("tty0 ttyS0\n")
    assert find_consoles(layout) == [tmp_path / "dev/console"]  # named, and not there
    layout.at("/dev").mkdir()
    layout.at("/dev/ttyS0").symlink_to("/dev/null")  # a character device
    assert find_consoles(layout) == [tmp_path / "dev/ttyS0"]


def test_the_command_says_it_to_people_and_machines(
    image: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["status"], image) == 3
    status = Status("services", 1, 2, "failed", "b.service failed: why")
    status.failures = [Failure("b.service", "why")]
    status.timeline = [CameUp("b", "api", 20.0), CameUp("a.service", "unit", 3.25)]
    Reporter(image, []).publish(status)
    capsys.readouterr()
    assert cli.main(["status"], image) == 1
    assert capsys.readouterr().out.splitlines()[1] == "  failed: b.service: why"
    assert cli.main(["status", "--timeline"], image) == 1
    shown = capsys.readouterr().out.splitlines()
    assert shown[-1].split() == ["20.00", "|", "api", "b"]
    assert cli.main(["status", "--json"], image) == 1
    assert json.loads(capsys.readouterr().out)["failures"] == [{"unit": "b.service", "said": "why"}]
    status.state = "healthy"
    Reporter(image, []).publish(status)
    assert cli.main(["status", "--follow"], image) == 0


def test_credentials_for_another_machine(
    image: Layout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["credentials"], image) == 1
    assert "no secrets yet" in capsys.readouterr().err
    image.config.write_text("public_address: 2001:db8::1\n")
    personalise.run(image, Reporter(image))
    capsys.readouterr()
    password = yaml.safe_load(image.secrets.read_text())[credentials.ADMIN_SECRET]

    assert cli.main(["credentials", "clouds"], image) == 0
    cloud = yaml.safe_load(capsys.readouterr().out)["clouds"]["aio"]
    assert cloud["auth"]["auth_url"] == "https://[2001:db8::1]:5000/v3"
    assert cloud["auth"]["password"] == password
    assert cloud["interface"] == "public"

    folder = tmp_path / "elsewhere"
    assert cli.main(["credentials", "--output", str(folder)], image) == 0
    written = yaml.safe_load((folder / "clouds.yaml").read_text())["clouds"]["aio"]
    assert Path(written["cacert"]).read_bytes() == (image.pki / "ca.pem").read_bytes()
    assert (folder / "clouds.yaml").stat().st_mode & 0o777 == 0o600


def test_openrc_brings_its_ca_along(
    image: Layout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    personalise.run(image, Reporter(image))
    capsys.readouterr()
    assert cli.main(["credentials", "openrc"], image) == 0
    openrc = tmp_path / "openrc"
    openrc.write_text(capsys.readouterr().out)
    shown = subprocess.run(
        ["sh", "-c", '. "$0" && echo "$OS_PASSWORD" && cat "$OS_CACERT"', openrc],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    password = yaml.safe_load(image.secrets.read_text())[credentials.ADMIN_SECRET]
    assert shown == f"{password}\n{(image.pki / 'ca.pem').read_text()}"
