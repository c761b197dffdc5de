"""recovery.yaml's rows, by which ``aio recover`` goes, where services are in LXC containers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from aio_image.appliance import units

# Service and unit → the unit's name with its container.
Placed = Callable[[str, str], str]
_RUNNING = {"kind": "containers"}


def place(parts: Sequence[Mapping[str, Any]], placed: Placed) -> list[dict[str, Any]]:
    """``parts``, rows of recovery.yaml, with the containers of their units and commands.

    Before those that may be in containers comes one for the containers themselves.
    """
    return list(_rows(parts, placed))


def _rows(parts: Sequence[Mapping[str, Any]], placed: Placed) -> Iterator[dict[str, Any]]:
    told = False
    for part in parts:
        if part["kind"] != "answer" and not told:
            told = True
            yield dict(_RUNNING)
        service = part["service"]
        row = {word: said for word, said in part.items() if word != "service"}
        for word in ("unit", "server"):
            if word in row:
                row[word] = placed(service, row[word])
        if "restart" in row:
            row["restart"] = [placed(service, unit) for unit in row["restart"]]
        if "members" in row:
            row["members"] = [
                {**one, "unit": placed(service, one["unit"])} for one in row["members"]
            ]
        if "after" in row:
            row["after"] = [_command(one, service, part["server"], placed) for one in row["after"]]
        yield row


def _command(
    one: Mapping[str, Any], service: str, server: str, placed: Placed
) -> dict[str, list[str]]:
    home = units.home(placed(service, one.get("beside", server)))
    return {"run": units.inside(home, one["run"])}
