"""What is closed at the end of its context."""

from __future__ import annotations

from typing import Self


class Closing:
    """A context that gives itself, and calls :meth:`close` at its end, however that comes."""

    def close(self) -> None:
        """Give up what is held; to be called any number of times."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
