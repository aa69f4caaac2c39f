"""The whole numbers that a network makes itself, as positions, counts and masks, and the tables whose rows they choose.

A table of 64 rows that positions 0 … T − 1 choose from works for T ≤ 64, which no shape says.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import sympy
import torch

from graphspec.shapes.bounds import SOMEWHERE, Bound, Bounds, either, fits, is_natural, number
from graphspec.shapes.dims import SizeExpr, dim_text, tidy
from graphspec.shapes.shaped import ShapedGraph, ShapedLayer, TensorType, ValueRef

_COMPARISONS = frozenset("eq ne lt le gt ge".split())
_Rows = Callable[[Mapping[str, Any], Mapping[ValueRef, TensorType]], Any]


def _along_dim(given: Mapping[str, Any], types: Mapping[ValueRef, TensorType]) -> Any:
    return types[given["input"]].shape[given["dim"]]


#: Where indices go in, and how many rows there are to choose from.
_INDEXED: Mapping[str, tuple[str, _Rows]] = {
    **dict.fromkeys(("Embedding", "EmbeddingBag"), ("input", lambda given, _: given["num_embeddings"])),
    "embedding": ("input", lambda given, types: types[given["weight"]].shape[0]),
    "one_hot": ("input", lambda given, _: given["num_classes"]),
    "take_along_dim": ("indices", _along_dim),
    **dict.fromkeys(
        "index_select gather scatter scatter_add scatter_reduce index_add index_copy".split(), ("index", _along_dim)
    ),
}


def tables_of_inputs(shaped: ShapedGraph) -> Iterator[tuple[str, ShapedLayer, int]]:
    """The inputs that choose rows of a table: the input, the layer that it goes into as it is, and how many rows."""
    for layer in shaped.layers:
        port, rows_of = _INDEXED.get(layer.type, ("", None))
        given = {**layer.arguments, **layer.operands}
        ids = given.get(port)
        if rows_of is None or not isinstance(ids, ValueRef) or ids.layer not in shaped.inputs:
            continue
        types = {ref: shaped.type_of(ref) for ref in given.values() if isinstance(ref, ValueRef)}
        rows = rows_of(given, types)
        if isinstance(rows, int):
            yield ids.layer, layer, rows


class Known:
    """The bounds of values, as far as they are known: of whole numbers that no input gives, and of bools."""

    def __init__(self, inputs: Mapping[str, TensorType]) -> None:
        self._of: dict[ValueRef, Bounds] = {
            ValueRef(name): either(name) for name, kind in inputs.items() if kind.dtype == torch.bool
        }
        self._inputs = inputs

    def add(self, layer: ShapedLayer, types: Mapping[ValueRef, TensorType]) -> None:
        """Note what is known of the values that `layer` gives."""
        kind = layer.outputs.get(())
        if kind is None or kind.dtype.is_floating_point or kind.dtype.is_complex:
            return
        found = self._found(layer, kind, types)
        if found is not None and (kind.dtype == torch.bool or fits(found, kind.dtype)):
            self._of[ValueRef(layer.name)] = found

    def _found(self, layer: ShapedLayer, kind: TensorType, types: Mapping[ValueRef, TensorType]) -> Bounds | None:
        if rule := _RULES.get(layer.type):
            return rule(_Call(layer, kind, types, self._of))
        if kind.dtype != torch.bool:
            return None
        value, other = layer.operands.get("input"), layer.operands.get("other", layer.arguments.get("other"))
        if (
            layer.type in _COMPARISONS
            and isinstance(value, ValueRef)
            and _divides(self._inputs.get(value.layer), other)
        ):
            return either(value.layer, layer.name)
        return either("").uncertain

    def asks(self, name: str) -> bool:
        """Whether :meth:`needed` goes by more than the types of what a layer is given."""
        return name in _INDEXED

    def needed(
        self, name: str, operands: Mapping[str, Any], types: Mapping[ValueRef, TensorType]
    ) -> Iterator[tuple[Any, str]]:
        """What has to hold of the sizes so that the indices given to a layer are rows of its table, and what to say
        where it does not."""
        port, rows_of = _INDEXED.get(name, ("", None))
        ids = self._of.get(operands[port]) if port else None
        if ids is None or rows_of is None:
            return
        rows = rows_of(operands, types)
        rows = rows.dim if isinstance(rows, SizeExpr) else rows
        if ids.greatest.met is not None:
            said = f"its indices go up to {dim_text(tidy(ids.greatest.size))}, the last row is {dim_text(rows - 1)}"
            yield sympy.Le(ids.greatest.size, rows - 1), said
        if ids.least.met is not None:
            yield sympy.Ge(ids.least.size, 0), f"its indices begin at {dim_text(tidy(ids.least.size))}"


def _divides(kind: TensorType | None, number: Any) -> bool:
    """Whether an input of `kind` can have values on either side of `number`, and on it."""
    if kind is None or isinstance(number, bool) or not isinstance(number, int) or kind.dtype == torch.bool:
        return False
    limits = torch.finfo(torch.float16) if kind.dtype.is_floating_point else torch.iinfo(kind.dtype)
    return limits.min < number < limits.max


@dataclasses.dataclass(frozen=True, slots=True)
class _Call:
    """A layer whose values are asked for, and what is known of those that it is given."""

    layer: ShapedLayer
    kind: TensorType
    types: Mapping[ValueRef, TensorType]
    known: Mapping[ValueRef, Bounds]

    def given(self, port: str) -> Any:
        given = {**self.layer.arguments, **self.layer.operands}
        parameter = self.layer.op.options.get(port)
        return given.get(port, parameter and parameter.default)

    def bounds(self, port: str = "input") -> Bounds | None:
        value = self.given(port)
        return self.known.get(value) if isinstance(value, ValueRef) else number(value)

    def rank(self, port: str = "input") -> int:
        return len(self.types[self.given(port)].shape)

    def size(self, argument: str) -> Any:
        """How many values there are along the dim, or the dims, that an argument names; along all without it."""
        dims, shape = self.given(argument), self.types[self.given("input")].shape
        chosen = range(len(shape)) if dims is None else dims if isinstance(dims, list | tuple) else [dims]
        return sympy.prod([shape[dim] for dim in chosen])


def _combined(by: Callable[[Bounds, Bounds], Bounds | None]) -> Callable[[_Call], Bounds | None]:
    def rule(call: _Call) -> Bounds | None:
        one, two = call.bounds("input"), call.bounds("other")
        return by(one, two) if one and two and call.given("alpha") in (None, 1) else None

    return rule


def _kept(call: _Call) -> Bounds | None:
    return call.bounds()


def _to(call: _Call) -> Bounds | None:
    """Numbers as others, where they fit."""
    bounds = call.bounds()
    if bounds is None or call.kind.dtype not in (torch.int64, torch.int32, torch.bool):
        return None
    numbers = call.kind.dtype == torch.bool and call.types[call.given("input")].dtype != torch.bool
    return either("").uncertain if numbers else bounds


def _unsqueezed(call: _Call) -> Bounds | None:
    bounds, place = call.bounds(), call.given("dim")
    behind = place - call.rank() - 1 if place >= 0 else place  # the new dim, from behind
    return bounds and bounds.moved(lambda dim: dim - 1 if dim <= behind else dim)


def _squeezed(call: _Call) -> Bounds | None:
    bounds, place = call.bounds(), call.given("dim")
    if bounds is None or not isinstance(place, int):
        return None
    gone = place - call.rank() if place >= 0 else place
    shape = call.types[call.given("input")].shape
    if shape[gone] != 1:
        return bounds
    return bounds.moved(lambda dim: dim + 1 if dim < gone else dim)


def _exchanged(call: _Call) -> Bounds | None:
    bounds, rank = call.bounds(), call.rank()
    first, second = (place - rank if place >= 0 else place for place in (call.given("dim0"), call.given("dim1")))
    return bounds and bounds.moved(lambda dim: {first: second, second: first}.get(dim, dim))


def _permuted(call: _Call) -> Bounds | None:
    bounds, rank = call.bounds(), call.rank()
    order = [place % rank for place in call.given("dims")]
    return bounds and bounds.moved(lambda dim: order.index(dim % rank) - rank)


def _reshaped(call: _Call) -> Bounds | None:
    """The same values; where along which dim is no longer known."""
    bounds = call.bounds()
    return bounds and bounds.moved(lambda _: SOMEWHERE, call.layer.name)


def _reordered(call: _Call) -> Bounds | None:
    bounds = call.bounds()
    return bounds and bounds.moved(lambda dim: dim, call.layer.name)


def _some(call: _Call) -> Bounds | None:
    bounds = call.bounds()
    return bounds and bounds.uncertain


def _arange(call: _Call) -> Bounds | None:
    end = number(call.given("end"))
    if end is None or call.given("start") not in (None, 0) or call.given("step") not in (None, 1):
        return None
    least, greatest = (frozenset([(-1, which)]) for which in ("first", "last"))
    return Bounds(Bound(sympy.S.Zero, least), Bound(end.greatest.size - 1, greatest))


def _all_alike(bounds: Bounds) -> bool:
    """Whether all values are at once what the bounds are, none of them below 0."""
    return is_natural(bounds) and not any(isinstance(of, int) for of, _ in bounds.greatest.met or ())


def _counted(call: _Call) -> Bounds | None:
    """A running sum: the last is the sum of all."""
    bounds = call.bounds()
    if bounds is None or not _all_alike(bounds):
        return None
    dim, greatest = call.given("dim"), bounds.greatest
    place = dim - call.rank() if dim >= 0 else dim
    met = None if greatest.met is None else greatest.met | {(place, "last")}
    return Bounds(bounds.least, Bound(greatest.size * call.size("dim"), met))


def _summed(call: _Call) -> Bounds | None:
    bounds = call.bounds()
    if bounds is None or not _all_alike(bounds):
        return None
    return Bounds(
        *(dataclasses.replace(end, size=end.size * call.size("dim")) for end in (bounds.least, bounds.greatest))
    )


def _index(call: _Call) -> Bounds | None:
    """Where the greatest or the least stands along a dim."""
    return Bounds(Bound(sympy.S.Zero, None), Bound(sympy.sympify(call.size("dim")) - 1, None))


def _held(call: _Call) -> Bounds | None:
    bounds, low, high = call.bounds(), call.given("min"), call.given("max")
    whole = all(value is None or (isinstance(value, int) and not isinstance(value, bool)) for value in (low, high))
    return bounds.between(low, high) if bounds and whole else None


def _constant(call: _Call) -> Bounds | None:
    data = call.given("data")
    numbers = [*_flat(data)] if data is not None else []
    if not numbers or call.layer.init or not all(isinstance(number, int) for number in numbers):
        return None
    found = Bounds(Bound(sympy.Integer(min(numbers))), Bound(sympy.Integer(max(numbers))))
    return found if len({*numbers}) == 1 else found.uncertain


def _flat(data: Any) -> Iterator[Any]:
    if isinstance(data, list | tuple):
        yield from itertools.chain.from_iterable(map(_flat, data))
    else:
        yield data


_RULES: Mapping[str, Callable[[_Call], Bounds | None]] = {
    "arange": _arange,
    "Buffer": _constant,
    "add": _combined(Bounds.plus),
    "sub": _combined(lambda one, two: one.plus(two.turned())),
    "mul": _combined(Bounds.times),
    "neg": lambda call: (bounds := call.bounds()) and bounds.turned(),
    "clamp": _held,
    "cumsum": _counted,
    "sum": _summed,
    "argmax": _index,
    "argmin": _index,
    "to": _to,
    "unsqueeze": _unsqueezed,
    "squeeze": _squeezed,
    "transpose": _exchanged,
    "permute": _permuted,
    **dict.fromkeys(("expand", "expand_as", "Identity"), _kept),
    **dict.fromkeys(("flip", "roll"), _reordered),
    **dict.fromkeys(("reshape", "flatten", "Flatten", "Unflatten"), _reshaped),
    **dict.fromkeys(("slice", "narrow", "select", "index_select"), _some),
}
