"""What the pristine archive is made of: the paths that its patterns stand for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from aio_image.bake.pristine import Rules, tops

RULES = Rules(packed=(), left=(), elsewhere=(), cloud=(), secret=())


def test_a_pattern_is_what_it_stands_for_in_the_image(tmp_path: Path) -> None:
    for name in ("etc", "openstack/venvs/nova-33/etc", "openstack/venvs/glance-33/etc"):
        (tmp_path / name).mkdir(parents=True)
    rules = replace(RULES, packed=("/etc", "/srv", "/openstack/venvs/*/etc"))
    assert tops(rules, tmp_path) == (
        "/etc", "/srv", "/openstack/venvs/glance-33/etc", "/openstack/venvs/nova-33/etc",
    )  # fmt: skip
