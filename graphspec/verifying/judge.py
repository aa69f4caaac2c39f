"""The reference for every case, and the judgement of what a runtime gave for it."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx

from graphspec.compiler import Network
from graphspec.diagnostics import fail
from graphspec.exporting.capture import eval_copy, first_line
from graphspec.exporting.reference import Arrays, Reference, ReferenceOutputs, as_array, as_float64, in_float64, noise
from graphspec.exporting.sampler import REFUSALS
from graphspec.exporting.tolerance import FLOAT32, allowed_error, error
from graphspec.verifying.cases import Case
from graphspec.verifying.rule import Status, judge, refused
from graphspec.verifying.runner import Outputs
from graphspec.verifying.verify_report import Comparison

#: How wrong the weights are in the network that an output must be able to tell from the right one.
DAMAGE = 1e-3
#: The families of a costly network in which its rounding is asked, and the first in which damage is.
TOLD = ("normal × 1", "zeros")
#: Why an output is inconclusive in every case.
SAME = "the same for every input"
#: Half a unit in the last place; and what 64 such errors of one sign come to. On zeros a map is constant, all its
#: roundings have one sign, and a mean does not cancel them as it cancels random ones.
HALF_ULP = 0.5
ONE_SIDED = 32.0


@dataclasses.dataclass(frozen=True, slots=True)
class Expected:
    """A case with its reference outputs: of the module in both precisions, and of two variants of it in float64.

    ``damaged`` has slightly wrong weights; ``rounded`` has each layer's values rounded as its dtype might have them.
    The first case of a family has them for all of it, as far as they are needed; those of the others are empty.
    """

    case: Case
    outputs: ReferenceOutputs
    damaged: Arrays
    rounded: Arrays

    def known(self, name: str) -> NDArray[np.bool_]:
        """Where both precisions of an output tell the same of being finite, and it is a number."""
        double, single = self.outputs.double[name], self.outputs.single[name]
        return (np.isfinite(single) == np.isfinite(double)) & ~np.isnan(double)


class Oracle:
    """Computes what cases have to give, with the network's module itself."""

    def __init__(self, network: Network) -> None:
        self.reference = Reference(network)
        self._damaged = eval_copy(self.reference.double)
        self._has_weights = _damage(self._damaged)

    def expectations(self, cases: Iterable[Case], costly: bool = False) -> list[Expected]:
        """What is expected of each of `cases` that the module accepts.

        Rounding and damage are asked in each family; of a `costly` module, whose outputs are of many sums, rounding in
        `TOLD` alone, and damage until each output has been seen to move.
        """
        memo: dict[str, ReferenceOutputs | None] = {}
        found: dict[str, Expected] = {}
        firsts: dict[str, str] = {}
        for case in cases:
            if outputs := self._outputs(case, memo):
                found[case.name] = Expected(case, outputs, {}, {})
                known = firsts.setdefault(case.family, case.name)
                if costly and case.within and len(_rows(case)) < len(_rows(found[known].case)):
                    firsts[case.family] = case.name  # the fewest rows will do
        for family, name in firsts.items():
            if not costly or family in TOLD:
                found[name] = dataclasses.replace(found[name], rounded=self._rounded(found[name].case))
        self._add_damaged(found, firsts, costly)
        return list(found.values())

    def _add_damaged(self, found: dict[str, Expected], firsts: Mapping[str, str], costly: bool) -> None:
        """Add what slightly wrong weights give, family by family."""
        noise, still = family_noise(list(found.values())), set(self.reference.output_names)
        for family in sorted(firsts, key=lambda family: family not in TOLD):
            if costly and (not still or family == "zeros"):
                continue
            expected = found[firsts[family]]
            expected = dataclasses.replace(expected, damaged=self._damaged_outputs(expected.case))
            found[firsts[family]] = expected
            for (_, output), moved in family_movement([expected]).items():
                if moved > allowed_error(
                    expected.outputs.double[output], noise[family, output], expected.outputs.unit(output)
                ):
                    still.discard(output)

    def _outputs(self, case: Case, memo: dict[str, ReferenceOutputs | None]) -> ReferenceOutputs | None:
        """The module's outputs for `case`, from `memo` or added to it; None where it refuses the inputs."""
        if case.name not in memo:
            whole = self._outputs(case.within, memo) if case.within else None
            same = case.within is not None and case.within.inputs is case.inputs
            memo[case.name] = whole if same else self._computed(case, whole)
        return memo[case.name]

    def _computed(self, case: Case, whole: ReferenceOutputs | None) -> ReferenceOutputs | None:
        try:
            single = self.reference.in_single(case.inputs)
        except REFUSALS as error:
            self._check_sizes(case, error)
            return None
        double = _first_rows(whole, single) if whole else None
        return self.reference.outputs(double or self.reference.in_double(case.inputs), single)

    def _check_sizes(self, case: Case, error: Exception) -> None:
        """Raise where the network refuses the sizes of `case`, which its dims allow, and not only its values."""
        zeros = {name: torch.zeros_like(value) for name, value in case.inputs.items()}
        try:
            self.reference.in_single(zeros)
        except REFUSALS:
            shapes = ", ".join(f"{name} of {list(value.shape)}" for name, value in zeros.items())
            message = f"the network refuses {shapes}, which its dims allow: {first_line(error)}"
            hint = "a range under [dims] that leaves these sizes out"
            raise fail("not-exportable", message, ("inputs",), hint) from error

    def _damaged_outputs(self, case: Case) -> Arrays:
        inputs = list(map(as_float64, case.inputs.values()))
        if not self._has_weights:
            inputs = [value * (1 + DAMAGE) if value.is_floating_point() else value for value in inputs]
        with torch.no_grad(), in_float64():
            return self.reference.by_name(self._damaged(*inputs))

    def _rounded(self, case: Case) -> Arrays:
        ulps = ONE_SIDED if case.family == "zeros" else HALF_ULP
        rounding = Rounded(self.reference.double, self.reference.units, ulps)
        with torch.no_grad(), in_float64():
            return self.reference.by_name(rounding.run(*map(as_float64, case.inputs.values())))

    def is_deterministic(self, case: Case) -> bool:
        """Whether the module gives the same outputs twice."""
        first, second = self.reference.in_single(case.inputs), self.reference.in_single(case.inputs)
        return all(first[name].tobytes() == second[name].tobytes() for name in first)


