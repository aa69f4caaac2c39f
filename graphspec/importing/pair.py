"""Two recordings of one network at different sizes: what agrees is a number, what differs is a formula of sizes."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from graphspec.importing.forward_pass import Call, NotRecorded, Recording, Value
from graphspec.importing.sizes import Size


@dataclasses.dataclass(frozen=True)
class Pair:
    """A call of the first recording and the same one of the second."""

    first: Call
    second: Call

    @property
    def where(self) -> str:
        """The module that calls, in words."""
        return self.first.place or self.first.path or self.first.frame.path or "the network"

    def args(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments: values of the first recording, numbers where both agree, formulas elsewhere."""
        where = self.where
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
    twins: dict[Value, Value] = {value: second.inputs[name] for name, value in first.inputs.items()}
    rest = deque(second.calls)
    for a in first.calls:
        while rest and not _alike(a, rest[0]) and rest[0].plain_name in _MAY_DO_NOTHING:
            rest.popleft()
        if rest and _alike(a, rest[0]):
            b = rest.popleft()
        elif a.plain_name in _MAY_DO_NOTHING:
            given = next(a.inputs())
            b = dataclasses.replace(a, outputs=[twins.get(given, given)])
        else:
            raise _differ(a)
        twins.update(zip(a.outputs, b.outputs, strict=True))
        yield Pair(a, b)
    for b in rest:
        if b.plain_name not in _MAY_DO_NOTHING:
            raise _differ(b)


#: They give their argument itself, and so are no calls, at sizes that need no copy: a batch of one is in any order.
_MAY_DO_NOTHING = frozenset(["contiguous"])


def _alike(a: Call, b: Call) -> bool:
    return (a.name, a.path, a.frame.path) == (b.name, b.path, b.frame.path) and _ranks(a) == _ranks(b)


def _differ(call: Call) -> NotRecorded:
    where = call.path or call.frame.path or "the network"
    return NotRecorded(f"{where} calls other functions at another size ({call.name}): its course depends on sizes")


def _ranks(call: Call) -> list[int]:
    """How many dims each of its results has."""
    return [len(value.shape) for value in call.outputs]


def equal_courses(first: Recording, second: Recording) -> bool:
    """Whether two passes over the same numbers call the same functions, of the same values."""
    twins: dict[Value, Value] = {first.inputs[name]: value for name, value in second.inputs.items()}
    if len(first.calls) != len(second.calls):
        return False
    for a, b in zip(first.calls, second.calls, strict=True):
        if (a.name, a.path, a.frame.path, len(a.outputs)) != (b.name, b.path, b.frame.path, len(b.outputs)):
            return False
        if not _equal((a.args, a.kwargs), (b.args, b.kwargs), twins):
            return False
        twins.update(zip(a.outputs, b.outputs, strict=True))
    return _equal(first.result, second.result, twins)


def _equal(a: Any, b: Any, twins: Mapping[Value, Value]) -> bool:
    if isinstance(a, Value) and isinstance(b, Value):
        if a in twins:
            return twins[a] is b
        constant = a.data is not None and b.data is not None and torch.equal(a.data, b.data)
        return (a.kind, a.name) == (b.kind, b.name) and (bool(a.name) or constant)
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(_equal(item, b[key], twins) for key, item in a.items())
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(_equal(x, y, twins) for x, y in zip(a, b, strict=True))
    if isinstance(a, slice) and isinstance(b, slice):
        return _equal((a.start, a.stop, a.step), (b.start, b.stop, b.step), twins)
    return type(a) is type(b) and (a is b or bool(a == b))


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
