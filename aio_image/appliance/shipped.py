"""Reading the tables (JSON) that an image was built with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .problems import ApplianceProblem

_AGAIN = "build the image again"


@contextmanager
def shipped(
    path: Path, *, form: int | None = 1, absent: str = _AGAIN, damaged: str = _AGAIN
) -> Iterator[Any]:
    """The table at ``path``, for a block that takes what it wants of it.

    ``form``: the only value of its ``format`` that is known here; None: it is not asked for.
    ``absent`` and ``damaged`` are what to do then. Raises ApplianceProblem when there is none, or
    when the block does not find in it what it expects (KeyError, TypeError, ValueError,
    AttributeError).
    """
    try:
        data = json.loads(path.read_text("utf-8"))
        if form is not None and data["format"] != form:
            raise ApplianceProblem(f"{path}: format {data['format']} is not known here")
        yield data
    except FileNotFoundError as error:
        raise ApplianceProblem(f"{path}: not there", hint=absent) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ApplianceProblem(
            f"{path}: damaged ({type(error).__name__}: {error})", hint=damaged
        ) from error
