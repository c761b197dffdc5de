"""Tables that an image was built with: absent, of another format, or not what they should be."""

from __future__ import annotations

from pathlib import Path

import pytest

from aio_image.appliance.problems import ApplianceProblem
from aio_image.appliance.shipped import shipped


@pytest.mark.parametrize(
    ("text", "says", "cure"),
    [
        (None, "not there", "seal it"),
        ('{"format": 2, "rows": []}', "format 2 is not known here", ""),
        ('{"rows": []}', "damaged (KeyError: 'format')", "boot another"),
        ('{"format": 1', "damaged (JSONDecodeError: ", "boot another"),
        ('{"format": 1}', "damaged (KeyError: 'rows')", "boot another"),
        ('{"format": 1, "rows": 7}', "damaged (TypeError: ", "boot another"),
        ("[]", "damaged (TypeError: ", "boot another"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(
    tmp_path: Path, text: str | None, says: str, cure: str
) -> None:
    path = tmp_path / "table.json"
    if text is not None:
        path.write_text(text)
    with (
        pytest.raises(ApplianceProblem) as caught,
        shipped(path, absent="seal it", damaged="boot another") as data,
    ):
        list(data["rows"])
    assert caught.value.message.startswith(f"{path}: {says}")
    assert caught.value.hint == cure


def test_one_without_a_format_may_be_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    path.write_text('{"rows": [1]}')
    with shipped(path, form=None) as data:
        assert data["rows"] == [1]
