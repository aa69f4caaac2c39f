"""The reference for every case, and the judgement of what a runtime gave for it."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphspec.compiler import Network
from graphspec.diagnostics import fail
from graphspec.exporting.capture import eval_copy, first_line
from graphspec.exporting.costly import is_costly
from graphspec.exporting.reference import (
    Arrays,
    Reference,
    ReferenceOutputs,
    as_array,
    as_float64,
    first_rows,
    in_float64,
    noise,
)
from graphspec.exporting.sampler import REFUSALS
from graphspec.exporting.tolerance import allowed_error, error
from graphspec.verifying.blame.layer_values import record_layers, recordable
from graphspec.verifying.cases import Case
from graphspec.verifying.rounding import HALF_ULP, ONE_SIDED, Rounded, Rounding
from graphspec.verifying.rule import Status, judge, refused
from graphspec.verifying.runner import Outputs
from graphspec.verifying.verify_report import Comparison

#: How wrong the weights are in the network that an output must be able to tell from the right one.
DAMAGE = 1e-3
#: Why an output is inconclusive in every case.
SAME = "the same for every input"


@dataclasses.dataclass(frozen=True, slots=True)
class Expected:
    """A case with its reference outputs: of the module in both precisions, and of two variants of it in float64.

    ``damaged`` has slightly wrong weights (in float32 where the network is costly); ``rounding`` has each layer's
    values rounded as its dtype might have them.
    The first case of a family has them for all of it, as far as they are needed; the others have none.
    """

    case: Case
    outputs: ReferenceOutputs
    damaged: Arrays = dataclasses.field(default_factory=dict)
    rounding: Rounding | None = None

    def known(self, name: str) -> NDArray[np.bool_]:
        """Where both precisions of an output tell the same of being finite, and it is a number."""
        double, single = self.outputs.double[name], self.outputs.single[name]
        return (np.isfinite(single) == np.isfinite(double)) & ~np.isnan(double)


class Oracle:
    """Computes what cases have to give, with the network's module itself."""

    def __init__(self, network: Network, reference: Reference | None = None) -> None:
        self.reference = reference or Reference(network)
        self._damaged = eval_copy(self.reference.single if self.costly else self.reference.double)
        self._has_weights = _damage(self._damaged)

    @functools.cached_property
    def costly(self) -> bool:
        """Whether the network is shown few samples."""
        return is_costly(self.reference.shaped, self.reference.sampler.sizes)

    def expectations(self, cases: Iterable[Case], costly: bool = False) -> list[Expected]:
        """What is expected of each of `cases` that the module accepts.

        Damage is asked in each family; of a `costly` module until each output has been seen to move.
        """
        memo: dict[str, ReferenceOutputs | None] = {}
        found: dict[str, Expected] = {}
        firsts: dict[str, str] = {}
        for case in cases:
            if case.run is not case and self._outputs(case.run, memo) is None:
                case = case.alone
            if outputs := self._outputs(case, memo):
                found[case.name] = Expected(case, outputs)
                firsts.setdefault(case.family, case.name)
        for name in firsts.values():
            rounding = Rounding(functools.partial(self._rounded, found[name].case))
            found[name] = dataclasses.replace(found[name], rounding=rounding)
        self._add_damaged(found, firsts, costly)
        return list(found.values())

    def _add_damaged(self, found: dict[str, Expected], firsts: Mapping[str, str], costly: bool) -> None:
        """Add what slightly wrong weights give, family by family."""
        noise, still = family_noise(list(found.values())), set(self.reference.output_names)
        for family in firsts:
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
            if case.run is not case and whole:
                memo[case.name] = self.reference.outputs(_row(whole.double, case), _row(whole.single, case))
                return memo[case.name]
            same = case.within is not None and case.within.inputs is case.inputs
            memo[case.name] = whole if same else self._computed(case, whole)
        return memo[case.name]

    def _computed(self, case: Case, whole: ReferenceOutputs | None) -> ReferenceOutputs | None:
        if known := self.reference.kept(case.inputs):
            return known
        try:
            if self.costly and not self.reference.layers and recordable(self.reference, case):
                return record_layers(self.reference, case)
            single = self.reference.in_single(case.inputs)
        except REFUSALS as error:
            self._check_sizes(case, error)
            return None
        double = first_rows(whole, single) if whole else None
        return self.reference.outputs(double or self.reference.in_double(case.inputs), single)

    def _check_sizes(self, case: Case, error: Exception) -> None:
        """Raise where the network refuses the sizes of `case`, which its dims allow, and not only its values."""
        for fill in (torch.zeros_like, torch.ones_like):  # it may divide by its ids
            try:
                self.reference.in_single({name: fill(value) for name, value in case.inputs.items()})
            except REFUSALS:
                continue
            return
        shapes = ", ".join(f"{name} of {list(value.shape)}" for name, value in case.inputs.items())
        message = f"the network refuses {shapes}, which its dims allow: {first_line(error)}"
        hint = "a range under [dims] that leaves these sizes out"
        raise fail("not-exportable", message, ("inputs",), hint) from error

    def _damaged_outputs(self, case: Case) -> Arrays:
        inputs = list(case.inputs.values()) if self.costly else list(map(as_float64, case.inputs.values()))
        if not self._has_weights:
            inputs = [value * (1 + DAMAGE) if value.is_floating_point() else value for value in inputs]
        with torch.no_grad(), contextlib.nullcontext() if self.costly else in_float64():
            return self.reference.by_name(self._damaged(*inputs))

    def _rounded(self, case: Case) -> Arrays:
        ulps = ONE_SIDED if case.family == "zeros" else HALF_ULP
        rounding = Rounded(self.reference.double, self.reference.units, ulps)
        with torch.no_grad(), in_float64():
            return self.reference.by_name(rounding.run(*map(as_float64, case.inputs.values())))

    def repeats(self, expected: Expected) -> bool:
        """Whether the module gives the outputs of a case once more."""
        first, second = expected.outputs.single, self.reference.in_single(expected.case.inputs)
        return all(first[name].tobytes() == second[name].tobytes() for name in first)


