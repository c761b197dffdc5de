"""What disk-image-create is told for each shipped profile's root: `golden/roots/<profile>.json`.

Its elements with all that they need (as DIB itself works it out), variables, files and packages.
What cannot be built here is checked this far.
To accept a change on purpose: AIO_ACCEPT=1 pytest tests/unit/dib/test_recipes.py
"""

from __future__ import annotations

import json
import os
import stat
from collections import Counter
from pathlib import Path
from typing import Any

import diskimage_builder
import pytest
from diskimage_builder import element_dependencies

from aio_image import systems
from aio_image.dib import root
from aio_image.dib.recipe import Recipe
from aio_image.errors import HostError
from aio_image.paths import resource
from aio_image.profile.load import LoadedProfile, list_profiles, load_profile
from aio_image.sources.apt_config import AptConfig
from aio_image.sources.debian_mirror import Archive, DebianMirror
from aio_image.sources.mirrors import Mirror
from aio_image.sources.rpm_mirror import mirror_of
from aio_image.systems import System

_GOLDEN = Path(__file__).with_name("golden") / "roots"
_STOCK = Path(diskimage_builder.__file__).parent / "elements"
_OURS = resource("elements")
_DOWNLOADS = Path("/home/downloads")
_MIRROR = "http://mirror.example.com/archive"
_OF_OSA = [
    each.name
    for each in list_profiles()
    if load_profile(each.name).profile.deployer == "openstack-ansible"
]


def settings_of(loaded: LoadedProfile) -> dict[str, Any]:
    system = systems.load(loaded.profile.system.distribution)
    keys = ("system.distribution", "system.release", "system.architecture")
    return {
        **{key: loaded.setting(key) for key in keys},
        "packages": sorted(
            {*system.packages_of(loaded.profile.system.release), *loaded.profile.packages.extra}
        ),
    }


def mirror(system: System, release: str) -> Mirror:
    """A mirror as one would be found, without asking one."""
    if system.family == "redhat":
        return mirror_of(system, system.releases[release], _MIRROR)
    its = system.archive
    main = Archive(_MIRROR, (release,), its.components, its.key_ring, "the profile")
    return DebianMirror((main,), AptConfig())


def recipe_of(name: str) -> Recipe:
    settings = settings_of(load_profile(name))
    system = systems.load(settings["system.distribution"])
    release = settings["system.release"]
    return root.recipe(settings, system, mirror(system, release), _DOWNLOADS)


def with_needed(recipe: Recipe) -> dict[str, str]:
    """Every element of a run and where it is, as disk-image-create finds them."""
    found = element_dependencies.get_elements(list(recipe.elements), f"{_OURS}:{_STOCK}")
    return dict(found)


@pytest.mark.parametrize("name", _OF_OSA)
def test_recipes_are_as_agreed(name: str) -> None:
    recipe = recipe_of(name)
    told = {
        "elements": list(recipe.elements),
        "with_needed": sorted(with_needed(recipe)),
        "variables": dict(recipe.variables),
        "files": {key: {"name": where, "lines": text.splitlines()}
                  for key, (where, text) in recipe.files.items()},
        "proxies": recipe.proxies,
    }  # fmt: skip
    golden = _GOLDEN / f"{name}.json"
    if os.environ.get("AIO_ACCEPT"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    assert told == json.loads(golden.read_text(encoding="utf-8"))


def test_there_is_no_golden_file_too_many() -> None:
    assert {path.stem for path in _GOLDEN.glob("*.json")} == set(_OF_OSA)


@pytest.mark.parametrize("name", _OF_OSA)
def test_one_element_is_the_operating_system(name: str) -> None:
    provides = []
    for element, path in with_needed(recipe_of(name)).items():
        given = Path(path, "element-provides")
        if given.is_file() and "operating-system" in given.read_text().split():
            provides.append(element)
    assert len(provides) == 1, provides


@pytest.mark.parametrize("name", _OF_OSA)
def test_no_hook_is_there_twice_or_skipped(name: str) -> None:
    """All elements' hooks go into one folder; those without a run bit are skipped in silence."""
    hooks: Counter[str] = Counter()
    for path in with_needed(recipe_of(name)).values():
        for hook in Path(path).glob("*.d/*"):
            if hook.is_file() and hook.parent.name != "environment.d":
                hooks[f"{hook.parent.name}/{hook.name}"] += 1
                ours = _OURS in hook.parents
                assert not ours or hook.stat().st_mode & stat.S_IXUSR, hook
    assert [hook for hook, count in hooks.items() if count > 1] == []


def test_every_variable_of_ours_is_read_by_an_element() -> None:
    for name in _OF_OSA:
        recipe = recipe_of(name)
        text = "".join(
            path.read_text(errors="replace")
            for element in with_needed(recipe).values()
            for path in Path(element).rglob("*")
            if path.is_file()
        )
        wanted = [*recipe.variables, *(key.rstrip("/") for key in recipe.files)]
        assert [key for key in wanted if key not in text] == []


def test_files_are_written_for_us_alone(tmp_path: Path) -> None:
    recipe = recipe_of("osa-aio-metal-centos10")
    variables = recipe.written(tmp_path)
    folder = Path(variables["DIB_YUM_MINIMAL_BOOTSTRAP_REPOS"])
    assert [path.name for path in folder.iterdir()] == ["build.repo"]
    assert f"baseurl={_MIRROR}/10-stream/BaseOS/x86_64/os\n" in (folder / "build.repo").read_text()
    packages = Path(variables["AIO_PACKAGES"])
    assert packages.read_text().splitlines() == list(systems.load("centos").packages)
    assert packages.stat().st_mode & 0o777 == 0o600


def test_what_the_host_lacks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aio_image.host.process._SYSTEM_PATH", str(tmp_path))
    with pytest.raises(HostError) as caught:
        root.require(systems.load("centos"))
    assert caught.value.message == "a root of CentOS Stream needs dnf, rpm, which this host has not"
    assert caught.value.hint == "install the packages: dnf rpm"
    for name in ("dnf", "rpm"):
        (tmp_path / name).touch(mode=0o755)
    root.require(systems.load("centos"))
    root.require(systems.load("debian"))
