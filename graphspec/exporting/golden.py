"""A few inputs with the module's own float64 outputs, kept in the bundle so that it can be checked anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from graphspec.exporting.reference import Reference, as_array, noise
from graphspec.exporting.sampler import Sampler
from graphspec.exporting.tolerance import MOST_SCALED, NOISE_FACTOR, magnitude


def write_golden(path: Path, reference: Reference, sampler: Sampler, sample: Mapping[str, Tensor] | None) -> None:
    """Write ``golden.npz``: per case k ``k.input.NAME``, ``k.output.NAME`` (float64) and ``k.allowed.NAME``.

    The last is the greatest absolute error that counts as the same answer on another machine: 1e-5 of the greatest
    element, more where rounding alone makes more; 0 for integers.

    The cases are seeded normals at two sizes, and `sample` (a real batch) where there is one.
    """
    ones = {name: 1 if k == 0 else size for k, (name, size) in enumerate(sampler.sizes.items())}
    cases = [sampler.draw(seed=1), sampler.draw(ones, seed=2), *([sample] if sample else [])]
    arrays: dict[str, NDArray[Any]] = {}
    for k, inputs in enumerate(cases):
        answer = reference(inputs)
        arrays |= {f"{k}.input.{name}": as_array(tensor) for name, tensor in inputs.items()}
        arrays |= {f"{k}.output.{name}": value for name, value in answer.double.items()}
        for name, value in answer.double.items():
            floating = np.issubdtype(value.dtype, np.floating)
            greatest = max(NOISE_FACTOR * noise(answer, name), MOST_SCALED * magnitude(value))
            arrays[f"{k}.allowed.{name}"] = np.array(greatest if floating else 0.0)
    np.savez(path, allow_pickle=False, **arrays)
