"""Sealing a tree: what goes, what stays, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from aio_image import deployers
from aio_image.bake import gate, seal
from aio_image.errors import BuildError

# Put together here, so that no file of the project looks like a key.
KEY = "-----BEGIN " + "PRIVATE KEY-----\n"


def rules(**changes: object) -> seal.Rules:
    nothing: dict[str, object] = {
        "remove": (), "empty": (), "logs": (), "write": {},
        "private_texts": (), "private_below": (), "private_except": (),
    }  # fmt: skip
    return seal.Rules(**{**nothing, **changes})  # type: ignore[arg-type]


def tree(folder: Path, *files: str) -> Path:
    for name in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return folder


def left(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def test_patterns_match_hidden_names_and_one_level(tmp_path: Path) -> None:
    root = tree(tmp_path, "root/.bash_history", "home/a/.bash_history", "home/a/b/.bash_history")
    gone = list(seal.apply(rules(remove=("/root/.*_history", "/home/*/.*_history")), root))
    assert gone == ["/root/.bash_history", "/home/a/.bash_history"]
    assert left(root) == ["home/a/b/.bash_history"]


def test_folders_go_whole_are_emptied_or_lose_their_files(tmp_path: Path) -> None:
    root = tree(tmp_path, "var/lib/mnesia/a/b", "tmp/.hidden", "tmp/x/y", "var/log/nova/api.log")
    changes = rules(remove=("/var/lib/mnesia",), empty=("/tmp", "/not/there"), logs=("/var/log",))
    list(seal.apply(changes, root))
    assert left(root) == []
    assert not (root / "var/lib/mnesia").exists()
    assert (root / "tmp").is_dir()
    assert (root / "var/log/nova").is_dir()


def test_links_go_but_what_they_name_stays(tmp_path: Path) -> None:
    host = tree(tmp_path / "host", "precious")
    root = tree(tmp_path / "root", "etc/x")
    (root / "etc/link").symlink_to(host)
    (root / "etc/file").symlink_to(host / "precious")
    list(seal.apply(rules(remove=("/etc/link", "/etc/file")), root))
    assert left(root) == ["etc/x"]
    assert left(host) == ["precious"]


@pytest.mark.parametrize("word", ["remove", "empty", "logs"])
def test_no_rule_reaches_out_of_the_tree(tmp_path: Path, word: str) -> None:
    host = tree(tmp_path / "host", "log/precious")
    root = tree(tmp_path / "root", "etc/x")
    (root / "var").symlink_to(host)
    pattern = "/var/log/*" if word == "remove" else "/var/log"
    with pytest.raises(BuildError, match="leads out of the image"):
        list(seal.apply(rules(**{word: (pattern,)}), root))
    assert left(host) == ["log/precious"]


def test_files_are_written_anew_with_their_mode(tmp_path: Path) -> None:
    root = tree(tmp_path, "etc/machine-id")
    list(seal.apply(rules(write={"/etc/machine-id": ("", 0o444), "/opt/no/x": ("", 0o600)}), root))
    assert (root / "etc/machine-id").read_text() == ""
    assert (root / "etc/machine-id").stat().st_mode & 0o777 == 0o444
    assert not (root / "opt").exists()


def test_private_keys_are_found_by_content(tmp_path: Path) -> None:
    root = tree(tmp_path, "etc/fine", "usr/share/doc/key.pem")
    for name in ("etc/forgotten.pem", "etc/known.pem", "usr/share/doc/key.pem"):
        (root / name).write_text(KEY)
    looking = rules(
        private_texts=("PRIVATE KEY-----",),
        private_below=("/etc", "/srv"),
        private_except=("/etc/known*",),
    )
    (problem,) = seal.private_texts(looking, root)
    assert problem == "/etc/forgotten.pem (byte 11): holds “PRIVATE KEY-----”"


@pytest.mark.parametrize("deployer", deployers.names())
def test_the_tables_as_shipped(deployer: str) -> None:
    shipped = seal.Rules.of(deployer)
    assert shipped.write["/etc/machine-id"] == ("", 0o444)
    paths = [*shipped.remove, *shipped.empty, *shipped.logs, *shipped.write]
    assert all(path.startswith("/") and not path.endswith("/") for path in paths)
    # A rule of depth one would take a whole part of the system away.
    assert all(path.count("/") >= 2 for path in shipped.remove)
    units = {unit for service in deployers.load(deployer).services for unit in service.units}
    assert set(gate.Rules.of(deployer).left_out) <= units
