"""The reference for every case, and the judgement of what a runtime gave for it."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import fx

from graphspec.exporting.capture import eval_copy
from graphspec.exporting.reference import Answer, Arrays, Reference, as_array, as_float64, in_float64, noise
from graphspec.exporting.tolerance import allowed_error, error
from graphspec.shapes.shaped import ShapedGraph
from graphspec.verifying.inputs import Case
from graphspec.verifying.report import Comparison
from graphspec.verifying.rule import Judgement, Status, judge

#: How wrong the weights are in the network that an output must be able to tell from the right one.
DAMAGE = 1e-3
#: Why an output is inconclusive in every case.
SAME = "the same for every input"
#: Half a unit in the last place of float32, relative; and what 64 such errors of one sign come to. On zeros
#: a map is constant, all its roundings have one sign, and a mean does not cancel them as it cancels random ones.
HALF_ULP = 2.0**-24
ONE_SIDED = 2.0**-18


@dataclasses.dataclass(frozen=True, slots=True)
class Truth:
    """A case with its answers: of the module in both precisions, and of two variants of it in float64.

    ``damaged`` has slightly wrong weights; ``rounded`` has each layer's values rounded as float32 might have them.
    """

    case: Case
    answer: Answer
    damaged: Arrays
    rounded: Arrays


class Oracle:
    """Answers cases with the module itself."""

    def __init__(self, module: torch.nn.Module, shaped: ShapedGraph) -> None:
        self.reference = Reference(module, list(shaped.outputs))
        self._damaged = eval_copy(self.reference.double)
        self._has_weights = _damage(self._damaged)

    def answer(self, case: Case) -> Truth:
        """The truth about `case`."""
        inputs = list(map(as_float64, case.inputs.values()))
        if not self._has_weights:
            inputs = [value * (1 + DAMAGE) if value.is_floating_point() else value for value in inputs]
        with torch.no_grad(), in_float64():
            damaged = self._by_name(self._damaged(*inputs))
            rounding = Rounded(self.reference.double, ONE_SIDED if case.family == "zeros" else HALF_ULP)
            rounded = self._by_name(rounding.run(*map(as_float64, case.inputs.values())))
        return Truth(case, self.reference(case.inputs), damaged, rounded)

    def _by_name(self, result: torch.Tensor | Mapping[str, torch.Tensor]) -> Arrays:
        names = self.reference.output_names
        table = {names[0]: result} if isinstance(result, torch.Tensor) else result
        return {name: as_array(table[name]) for name in names}

    def is_deterministic(self, case: Case) -> bool:
        """Whether the module gives the same answer twice."""
        first, second = self.reference(case.inputs).single, self.reference(case.inputs).single
        return all(first[name].tobytes() == second[name].tobytes() for name in first)


class Rounded(fx.Interpreter):
    """Runs the module with every layer's values off by up to `share` of themselves.

    The float32 module's own error can be nothing by luck where another order of summation shows plenty: an
    InstanceNorm of a constant map divides rounding by the root of its epsilon.
    """

    def __init__(self, module: torch.nn.Module, share: float) -> None:
        super().__init__(module)
        self._share = share
        self._generator = torch.Generator().manual_seed(0)

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if not self._share or n.op != "call_module" or not isinstance(value, torch.Tensor):
            return value
        if not value.is_floating_point():
            return value
        spread = torch.rand(value.shape, generator=self._generator, dtype=value.dtype) * 2 - 1
        return value * (1 + self._share * spread)


def _damage(module: torch.nn.Module) -> bool:
    """Change every floating-point weight by a random share of up to `DAMAGE`; whether there was any."""
    generator = torch.Generator().manual_seed(0)
    weights = [tensor for tensor in module.parameters() if tensor.is_floating_point()]
    for tensor in weights:
        share = torch.rand(tensor.shape, generator=generator, dtype=torch.float64) * 2 - 1
        tensor.data.mul_(1 + DAMAGE * share.to(tensor.dtype))
    return bool(weights)


def family_noise(truths: Sequence[Truth]) -> dict[tuple[str, str], float]:
    """The error that rounding makes by (family, output): the greatest of a family, for one may be small by luck."""
    found: dict[tuple[str, str], float] = defaultdict(float)
    for truth in truths:
        for name in truth.answer.single:
            key = truth.case.family, name
            rounding = error(truth.rounded[name], truth.answer.double[name])
            found[key] = max(found[key], noise(truth.answer, name), rounding)
    return dict(found)


def unmoved(truths: Sequence[Truth], own: Mapping[tuple[str, str], float]) -> set[str]:
    """The outputs that are the same, but for rounding, for all different inputs of one size."""
    moved: set[str] = set()
    seen: dict[tuple[str, tuple[int, ...]], Truth] = {}
    compared: set[str] = set()
    for truth in truths:
        for name, value in truth.answer.double.items():
            first = seen.setdefault((name, value.shape), truth)
            if _inputs(first) == _inputs(truth):
                continue
            compared.add(name)
            floating = np.issubdtype(value.dtype, np.floating)
            allowed = allowed_error(value, own[truth.case.family, name]) if floating else 0.0
            if error(first.answer.double[name], value) > allowed:
                moved.add(name)
    return compared - moved


def _inputs(truth: Truth) -> list[bytes]:
    return [as_array(tensor).tobytes() for tensor in truth.case.inputs.values()]


def compare(truths: Sequence[Truth], outputs: Arrays, errors: Mapping[str, str]) -> tuple[Comparison, ...]:
    """Judge a runtime's `outputs` (``CASE.NAME``, cases by number) and the `errors` it gave instead."""
    own = family_noise(truths)
    still = unmoved(truths, own)
    found = []
    for k, truth in enumerate(truths):
        for name in truth.answer.single:
            if str(k) in errors:
                judgement = Judgement(Status.FAIL, math.inf, 0.0, math.inf, f"refused: {errors[str(k)]}", refused=True)
            else:
                double, single = truth.answer.double[name], truth.answer.single[name]
                judgement = judge(
                    outputs[f"{k}.{name}"], double, single, own[truth.case.family, name], truth.damaged[name]
                )
            if name in still and judgement.status is Status.PASS:
                judgement = dataclasses.replace(judgement, status=Status.INCONCLUSIVE, reason=SAME)
            found.append(Comparison(truth.case.name, name, judgement))
    return tuple(found)
