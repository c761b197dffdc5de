"""Canaries are what docs/architecture.md says, and the appliance computes the same ones."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aio_image import deployers
from aio_image.appliance import ledger as on_the_appliance
from aio_image.bake.canary import LONGEST, PREFIX, SHORTEST, bake_id, canary

hexes = st.text("0123456789abcdef", min_size=16, max_size=16)
names = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=60)
lengths = st.integers(SHORTEST, LONGEST)


def test_known_value() -> None:
    # printf '0123456789abcdef/nova_service_password' | sha256sum | xxd -r -p | base32, lower case
    value = canary("0123456789abcdef", "nova_service_password", 40)
    assert value == "aioCanarysnb34wk4y6562kamrltfxdrjkuupyax"


@given(hexes, names, lengths)
def test_shape_and_agreement_with_the_appliance(bake: str, name: str, length: int) -> None:
    value = canary(bake, name, length)
    assert len(value) == length
    assert re.fullmatch(PREFIX + "[a-z2-7]+", value)
    assert on_the_appliance.canary(bake, name, length) == value.encode()


@given(hexes, names, names)
def test_two_secrets_never_share_one(bake: str, one: str, other: str) -> None:
    assert (canary(bake, one, SHORTEST) == canary(bake, other, SHORTEST)) == (one == other)


@pytest.mark.parametrize("length", [SHORTEST - 1, LONGEST + 1, 0])
def test_a_length_that_cannot_be_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="some_secret"):
        canary("0123456789abcdef", "some_secret", length)


@pytest.mark.parametrize("deployer", deployers.names())
def test_every_secret_of_a_deployer_can_have_one(deployer: str) -> None:
    rows = deployers.load(deployer).secrets
    values = [canary("0" * 16, row.name, row.length) for row in rows]
    assert len(set(values)) == len(rows) > 0


def test_bake_id_comes_from_the_step_key() -> None:
    assert bake_id("0123456789abcdef" + "f" * 48) == "0123456789abcdef"
