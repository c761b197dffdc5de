"""Running checks: order, needs, and every way to fail."""

from __future__ import annotations

import pytest

from aio_image.errors import Cancelled
from aio_image.health.check import Check, run_checks, select
from aio_image.health.client import CheckFailed, Cloud
from aio_image.health.cloud import checks_for
from aio_image.health.target import Endpoint, Target
from aio_image.report.events import Event, Events


def fine(_cloud: Cloud) -> str:
    return "all is well"


def broken(_cloud: Cloud) -> str:
    raise CheckFailed("it is broken", "mend it")


def nonsense(_cloud: Cloud) -> str:
    return str({}["volumes"])


def outcomes(cloud: Cloud, *checks: Check) -> dict[str, tuple[str, str]]:
    told: list[Event] = []
    results = run_checks(checks, cloud, Events(told.append))
    assert told == results
    return {one.check: (one.outcome, one.detail) for one in results}


def test_a_failure_skips_what_needs_it_and_what_needs_that(cloud: Cloud) -> None:
    assert outcomes(
        cloud,
        Check("a", broken),
        Check("b", fine, ("a",)),
        Check("c", fine, ("b",)),
        Check("d", fine),
    ) == {
        "a": ("failed", "it is broken"),
        "b": ("skipped", "needs a"),
        "c": ("skipped", "needs b"),
        "d": ("ok", "all is well"),
    }


def test_an_answer_that_makes_no_sense_is_a_failure(cloud: Cloud) -> None:
    (found,) = outcomes(cloud, Check("a", nonsense)).values()
    assert found == ("failed", "an answer that cannot be understood: KeyError: 'volumes'")


def test_stopped_between_checks(cloud: Cloud) -> None:
    def stop(asked: Cloud) -> str:
        asked.cancel.request("SIGTERM")
        return ""

    with pytest.raises(Cancelled):
        run_checks([Check("a", stop), Check("b", fine)], cloud, Events())


def test_only_what_is_expected_is_checked(target: Target) -> None:
    from dataclasses import replace  # noqa: PLC0415

    bare = replace(target, dashboard="", appliance=False)
    assert [one.name for one in checks_for(bare)] == [
        "tls",
        "keystone-token",
        "catalogue",
        "endpoints",
    ]
    image = replace(bare, expected=(Endpoint("image", "glance", 9292, ""),))
    assert "image-upload" in [one.name for one in checks_for(image)]
    optional = (
        Endpoint("orchestration", "heat", 8004, "/v1"),
        Endpoint("key-manager", "barbican", 9311, ""),
    )
    names = [one.name for one in checks_for(replace(bare, expected=optional))]
    assert names[-2:] == ["secret", "stack"]
    # What a check needs comes before it.
    seen: set[str] = set()
    for check in checks_for(target):
        assert set(check.needs) <= seen
        seen.add(check.name)


def test_selected_with_what_they_need() -> None:
    checks = [
        Check("a", fine),
        Check("b", fine, ("a",)),
        Check("c", fine),
        Check("d", fine, ("b", "elsewhere")),
    ]
    assert [one.name for one in select(checks, ["d"])] == ["a", "b", "d"]
    assert [one.name for one in select(checks, [])] == ["a", "b", "c", "d"]
    with pytest.raises(KeyError) as caught:
        select(checks, ["a", "y", "x"])
    assert caught.value.args == ("x", "y")
