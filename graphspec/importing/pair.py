"""Two recordings of one network at different sizes: what agrees is a number, what differs is a formula of sizes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from graphspec.importing.record import Call, NotRecorded, Recording, Value
from graphspec.importing.sizes import Size


@dataclasses.dataclass(frozen=True)
class Pair:
    """A call of the first recording and the same one of the second."""

    first: Call
    second: Call

    def args(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments: values of the first recording, numbers where both agree, formulas elsewhere."""
        where = self.first.path or self.first.frame.path
        args = tuple(_agreed(a, b, where) for a, b in zip(self.first.args, self.second.args, strict=True))
        return args, {key: _agreed(a, self.second.kwargs[key], where) for key, a in self.first.kwargs.items()}

    @property
    def constant(self) -> bool:
        """Whether the result depends on no input, nor on a size."""
        return all(
            a.data is not None and b.data is not None and torch.equal(a.data, b.data)
            for a, b in zip(self.first.outputs, self.second.outputs, strict=True)
        )  # fmt: skip


class Open:
    """A number that is another at another size, and no formula is known for it."""


def pairs(first: Recording, second: Recording) -> Iterator[Pair]:
    """The calls of both, one by one.

    Raises:
        NotRecorded: the course of the network depends on the size of its input.
    """
    for a, b in zip(first.calls, second.calls, strict=False):
        if (a.name, a.path, a.frame.path) != (b.name, b.path, b.frame.path) or len(a.outputs) != len(b.outputs):
            break
        yield Pair(a, b)
    else:
        if len(first.calls) == len(second.calls):
            return
        a = max(first.calls, second.calls, key=len)[min(len(first.calls), len(second.calls))]
    where = a.path or a.frame.path or "the network"
    raise NotRecorded(f"{where} calls other functions at another size ({a.name}): its course depends on sizes")


def _agreed(a: Any, b: Any, where: str) -> Any:
    if isinstance(a, Value):
        return a
    if isinstance(a, Mapping):
        return {key: _agreed(item, b[key], where) for key, item in a.items()}
    if isinstance(a, tuple | list):
        if len(a) != len(b):
            raise NotRecorded(f"{where}: a list is {len(a)} long at one size and {len(b)} at another")
        return type(a)(_agreed(x, y, where) for x, y in zip(a, b, strict=True))
    if isinstance(a, slice):
        return slice(_agreed(a.start, b.start, where), _agreed(a.stop, b.stop, where), _agreed(a.step, b.step, where))
    if isinstance(a, int) and not isinstance(a, bool):
        if a == b:
            return int(a)
        return a.formula if isinstance(a, Size) else Open()
    return a


def dynamic(first: Value, second: Value) -> list[bool]:
    """Which dims of a value have other sizes in the second recording."""
    return [a != b for a, b in zip(first.shape, second.shape, strict=True)]
