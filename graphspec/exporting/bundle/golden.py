"""A few inputs with the module's own float64 outputs, kept in the bundle so that it can be checked anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphspec.exporting.postprocessing import Postprocessing
from graphspec.exporting.preprocessing import Preprocessing
from graphspec.exporting.reference import Arrays, Reference, ReferenceOutputs, as_array, noise
from graphspec.exporting.sampler import Sampler
from graphspec.exporting.tolerance import FLOAT32, NOISE_FACTOR, most_error


def write_golden(path: Path, reference: Reference, sampler: Sampler, sample: Mapping[str, Tensor] | None) -> None:
    """Write ``golden.npz``: per case k ``k.input.NAME``, ``k.output.NAME`` (float64) and ``k.allowed.NAME``.

    The last is the greatest absolute error that counts as the same output on another machine: 1e-5 of the greatest
    element, more where rounding alone makes more; 0 for integers.

    The cases are seeded normals at two sizes, and `sample` (a real batch) where there is one.
    """
    ones = {name: 1 if k == 0 else size for k, (name, size) in enumerate(sampler.sizes.items())}
    cases = [sampler.draw(seed=1), sampler.draw(ones, seed=2), *([sample] if sample else [])]
    arrays: dict[str, NDArray[Any]] = {}
    for k, inputs in enumerate(cases):
        arrays |= _case(k, {name: as_array(tensor) for name, tensor in inputs.items()}, reference(inputs))
    np.savez(path, allow_pickle=False, **arrays)


def write_pipeline_golden(
    path: Path,
    reference: Reference,
    before: Preprocessing,
    after: Postprocessing,
    raw: Mapping[str, Tensor],
    dtype: torch.dtype,
) -> None:
    """Write ``pipeline_golden.npz``, in the same form, for the one batch `raw`, which ``pipeline.onnx`` takes."""
    outputs = reference({name: before.steps(tensor, dtype)[-1] for name, tensor in raw.items()})
    read = ReferenceOutputs(after.read(outputs.double), after.read(outputs.single), outputs.units)
    np.savez(path, allow_pickle=False, **_case(0, {name: as_array(tensor) for name, tensor in raw.items()}, read))


def _case(k: int, inputs: Arrays, outputs: ReferenceOutputs) -> Arrays:
    arrays = {f"{k}.input.{name}": value for name, value in inputs.items()}
    for name, value in outputs.double.items():
        floating = np.issubdtype(value.dtype, np.floating)
        greatest = max(NOISE_FACTOR * noise(outputs, name), most_error(value, max(outputs.unit(name), FLOAT32)))
        arrays |= {f"{k}.output.{name}": value, f"{k}.allowed.{name}": np.array(greatest if floating else 0.0)}
    return arrays