def _rows(case: Case) -> torch.Tensor:
    """An input of a case that is the first rows of another."""
    return next(iter(case.inputs.values()))


def _first_rows(whole: ReferenceOutputs, single: Arrays) -> Arrays | None:
    """The first rows of `whole` in float64, where they are the float64 outputs for the first rows of its inputs.

    They are if `single`, the float32 module's own outputs for those rows alone, passes for them: the module then treats
    each sample by itself. None where it does not.
    """
    rows = {name: value[: len(single[name])] for name, value in whole.double.items()}
    for name, value in rows.items():
        floating = np.issubdtype(value.dtype, np.floating)
        allowed = allowed_error(value, noise(whole, name), whole.unit(name)) if floating else 0.0
        if value.shape != single[name].shape or error(single[name], value) > allowed:
            return None
    return rows


class Rounded(fx.Interpreter):
    """Runs the module with every layer's values off by up to `ulps` of the `units` of the layers, by name.

    The float32 module's own error can be nothing by luck where another order of summation shows plenty: an
    InstanceNorm of a constant map divides rounding by the root of its epsilon.
    """

    def __init__(self, module: torch.nn.Module, units: Mapping[str, float], ulps: float) -> None:
        super().__init__(module)
        self._ulps, self._units = ulps, units
        self._generator = np.random.default_rng(0)

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if (
            not self._ulps
            or n.op != "call_module"
            or not isinstance(value, torch.Tensor)
            or not value.is_floating_point()
        ):
            return value
        share = self._ulps * (self._units.get(str(n.target)) or FLOAT32)
        spread = torch.from_numpy(self._generator.random(tuple(value.shape), np.float32))  # faster than torch.rand
        return torch.addcmul(value, value, spread.sub_(0.5).mul_(2 * share))


