"""What a reporter is: a listener that writes to a stream."""

from __future__ import annotations

from types import TracebackType
from typing import Self, TextIO

from aio_image.report.events import Event


class Reporter:
    """A listener that writes to a stream. Close it (or leave its block) before writing there."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def __call__(self, event: Event) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """Leave the stream at the start of a fresh line."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def write(self, *lines: str) -> None:
        self.stream.write("".join(f"{line}\n" for line in lines))
        self.stream.flush()
