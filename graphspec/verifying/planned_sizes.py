"""Cases for a file whose memory is planned: up to the greatest sizes of its plan, and at the greatest batch."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import torch

from graphspec.exporting.costly import batch_dim
from graphspec.exporting.reference import Arrays
from graphspec.exporting.sampler import size_of
from graphspec.shapes.shaped import ShapedGraph
from graphspec.verifying.cases import Case
from graphspec.verifying.judge import Expected


def fits(case: Case, shaped: ShapedGraph, greatest: int) -> bool:
    """Whether no dim of `case` without a greatest size is past `greatest`."""
    for name, kind in shaped.inputs.items():
        for size, dim in zip(case.inputs[name].shape, kind.shape, strict=True):
            if isinstance(dim, int):
                continue
            factor, symbol = dim.as_coeff_Mul()
            if shaped.dims[str(symbol)][1] is None and size > factor * greatest:
                return False
    return True


def inputs_of_plan(shaped: ShapedGraph, greatest: int) -> dict[str, torch.Tensor]:
    """Inputs without numbers, as large as the file is planned for: it takes the memory of these when it is loaded."""
    sizes = {name: most or greatest for name, (_, most) in shaped.dims.items()}
    return {
        name: torch.empty([size_of(dim, sizes) for dim in kind.shape], dtype=kind.dtype, device="meta")
        for name, kind in shaped.inputs.items()
    }


def at_greatest(expectations: Sequence[Expected], shaped: ShapedGraph, greatest: int) -> Expected | None:
    """The case of the most samples with these repeated up to the greatest batch; None where there is no open batch.

    Each sample is known by itself, so that nothing is computed anew.
    """
    batch = batch_dim(shaped)
    if batch is None or shaped.dims[batch][1] is not None or not expectations:
        return None
    apart = [each for each in expectations if each.case.within is not None and each.rounding is None]
    if not apart:
        return None
    most = max(apart, key=lambda each: _rows(each.case))
    inputs = {name: value.repeat(_times(value, greatest), *[1] * (value.dim() - 1))[:greatest]
              for name, value in most.case.inputs.items()}  # fmt: skip
    outputs = most.outputs
    single, double = _repeated(outputs.single, greatest), _repeated(outputs.double, greatest)
    case = Case(f"{most.case.family}, {batch} = {greatest}", most.case.family, inputs)
    return Expected(case, dataclasses.replace(outputs, double=double, single=single))


def _rows(case: Case) -> int:
    return min(len(value) for value in case.inputs.values())


def _times(value: torch.Tensor, rows: int) -> int:
    return math.ceil(rows / max(1, len(value)))


def _repeated(arrays: Arrays, rows: int) -> Arrays:
    return {
        name: np.concatenate([value] * math.ceil(rows / max(1, len(value))))[:rows] for name, value in arrays.items()
    }
