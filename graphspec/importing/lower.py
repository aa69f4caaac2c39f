"""Recorded calls as lines of a spec: a layer, one row of :mod:`graphspec.importing.functions`, or a way of its own."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

from torch import nn

from graphspec.importing.drop_path import drawn
from graphspec.importing.forward_pass import Value, values_in
from graphspec.importing.functions import FUNCTIONS, RESHAPES, SAME, WEIGHTED
from graphspec.importing.leaves import constructor, leaf_type, parametrized
from graphspec.importing.owned import layer_of, owned
from graphspec.importing.pair import Pair
from graphspec.importing.spec_lines import Lines, NotInVocabulary
from graphspec.importing.special import SPECIAL
from graphspec.importing.step import Step
from graphspec.importing.tables import is_held
from graphspec.ops import UnknownOp, lookup


class Lowering(Lines):
    """Lowers those calls of one network on which `result` depends."""

    def __init__(self, model: nn.Module, pairs: Sequence[Pair], result: Any, layout: bool = False) -> None:
        super().__init__()
        self.layout = layout  # whether it is said where numbers are put in order in memory
        self.modules = dict(model.named_modules(remove_duplicate=False))
        for pair in pairs:
            self.second.update(zip(pair.first.outputs, pair.second.outputs, strict=True))
        self.result = result
        self.pairs = _needed(pairs, result)
        self.owned = owned(self.modules, self.pairs)

    def steps(self) -> list[Step]:
        """Every line, in execution order.

        Raises:
            NotInVocabulary: with the names of all functions that the vocabulary lacks.
        """
        found: list[Step] = []
        for pair in self.pairs:
            try:
                steps = list(self._call(pair))
                found += steps
                self._call_as_source(pair, steps)
            except NotInVocabulary as error:
                if not (pair.constant and all(value.data is not None for value in pair.first.outputs)):
                    self.lacking[str(error)] += 1
        if self.lacking:
            raise NotInVocabulary("; ".join(self.lacking), "graphspec ops lists what a spec can say")
        return self._used(found)

    def _call_as_source(self, pair: Pair, steps: Sequence[Step]) -> None:
        """Note what the source calls the result, which may be what an earlier line gives."""
        call = pair.first
        if not call.variable or len(call.outputs) != 1:
            return
        step = steps[-1] if steps else self.made.get(self.value(call.outputs[0]))
        if step is not None and step.frame is call.frame and not step.path:
            step.variable = call.variable

    def _used(self, steps: Sequence[Step]) -> list[Step]:
        """The steps on which the result depends."""
        wanted = {self.value(value) for value in values_in(self.result)}
        kept = []
        for step in reversed(steps):
            if any(value in wanted for _, value in step.outputs):
                kept.append(step)
                wanted |= {self.value(value) for value in values_in(step.sources)}
        taken = set()
        for step in kept:  # a variable is the last that it was made
            key = step.frame, step.variable
            step.variable = "" if key in taken else step.variable
            taken.add(key)
        return kept[::-1]

    def _call(self, pair: Pair) -> Iterator[Step]:
        call = pair.first
        name = call.plain_name
        special = SPECIAL.get(name)
        if call.module is not None:
            yield self._layer(pair)
        elif call in self.owned:
            path = self.owned[call]
            yield layer_of(self, pair, path, self.modules[path])
        elif any(value in self.noise for value in call.inputs()):
            yield from drawn(self, pair)
        elif special:
            yield from special(self, pair)
        elif name in SAME and not (self.layout and name == "contiguous"):
            self.alias(pair)
        elif name in RESHAPES:
            yield self.reshape(pair)
        elif name in FUNCTIONS:
            yield self.function(pair, *FUNCTIONS[name])
        elif _is_function(name):
            yield self.function(pair, name, WEIGHTED[name][1] if name in WEIGHTED else ())
        else:
            raise self.lacks(pair)

    def _is_zero(self, value: Value) -> bool:
        made = self.made.get(self.value(value))
        return made is not None and made.type in ("zeros", "zeros_like", "new_zeros")

    def _layer(self, pair: Pair) -> Step:
        """The call of a module that is a layer."""
        call = pair.first
        module = call.module
        assert module
        op = leaf_type(module)
        assert op
        args, kwargs = pair.args()
        given = inspect.signature(module.forward).bind(*args, **kwargs).arguments
        sources = {name: value for name, value in given.items() if any(True for _ in values_in(value))}
        options = {name: value for name, value in given.items() if name not in sources and name in op.options}
        ports = [port.name for port in op.ports]
        if op.name in _RECURRENT and "hx" in sources and all(map(self._is_zero, values_in(sources["hx"]))):
            del sources["hx"]  # zeros are what it starts from
        if any(name not in ports for name in sources):  # a forward with names of its own
            sources = dict(zip(ports, sources.values(), strict=False))
        stateful = any(True for _ in (*module.parameters(), *module.buffers()))
        return self.step(
            pair,
            op.name,
            sources,
            constructor(op, module) | options,
            path=call.path,
            stateful=stateful,
            parametrize=parametrized(module),
        )


#: Layers whose first state is zeros where none is given.
_RECURRENT = frozenset(["RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"])


def _is_function(name: str) -> bool:
    """Whether the vocabulary has the function under torch's own name, with torch's own parameters."""
    try:
        return lookup(name).is_function
    except UnknownOp:
        return False


def _needed(pairs: Sequence[Pair], result: Any) -> list[Pair]:
    """The calls on which `result` depends, but for those whose numbers are held."""
    wanted = set(values_in(result))
    kept = []
    for pair in reversed(pairs):
        outputs = [value for value in pair.first.outputs if value in wanted]
        if outputs and not (pair.constant and all(is_held(value.data) for value in outputs)):
            kept.append(pair)
            wanted.update(pair.first.inputs())
    return kept[::-1]
