"""The inputs as a spec declares them: their types, and the ranges of their dims."""

from __future__ import annotations

import torch

from graphspec.diagnostics import Code, Diagnostic, GraphspecError, quoted
from graphspec.shapes.dims import symbol
from graphspec.shapes.shaped import TensorType
from graphspec.spec.dims import DimRange
from graphspec.spec.model import MOST_DIMS, NetworkSpec


def declared_ranges(spec: NetworkSpec) -> dict[str, DimRange]:
    """The range of each dynamic dim as the spec gives it, in order of appearance."""
    return {name: spec.dims.get(name, DimRange()) for name in spec.dim_names}


def input_types(spec: NetworkSpec) -> dict[str, TensorType]:
    """Shape and dtype of each input. Raises ``GraphspecError`` for a dim below 1 or above 2^31 − 1, and for too many
    dynamic ones.
    """
    faults = []
    types = {}
    for name, given in spec.inputs.items():
        for index, dim in enumerate(given.shape):
            if isinstance(dim, int) and not 1 <= dim < 2**31:
                code: Code = "bad-value" if dim < 1 else "too-large"
                wanted = "at least 1" if dim < 1 else f"at most {2**31 - 1}"
                message = f"input {quoted(name)} has a dim of {dim}, not {wanted}"
                faults.append(Diagnostic(code, message, ("inputs", name, index)))
        shape = tuple(dim if isinstance(dim, int) else dim.factor * symbol(dim.name) for dim in given.shape)
        types[name] = TensorType(shape, getattr(torch, given.dtype))
    if len(spec.dim_names) > MOST_DIMS:
        message = f"the inputs have {len(spec.dim_names)} dynamic dims, more than {MOST_DIMS}"
        faults.append(Diagnostic("too-large", message, ("inputs",)))
    if faults:
        raise GraphspecError(faults)
    return types
