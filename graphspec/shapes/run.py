"""The shapes that come out of a layer, by running it on tensors without data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphspec.ops import Op
from graphspec.shapes import numbers, on_cpu, recurrent, resized, stored
from graphspec.shapes.atoms import Atoms, atoms_of, is_product
from graphspec.shapes.call import FrozenDim, Refused, Run, Types
from graphspec.shapes.conditions import Ranges
from graphspec.shapes.dims import SizeExpr
from graphspec.shapes.evaluate import Unreadable
from graphspec.shapes.outcomes import Outcome, settle
from graphspec.shapes.shaped import TensorType, ValueRef
from graphspec.shapes.unbranched import batch_of, is_unbranched

#: Open dims of one tensor of a layer that is followed along its branches: torch writes out products of all of them, and
#: takes minutes for more.
MOST_OPEN = 6
#: Types of which no value equals one of another.
_AS_THEY_ARE = frozenset([int, str, type(None)])


class Runner:
    """Runs layers, and remembers what it found for layers of one kind on inputs of one form."""

    def __init__(self) -> None:
        self._runs: dict[Any, Run | None] = {}
        self._paths: dict[Any, Any] = {}

    def run(
        self,
        op: Op,
        arguments: Mapping[str, Any],
        operands: Mapping[str, Any],
        types: Types,
        ranges: Ranges,
        equal: Sequence[Any] = (),
    ) -> tuple[Run, Ranges]:
        """What the layer gives for every size within `ranges`, and the part of `ranges` for which it does, and for
        which the equations `equal` hold.

        `operands` hold ValueRefs, whose types are in `types`, and constants. A layer without branches is run on
        numbers, which is fast; any other, and one that refuses the numbers, on symbols, along all its branches.

        Raises:
            FrozenDim: a dynamic dim would have to be a number.
            Refused: torch objects to the arguments or shapes, for all sizes or for some.
            WrongDtype: torch objects to the dtypes.
        """
        try:
            run, within = self._run(op, arguments, operands, types, ranges, equal)
        except OverflowError as error:  # of numpy, in which formulas are computed
            raise Refused("a number in its sizes is 2**63 or more", "choose smaller sizes") from error
        if on_cpu.is_needed(op, operands, types):
            on_cpu.check(op, arguments, operands, types, run, within)
        stored.check(arguments, operands, run)
        return run, within

    def _run(
        self,
        op: Op,
        arguments: Mapping[str, Any],
        operands: Mapping[str, Any],
        types: Types,
        ranges: Ranges,
        equal: Sequence[Any],
    ) -> tuple[Run, Ranges]:
        if recurrent.is_recurrent(op):
            return recurrent.run(op, arguments, operands, types), ranges
        atoms = atoms_of(operands, types)
        key = signature(op, arguments, atoms.operands, atoms.types)
        if key not in self._runs:
            self._runs[key] = self._without_branches(op, arguments, atoms)
        found = self._runs[key]
        if found and all(is_product(dim) for kind in found.outputs.values() for dim in kind.shape):
            return atoms.in_real(found), ranges
        try:
            if found:
                symbols = frozenset(free for real in atoms.real.values() for free in real.free_symbols)
                outcomes = [Outcome((), atoms.in_real(found), symbols=symbols)]
            else:
                outcomes = self._along_branches(key, op, arguments, atoms, ranges)
            return settle(outcomes, ranges, equal)
        except Unreadable as error:
            raise Refused(f"its sizes depend on a branch by {error}, which is no formula of whole numbers") from error
        except FrozenDim:  # a branch asks for a number, though what comes out may follow from the sizes all the same
            return self._tried(op, arguments, atoms), ranges

    def _tried(self, op: Op, arguments: Mapping[str, Any], atoms: Atoms) -> Run:
        try:
            return atoms.in_real(numbers.tried(op, arguments, atoms.operands, atoms.types, [*atoms.real]))
        except Refused as error:
            raise Refused(atoms.readable(str(error))) from error

    def _without_branches(self, op: Op, arguments: Mapping[str, Any], atoms: Atoms) -> Run | None:
        """None where the layer has to be run along its branches."""
        try:
            if atoms.real and resized.is_resizing(op):
                return resized.run(op, arguments, atoms)
            if not is_unbranched(op, arguments, atoms.operands, atoms.types):
                return None
            return numbers.run(op, arguments, atoms.operands, atoms.types, [*atoms.real])
        except (FrozenDim, Refused):
            if not atoms.real:
                raise
            return None

    def _along_branches(
        self, key: Any, op: Op, arguments: Mapping[str, Any], atoms: Atoms, ranges: Ranges
    ) -> list[Outcome]:
        widest = max((len(_symbols(kind)) for kind in atoms.types.values()), default=0)
        if widest > MOST_OPEN:
            message = f"the sizes of its input depend on {widest} open dims, more than {MOST_OPEN}"
            raise Refused(message, "give some of them numbers")
        # imported here: torch's symbolic shapes cost a second, which most networks can spare
        from graphspec.shapes import paths

        layer = self._paths.setdefault(key, paths.Layer(op, arguments, atoms, batch_of(op, atoms.types)))
        return paths.follow(layer, atoms, ranges)


def _symbols(kind: TensorType) -> set[Any]:
    return {name for dim in kind.shape if not isinstance(dim, int) for name in dim.free_symbols}


def signature(op: Op, arguments: Mapping[str, Any], operands: Mapping[str, Any], types: Types) -> Any:
    """What two calls have in common that give the same: the values by number, not by name."""
    order = {ref: number for number, ref in enumerate(types)}
    return op.name, tuple(op.values), _spelled(arguments, order), _spelled(operands, order), tuple(types.values())


def _spelled(value: Any, order: Mapping[ValueRef, int]) -> Any:
    """`value` as a key: what differs in type differs, and a size may be compared."""
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is ValueRef:
        return ("value", order[value])
    if kind is bool or kind is float:
        return (kind.__name__, value)
    if kind is SizeExpr:
        return ("size", value.dim)
    if kind is dict or isinstance(value, Mapping):
        return tuple([
            (key, item if type(item) in _AS_THEY_ARE else _spelled(item, order)) for key, item in value.items()
        ])  # fmt: skip
    if isinstance(value, list | tuple):
        return tuple([_spelled(item, order) for item in value])
    return value