def _damage(module: torch.nn.Module) -> bool:
    """Change every floating-point weight by a random share of up to `DAMAGE`; whether there was any."""
    generator = torch.Generator().manual_seed(0)
    weights = [tensor for tensor in module.parameters() if tensor.is_floating_point()]
    for tensor in weights:
        share = torch.rand(tensor.shape, generator=generator, dtype=torch.float64) * 2 - 1
        tensor.data.mul_(1 + DAMAGE * share.to(tensor.dtype))
    return bool(weights)


def family_noise(expectations: Sequence[Expected]) -> dict[tuple[str, str], float]:
    """The error that rounding makes by (family, output): the greatest of a family, for one may be small by luck.

    It is the module's own in float32; and that of other roundings in the families in which they have been asked.
    """
    found: dict[tuple[str, str], float] = defaultdict(float)
    for expected in expectations:
        for name in expected.outputs.single:
            key = expected.case.family, name
            found[key] = max(found[key], noise(expected.outputs, name))
        for name, rounded in (expected.rounding.known if expected.rounding else {}).items():
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


def _row(arrays: Arrays, case: Case) -> Arrays:
    """What `arrays`, given for the case that is run, have for `case`, which is a row of that; all of what has other
    rows than its inputs.
    """
    rows = {len(value) for value in case.run.inputs.values()}
    fits = {name: value.ndim > 0 and rows == {len(value)} for name, value in arrays.items()}
    row = slice(case.row, None if case.row is None else case.row + 1)
    return {name: value[row] if fits[name] else value for name, value in arrays.items()}


def inputs_of(expectations: Sequence[Expected]) -> list[Mapping[str, Tensor]]:
    """What is run, by the number of the case: nothing for one whose run an earlier case asks for."""
    runs = [id(expected.case.run) for expected in expectations]
    return [{} if runs[k] in runs[:k] else expected.case.run.inputs for k, expected in enumerate(expectations)]


def by_row(expectations: Sequence[Expected], outputs: Outputs) -> Outputs:
    """`outputs` of what :func:`inputs_of` tells as those of every case."""
    runs = [id(expected.case.run) for expected in expectations]
    arrays, errors = dict(outputs.arrays), dict(outputs.errors)
    for k, expected in enumerate(expectations):
        if expected.case.run is expected.case:
            continue
        first = runs.index(runs[k])
        arrays |= {f"{k}.{name}": value for name, value in _row(outputs.of(first), expected.case).items()}
        if str(first) in outputs.errors:
            errors[str(k)] = outputs.errors[str(first)]
    return Outputs(arrays, errors)


def compare(expectations: Sequence[Expected], outputs: Outputs) -> tuple[Comparison, ...]:
    """Judge a runtime's `outputs`, and the errors that it gave instead.

    Where they are too far off, other roundings of that family are asked, and may allow it.
    """
    found = _compared(expectations, outputs)
    wrong = {comparison.case for comparison in found if comparison.judgement.status is Status.FAIL}
    families = {expected.case.family for expected in expectations if expected.case.name in wrong}
    asked = [e.rounding.ask() for e in expectations if e.rounding and e.case.family in families]
    return _compared(expectations, outputs) if any(asked) else found


def _compared(expectations: Sequence[Expected], outputs: Outputs) -> tuple[Comparison, ...]:
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
