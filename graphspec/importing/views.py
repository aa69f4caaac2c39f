"""Which tensors share memory, so that a write into one is seen by all: views of views, down from the first.

A write into a view is recorded as a call ``write`` for each tensor above it, with what it held, what was written and
the call that made the view; a tensor beside it is read as its view, made once more.
"""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor

from graphspec.importing.forward_pass import Call, Value, tensors_in


@dataclasses.dataclass(eq=False, repr=False)
class Cell:
    """One tensor: what it holds, and the cell that it is a view of, where `source` was, through `call` (`index` deep
    in its result).

    `writes` counts those into the first tensor of its kind, and `seen` how many of them `value` knows. `live` are the
    numbers themselves of what depends on no input. A tensor is `lost` where its memory was written into in a way that
    nobody saw.
    """

    tensor: weakref.ref[Tensor]
    value: Value
    viewed: Cell | None = None
    source: Value | None = None
    call: Call | None = None
    index: tuple[int, ...] = ()
    live: Tensor | None = None
    writes: int = 0
    seen: int = 0
    lost: bool = False

    @property
    def first(self) -> Cell:
        """The tensor that is a view of no other."""
        return self.viewed.first if self.viewed else self


#: Records a call that the network did not make itself, and gives the value that comes out for a cell.
Emit = Callable[[str, tuple[Any, ...], dict[str, Any], Cell], Value]


class Memory:
    """The cells of all tensors that a network saw."""

    def __init__(self, emit: Emit) -> None:
        self.emit = emit
        self.cells: dict[int, Cell] = {}
        self.by_memory: dict[int, list[Cell]] = {}

    def find(self, tensor: Tensor) -> Cell | None:
        """The cell of `tensor`."""
        cell = self.cells.get(id(tensor))
        return cell if cell is not None and cell.tensor() is tensor else None

    def bind(self, tensor: Tensor, value: Value, call: Call | None = None, given: Any = None) -> None:
        """`tensor` is new and holds `value`; it may be a view of a tensor in `given`, the arguments of `call`."""
        place = memory_of(tensor)
        viewed = next((self.find(other) for other in tensors_in(given) if memory_of(other) == place), None)
        cell = Cell(weakref.ref(tensor), value, live=value.data)
        if viewed and call:
            cell.viewed, cell.source, cell.call, cell.index = viewed, viewed.value, call, value.index
        cell.seen = cell.first.writes
        self.cells[id(tensor)] = cell
        self.by_memory.setdefault(place, []).append(cell)

    def current(self, cell: Cell) -> Value:
        """What a tensor holds now: where another view was written into since, the view made once more."""
        if cell.seen != cell.first.writes and cell.viewed and cell.call:
            above = self.current(cell.viewed)
            args, kwargs = (_with(given, cell.source, above) for given in (cell.call.args, cell.call.kwargs))
            cell.value = self.emit(cell.call.name, args, kwargs, cell)
            cell.source, cell.seen = above, cell.first.writes
        return cell.value

    def keep_constants(self, structure: Any) -> None:
        """Before a write: constants over the same memory keep the numbers that they have now."""
        for cell in self._sharing(structure):
            if cell.value.data is not None:
                cell.value.data = cell.value.data.clone()

    def _sharing(self, structure: Any) -> Iterator[Cell]:
        for place in {memory_of(tensor) for tensor in tensors_in(structure)}:
            yield from self.by_memory.get(place, ())

    def write(self, tensor: Tensor, value: Value) -> None:
        """`tensor` was written into, and holds `value` now: so do those that it is a view of."""
        cell = self.find(tensor)
        if cell is None:
            self.bind(tensor, value)
            return
        first = cell.first
        first.writes += 1
        for other in self._sharing(tensor):
            other.lost |= other.first is not first
        cell.value, cell.seen, cell.live = value, first.writes, value.data
        while cell.viewed and cell.call:
            above, call = cell.viewed, cell.call
            args = (above.value, cell.value, call.plain_name, cell.index, call.args, call.kwargs)
            above.value = self.emit("write", args, {}, above)
            above.seen, above.live = first.writes, above.value.data
            cell = above


def _with(structure: Any, old: Value | None, new: Value) -> Any:
    """`structure` with `new` in place of `old`."""
    if structure is old:
        return new
    if isinstance(structure, dict):
        return {key: _with(item, old, new) for key, item in structure.items()}
    if isinstance(structure, tuple | list):
        return type(structure)(_with(item, old, new) for item in structure)
    return structure


def memory_of(tensor: Tensor) -> int:
    """Where its numbers are."""
    try:
        return tensor.untyped_storage().data_ptr() or id(tensor)
    except (RuntimeError, NotImplementedError):
        return id(tensor)
