"""Which values a line sees, and so the sizes that it can name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from graphspec.importing.bodies import Line, Out
from graphspec.importing.forward_pass import Value

#: A value's shape in both recordings.
Shapes = Callable[[Value], tuple[tuple[int, ...], tuple[int, ...]]]


class Sight:
    """`values` are what came out of lines, as far as they are known."""

    def __init__(self, values: Mapping[Out, Value], shapes: Shapes) -> None:
        self.values = values
        self.shapes = shapes

    def sizes(self, value: Value, dim: int) -> tuple[int, int]:
        """A size in the first recording and in the second."""
        first, second = self.shapes(value)
        return first[dim], second[dim]

    def seen(self, line: Line, sizes: tuple[int, int]) -> tuple[Out, int] | None:
        """What `line` sees that has these sizes in both recordings, and along which dim."""
        for out in self._visible(line):
            dim = self.dim(out, sizes)
            if dim is not None:
                return out, dim
        return None

    def dim(self, out: Out, sizes: tuple[int, int]) -> int | None:
        """The first dim along which a value has these sizes in both recordings."""
        if out not in self.values:
            return None
        pairs = zip(*self.shapes(self.values[out]), strict=True)
        return next((dim for dim, pair in enumerate(pairs) if pair == sizes), None)

    def _visible(self, line: Line) -> Iterator[Out]:
        body = line.body
        yield from body.inputs if body.parent else (out for out in self.values if out.line.type == "input")
        for given in line.sources.values():
            yield from given if isinstance(given, list) else [given]
        for out in self.values:
            if out.line.body is body and out.line.order < line.order and not out.selector:
                yield out