def _damage(module: torch.nn.Module) -> bool:
    """Change every floating-point weight by a random share of up to `DAMAGE`; whether there was any."""
    generator = torch.Generator().manual_seed(0)
    weights = [tensor for tensor in module.parameters() if tensor.is_floating_point()]
    for tensor in weights:
        share = torch.rand(tensor.shape, generator=generator, dtype=torch.float64) * 2 - 1
        tensor.data.mul_(1 + DAMAGE * share.to(tensor.dtype))
    return bool(weights)


def family_noise(expectations: Sequence[Expected]) -> dict[tuple[str, str], float]:
    """The error that rounding makes by (family, output): the greatest of a family, for one may be small by luck."""
    found: dict[tuple[str, str], float] = defaultdict(float)
    for expected in expectations:
        for name in expected.outputs.single:
            key = expected.case.family, name
            found[key] = max(found[key], noise(expected.outputs, name))
        for name, rounded in expected.rounded.items():
            key = expected.case.family, name
            found[key] = max(found[key], error(rounded, expected.outputs.double[name]))
    return dict(found)


def family_movement(expectations: Sequence[Expected]) -> dict[tuple[str, str], float]:
    """How far slightly wrong weights move an output, by (family, output)."""
    found: dict[tuple[str, str], float] = {}
    for expected in expectations:
        for name, damaged in expected.damaged.items():
            known = expected.known(name)
            found[expected.case.family, name] = error(damaged[known], expected.outputs.double[name][known])
    return found


def unmoved(expectations: Sequence[Expected], own: Mapping[tuple[str, str], float]) -> set[str]:
    """The outputs that are the same, but for rounding, for all different inputs of one size."""
    moved: set[str] = set()
    seen: dict[tuple[str, tuple[int, ...]], Expected] = {}
    compared: set[str] = set()
    for expected in expectations:
        for name, value in expected.outputs.double.items():
            first = seen.setdefault((name, value.shape), expected)
            if _inputs(first) == _inputs(expected):
                continue
            compared.add(name)
            floating = np.issubdtype(value.dtype, np.floating)
            rounded = own[expected.case.family, name]
            allowed = allowed_error(value, rounded, expected.outputs.unit(name)) if floating else 0.0
            if error(first.outputs.double[name], value) > allowed:
                moved.add(name)
    return compared - moved


def _inputs(expected: Expected) -> list[bytes]:
    return [as_array(tensor).tobytes() for tensor in expected.case.inputs.values()]


def compare(expectations: Sequence[Expected], outputs: Outputs) -> tuple[Comparison, ...]:
    """Judge a runtime's `outputs`, and the errors that it gave instead."""
    own, movement = family_noise(expectations), family_movement(expectations)
    still = unmoved(expectations, own)
    found = []
    for k, expected in enumerate(expectations):
        for name in expected.outputs.single:
            if str(k) in outputs.errors:
                judgement = refused(outputs.errors[str(k)])
            else:
                double, single, of = (
                    expected.outputs.double[name],
                    expected.outputs.single[name],
                    (expected.case.family, name),
                )
                found_here, unit = outputs.arrays[f"{k}.{name}"], expected.outputs.unit(name)
                judgement = judge(found_here, double, single, own[of], movement.get(of, np.inf), unit)
            if name in still and judgement.status is Status.PASS:
                judgement = dataclasses.replace(judgement, status=Status.INCONCLUSIVE, reason=SAME)
            found.append(Comparison(expected.case.name, name, judgement))
    return tuple(found)
