"""The one error the appliance raises for something its owner can mend."""

from __future__ import annotations

from collections.abc import Sequence


class ApplianceProblem(Exception):
    """``message`` is one line; ``hint`` says what to do; ``details`` hold one problem a line."""

    def __init__(self, message: str, *, hint: str = "", details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = tuple(details)
