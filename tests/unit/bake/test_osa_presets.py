"""An appliance presets units that its tree has: Debian 12's has no Performance Co-Pilot."""

from __future__ import annotations

from pathlib import Path

from aio_image.bake.osa import presets


def test_units_that_are_not_there_are_not_preset(tmp_path: Path) -> None:
    for path in ("usr/lib/systemd/system/rpcbind.service", "etc/systemd/system/made.service"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).touch()
    units = {"unwanted": ["pmcd.service", "rpcbind.service", "made.service"], "more": ["x.service"]}
    given = {"aio_recipe": {"units": units, "root_login": "no"}, "aio_facts": {}}
    assert presets.there(given, tmp_path) == {
        "aio_recipe": {
            "units": {"unwanted": ["rpcbind.service", "made.service"], "more": ["x.service"]},
            "root_login": "no",
        }
    }
