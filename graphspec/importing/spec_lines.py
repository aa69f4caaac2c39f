"""What every way of writing a call shares: values that stand for others, and one line of the spec to be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch

from graphspec.importing.bound import (
    bound,
    has_open,
    inferred_arguments,
    is_default,
    is_nothing,
    number,
    short,
    without_value,
)
from graphspec.importing.forward_pass import NotRecorded, Value, values_in
from graphspec.importing.functions import parameters_of
from graphspec.importing.pair import Pair, dynamic
from graphspec.importing.step import Step
from graphspec.ops import Op, UnknownOp, lookup


class NotInVocabulary(NotRecorded):
    """The vocabulary lacks a function."""


class Lines:
    """Writes calls as lines; `stands_for` says which value a value is the same as."""

    def __init__(self) -> None:
        self.second: dict[Value, Value] = {}  # the same values in the other recording
        self.stands_for: dict[Value, Value] = {}
        self.noise: dict[Value, Any] = {}  # values that are random, see :mod:`graphspec.importing.drop_path`
        self.made: dict[Value, Step] = {}
        self.lacking: Counter[str] = Counter()

    def value(self, value: Value) -> Value:
        """The value that holds these numbers first."""
        while value in self.stands_for:
            value = self.stands_for[value]
        return value

    def shapes(self, value: Value) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Its shape in both recordings: a size of 1 in one of them may be the batch."""
        value = self.value(value)
        return value.shape, self.second.get(value, value).shape

    def lacks(self, pair: Pair, what: str = "") -> NotInVocabulary:
        """The error that says so of a call, or of `what` in it."""
        return NotInVocabulary(f"the vocabulary has no {what or pair.first.plain_name} (in {pair.where})")

    def alias(self, pair: Pair, value: Value | None = None) -> None:
        """What came out is `value`, or else the first that went in."""
        for output in pair.first.outputs:
            self.stands_for[output] = value or next(pair.first.inputs())

    def bound(self, pair: Pair, parameters: Sequence[str]) -> dict[str, Any]:
        """The call's arguments by the table's names."""
        return bound(pair, parameters, lambda what: self.lacks(pair, what))

    def inner(self, pair: Pair, like: Value, shape: Sequence[int] | None = None) -> Value:
        """A value between two lines of one call, of the dtype and, unless said otherwise, of the shape of `like`."""
        return Value(tuple(like.shape if shape is None else shape), like.dtype, pair.first, (), "call")

    def step(
        self, pair: Pair, kind: str, sources: Mapping[str, Any], args: Mapping[str, Any] | None = None,
        outputs: Sequence[tuple[str, Value]] | None = None, **more: Any,
    ) -> Step:  # fmt: skip
        """A line in the scope of the call, with what came out under the vocabulary's names."""
        op = self.op(pair, kind)
        if outputs is None:
            outputs = [(selector(op, value.index), value) for value in pair.first.outputs]
        kept = {name: value for name, value in (args or {}).items() if not is_default(op, name, value)}
        for name, value in kept.items():
            if has_open(value):
                raise NotRecorded(
                    f"{pair.where}: {name} of {pair.first.plain_name} is another number at another size, "
                    "and it is not computed from sizes"
                )
        shapes = {port: self.value(v).shape for port, v in sources.items() if isinstance(v, Value) and v.shape}
        if shapes:
            guess = inferred_arguments(op, shapes)
            kept = {name: value for name, value in kept.items() if name not in guess or not _equal(guess[name], value)}
        step = Step(kind, pair.first.frame, dict(sources), kept, list(outputs), call=pair.first, **more)
        self.made.update((value, step) for _, value in outputs)
        return step

    def op(self, pair: Pair, kind: str) -> Op:
        """The vocabulary's entry, or the error."""
        try:
            return lookup(kind)
        except UnknownOp:
            raise self.lacks(pair, kind) from None

    def function(self, pair: Pair, kind: str, parameters: Sequence[str] = ()) -> Step:
        """The call of a function that the vocabulary has, by the names of its parameters."""
        return self.function_of(pair, kind, self.bound(pair, parameters or parameters_of(self.op(pair, kind))))

    def function_of(self, pair: Pair, kind: str, given: Mapping[str, Any]) -> Step:
        """A function of the vocabulary of values and arguments by name."""
        op = self.op(pair, kind)
        sources, args = self.sorted(pair, op, {name: _tensor(op, name, value) for name, value in given.items()})
        missing = [port.name for port in op.ports if port.required and port.name not in sources]
        if missing and not (op.scalar and missing == [op.scalar[0]] and missing[0] in args):
            raise self.lacks(pair, f"{pair.first.plain_name} of a number")
        if op.broadcasts and not args.keys() & {"other"}:
            first, *others = sources.values()
            if any(self.shapes(other) != self.shapes(first) for other in others):
                args["broadcast"] = True
        if "dim" in op.options and op.options["dim"].required and "dim" not in args:
            args["dim"] = list(range(len(sources["input"].shape)))
            if op.options["dim"].annotation is int:
                raise self.lacks(pair, f"{kind} over all dims")
        return self.step(pair, kind, sources, args)

    def sorted(self, pair: Pair, op: Op, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """What goes in as values, and what is said as arguments."""
        ports = {port.name: port for port in op.ports}
        sources: dict[str, Any] = {}
        args: dict[str, Any] = {}
        for name, value in given.items():
            if value is None:
                continue
            if name in ports and any(True for _ in values_in(value)):
                plain = number(value) if op.scalar and op.scalar[0] == name else None
                if plain is None:
                    sources[name] = value
                else:
                    args[name] = plain
            elif name in op.arguments or name in op.options or (op.scalar and name == op.scalar[0]):
                args[name] = short(name, without_value(name, value, lambda: self.lacks(pair)))
            elif not is_nothing(name, value):
                raise self.lacks(pair, f"{pair.first.plain_name} with {name} = {value}")
        return sources, args

    def reshape(self, pair: Pair, source: Value | None = None) -> Step:
        """The shape that came out; a dim that follows from the others is -1."""
        value, second = pair.first.outputs[0], pair.second.outputs[0]
        source = source or next(pair.first.inputs())
        open_dims = [n for n, is_dynamic in enumerate(dynamic(value, second)) if is_dynamic]
        shape: list[Any] = list(value.shape)
        if len(open_dims) == 1:
            shape[open_dims[0]] = -1
        elif len(open_dims) > 1:
            args, kwargs = pair.args()
            given = kwargs.get("shape", kwargs.get("size", args[1:]))
            given = list(given[0]) if len(given) == 1 and isinstance(given[0], tuple | list) else list(given)
            if len(given) != len(shape):
                raise NotRecorded(f"{pair.first.frame.path}: a reshape to several sizes that are not known")
            for dim in open_dims:
                shape[dim] = given[dim]
        return self.step(pair, "reshape", {"input": source}, {"shape": shape})


#: How a function of its own kind is written.
Special = Callable[[Lines, Pair], Iterator[Step]]


def selector(op: Op, index: tuple[int, ...]) -> str:
    """How a spec names one value of a layer."""
    if not index or index == next(iter(op.values.values()), None):
        return ""
    return next((name for name, path in op.values.items() if path == index), ".".join(map(str, index)))


def _tensor(op: Op, name: str, value: Any) -> Any:
    """A number where the vocabulary takes a value alone, as a constant."""
    takes = any(port.name == name and port.required for port in op.ports) and not (op.scalar and op.scalar[0] == name)
    if not takes or not isinstance(value, bool | int | float):
        return value
    data = torch.tensor(value)
    return Value((), data.dtype, data=data)


def _equal(a: Any, b: Any) -> bool:
    return a == b or (isinstance(a, list) and a == [b])
