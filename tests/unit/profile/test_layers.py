"""Files on top of each other, and where each value came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from aio_image.profile.load import LoadedProfile, find_profile, list_profiles, load_profile

_GIB = 1 << 30


def _origins(loaded: LoadedProfile) -> dict[str, str]:
    return {value.key: str(value.origin) for value in loaded.values}


@pytest.fixture(autouse=True)
def _folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_each_value_names_its_line() -> None:
    Path("big.yaml").write_text("image:\n  size: 40 GiB\n  label: big\n", encoding="utf-8")
    Path("mine.yaml").write_text(
        "extends: [debian-aio, big]\n\nimage: {label: mine}\ntest:\n  cpus: 3\n", encoding="utf-8"
    )
    loaded = load_profile("./mine.yaml", ["appliance.cpus=7"])
    origins = _origins(loaded)
    assert origins["image.size"] == "big.yaml:2"
    assert origins["image.label"] == "mine.yaml:3"
    assert origins["test.cpus"] == "mine.yaml:5"
    assert origins["appliance.cpus"] == "--set appliance.cpus"
    base = Path(origins["image.format"].rpartition(":")[0])
    line = int(origins["image.format"].rpartition(":")[2])
    assert base.name == "base.yaml"
    assert base.read_text(encoding="utf-8").splitlines()[line - 1].strip() == "format: qcow2"
    assert loaded.profile.image.size == 40 * _GIB
    assert loaded.profile.image.label == "mine"
    assert loaded.profile.appliance.cpus == 7
    assert loaded.name == "mine"
    assert [path.name for path in loaded.files] == [
        "base.yaml",
        "debian-aio.yaml",
        "big.yaml",
        "mine.yaml",
    ]


def test_later_parents_win_and_lists_are_replaced() -> None:
    Path("a.yaml").write_text("packages: {extra: [jq, tmux]}\nimage: {label: a}\n")
    Path("b.yaml").write_text("packages: {extra: [vim]}\n")
    Path("mine.yaml").write_text("extends: [debian-aio, a, b]\n")
    loaded = load_profile("./mine.yaml")
    assert loaded.profile.packages.extra == ("vim",)
    assert loaded.profile.image.label == "a"
    assert _origins(loaded)["packages.extra"] == "b.yaml:1"


def test_a_file_beside_wins_over_a_shipped_profile() -> None:
    Path("base.yaml").write_text("image: {label: ours}\n")
    Path("mine.yaml").write_text("extends: [debian-aio, base]\n")
    loaded = load_profile("mine.yaml")
    assert loaded.profile.image.label == "ours"


def test_a_parent_reached_twice_is_laid_where_it_stands() -> None:
    Path("x.yaml").write_text("extends: debian-aio\nimage: {label: x}\n")
    Path("mine.yaml").write_text("extends: [x, debian-aio]\n")
    loaded = load_profile("mine.yaml")
    assert loaded.profile.image.label == "aio-root"


def test_abstract_is_not_inherited() -> None:
    Path("part.yaml").write_text("abstract: true\nextends: debian-aio\n")
    Path("mine.yaml").write_text("extends: part\n")
    assert load_profile("mine.yaml").name == "mine"


def test_null_takes_a_value_back() -> None:
    Path("near.yaml").write_text("extends: debian-aio\nmirrors: {debian: 'http://m.example/d/'}\n")
    Path("mine.yaml").write_text("extends: near\nmirrors: {debian: null}\n")
    assert load_profile("near.yaml").profile.mirrors.debian == "http://m.example/d"
    assert load_profile("mine.yaml").profile.mirrors.debian is None


def test_every_shipped_profile_loads() -> None:
    listed = list_profiles()
    assert "debian-aio" in [each.name for each in listed]
    for each in listed:
        loaded = load_profile(each.name)
        assert loaded.profile.description == each.description
        assert find_profile(each.name) == loaded.path


def test_the_default_profile_says_what_it_must() -> None:
    loaded = load_profile("debian-aio")
    assert loaded.profile.deployer == "debian"
    assert loaded.profile.level == "deployed"
    assert loaded.profile.scenario == "aio_metal"
    assert {"keystone", "glance", "placement", "nova", "neutron", "cinder", "horizon"} <= set(
        loaded.services
    )
    assert loaded.setting("image.size") == 12 * _GIB
    assert loaded.setting("test.limits.healthy") == 240
    assert loaded.setting("mirrors.debian") is None
    assert loaded.setting("packages.extra") == []


def test_how_far_a_profile_is_proven_is_not_handed_on(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("extends: debian-aio\nimage: {size: 20 GiB}\n", encoding="utf-8")
    assert load_profile("debian-aio").proven == "booted"
    assert load_profile(str(mine)).proven == "nothing"
    booted = {each.name for each in list_profiles() if each.proven == "booted"}
    assert booted == {"debian-aio", "osa-aio-lxc", "osa-aio-metal"}
