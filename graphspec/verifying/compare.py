"""The reference for every case, and the judgement of what a runtime gave for it."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

import torch

from graphspec.exporting.capture import eval_copy
from graphspec.exporting.reference import Answer, Arrays, Reference, as_array, as_float64, in_float64, noise
from graphspec.shapes.shaped import ShapedGraph
from graphspec.verifying.inputs import Case
from graphspec.verifying.report import Comparison
from graphspec.verifying.rule import Judgement, Status, judge

#: How wrong the weights are in the network that an output must be able to tell from the right one.
DAMAGE = 1e-3


@dataclasses.dataclass(frozen=True, slots=True)
class Truth:
    """A case with its answers: of the module in both precisions, and of a slightly damaged one in float64."""

    case: Case
    answer: Answer
    damaged: Arrays


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
            result = self._damaged(*inputs)
        names = self.reference.output_names
        table = {names[0]: result} if isinstance(result, torch.Tensor) else result
        return Truth(case, self.reference(case.inputs), {name: as_array(table[name]) for name in names})

    def is_deterministic(self, case: Case) -> bool:
        """Whether the module gives the same answer twice."""
        first, second = self.reference(case.inputs).single, self.reference(case.inputs).single
        return all(first[name].tobytes() == second[name].tobytes() for name in first)


def _damage(module: torch.nn.Module) -> bool:
    """Change every floating-point weight by a random share of up to `DAMAGE`; whether there was any."""
    generator = torch.Generator().manual_seed(0)
    weights = [tensor for tensor in module.parameters() if tensor.is_floating_point()]
    for tensor in weights:
        share = torch.rand(tensor.shape, generator=generator, dtype=torch.float64) * 2 - 1
        tensor.data.mul_(1 + DAMAGE * share.to(tensor.dtype))
    return bool(weights)


def family_noise(truths: Sequence[Truth]) -> dict[tuple[str, str], float]:
    """The float32 module's error by (family, output): the greatest of a family, for one may be small by luck."""
    found: dict[tuple[str, str], float] = defaultdict(float)
    for truth in truths:
        for name in truth.answer.single:
            key = truth.case.family, name
            found[key] = max(found[key], noise(truth.answer, name))
    return dict(found)


def compare(truths: Sequence[Truth], outputs: Arrays, errors: Mapping[str, str]) -> tuple[Comparison, ...]:
    """Judge a runtime's `outputs` (``CASE.NAME``, cases by number) and the `errors` it gave instead."""
    own = family_noise(truths)
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
            found.append(Comparison(truth.case.name, name, judgement))
    return tuple(found)
