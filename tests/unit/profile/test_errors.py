"""Every mistake of a file at once, each with its line: golden files beside the wrong profiles.

`wrong/<case>/profile.yaml` is what a person wrote, `wrong/<case>/errors.txt` what they are told.
To accept a change on purpose: AIO_ACCEPT=1 pytest tests/unit/profile/test_errors.py
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aio_image.errors import AioError, ProfileError, UsageError
from aio_image.profile.load import load_profile

_WRONG = Path(__file__).with_name("wrong")


@pytest.mark.parametrize("case", sorted(p.name for p in _WRONG.iterdir()))
def test_errors_are_as_agreed(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(_WRONG / case)
    with pytest.raises(AioError) as caught:
        load_profile("./profile.yaml")
    told = "\n".join([caught.value.message, *caught.value.details]) + "\n"
    golden = Path("errors.txt")
    if os.environ.get("AIO_ACCEPT"):
        golden.write_text(told, encoding="utf-8")
    assert told == golden.read_text(encoding="utf-8")


def test_settings_are_named_as_the_place(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("extends: debian-aio\n", encoding="utf-8")
    with pytest.raises(ProfileError) as caught:
        load_profile(
            str(mine), ["image.size=12", "imgae.size=1 GiB", "x", "extends=base", "image.label={"]
        )
    assert [line.split(": ")[0] for line in caught.value.details] == [
        "--set",
        "--set extends",
        "--set image.label",
        "--set image.size",
        "--set imgae.size",
    ]
    assert "did you mean 'image'?" in caught.value.details[-1]


def test_no_such_profile_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="no profile 'debian-iao', did you mean 'debian-aio'"):
        load_profile("debian-iao")


def test_an_abstract_profile_is_not_built() -> None:
    with pytest.raises(UsageError, match="only there to be extended"):
        load_profile("base")


def test_a_missing_file_is_named() -> None:
    with pytest.raises(UsageError, match=r"\./gone\.yaml: no such file"):
        load_profile("./gone.yaml")
