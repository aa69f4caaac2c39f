"""What a recording is made of: tensors as values, calls, and the modules around them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from graphspec.importing.functions import ALIASES
from graphspec.importing.place import PLACE

_Kind = TypeVar("_Kind")


class NotRecorded(Exception):
    """The network does what no spec can say."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclasses.dataclass(eq=False, repr=False)
class Value:
    """One tensor that the network saw.

    `origin` is the call that gave it (`index` deep in its result), or nothing: then it is the input, parameter or
    buffer called `name`, or, without a name, a constant. `data` are the numbers of what depends on no input.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype
    origin: Call | None = None
    index: tuple[int, ...] = ()
    kind: str = "constant"
    name: str = ""
    data: Tensor | None = None


@dataclasses.dataclass(eq=False, repr=False)
class Frame:
    """One call of one module that is no layer itself: `path` names it, `arguments` what its forward was given."""

    path: str
    caller: Frame | None
    arguments: dict[str, Any]
    module: nn.Module

    def stack(self) -> Iterator[Frame]:
        """This frame and those around it, from inside out."""
        frame: Frame | None = self
        while frame:
            yield frame
            frame = frame.caller


@dataclasses.dataclass(eq=False, repr=False)
class Call:
    """One call: of the layer at `path`, or of a function in `frame`. `args` hold :class:`Value` and :class:`Size`.

    `variable` is what the source calls the result.
    """

    name: str
    frame: Frame
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    module: nn.Module | None = None
    path: str = ""
    outputs: list[Value] = dataclasses.field(default_factory=list)
    result: Any = None
    place: str = dataclasses.field(default_factory=PLACE.get)
    variable: str = ""

    @property
    def plain_name(self) -> str:
        """The name without underscores: ``add`` for ``add_`` and ``__add__``; of several that torch has, one."""
        name = self.name.strip("_")
        return ALIASES.get(name, name)

    def inputs(self) -> Iterator[Value]:
        """Every value that goes in."""
        return values_in((self.args, self.kwargs))


@dataclasses.dataclass(frozen=True)
class Recording:
    """One forward pass: its calls in order, and what came out, with values in place of tensors.

    `questions` are what it asked about the numbers of a tensor, each as the error that it is where much depends on it.
    """

    calls: list[Call]
    inputs: dict[str, Value]
    result: Any
    frames: list[Frame]
    questions: list[NotRecorded]


def values_in(structure: Any) -> Iterator[Value]:
    """Every value in nested tuples, lists, dicts and slices."""
    return _all_in(structure, Value)


def tensors_in(structure: Any) -> Iterator[Tensor]:
    """Every tensor in nested tuples, lists, dicts and slices."""
    return _all_in(structure, Tensor)


def _all_in(structure: Any, kind: type[_Kind]) -> Iterator[_Kind]:
    if isinstance(structure, kind):
        yield structure
    elif isinstance(structure, Mapping):
        yield from (each for item in structure.values() for each in _all_in(item, kind))
    elif isinstance(structure, tuple | list):
        yield from (each for item in structure for each in _all_in(item, kind))
    elif isinstance(structure, slice):
        yield from _all_in((structure.start, structure.stop, structure.step), kind)


def indexed_tensors(result: Any, index: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Tensor]]:
    """Every tensor in a result, with the path of indices that leads to it."""
    if isinstance(result, Tensor):
        yield index, result
    elif isinstance(result, tuple | list):
        for number, item in enumerate(result):
            yield from indexed_tensors(item, (*index, number))
