"""A few inputs with the module's own float64 outputs, kept in the bundle so that it can be checked anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from graphspec.exporting.costly import joint_batch
from graphspec.exporting.postprocessing import Postprocessing
from graphspec.exporting.preprocessing import Preprocessing, Raw
from graphspec.exporting.reference import Arrays, Reference, ReferenceOutputs, as_array, first_rows, noise
from graphspec.exporting.tolerance import FLOAT32, NOISE_FACTOR, most_error

#: The file that has real raw samples and what becomes of them.
PIPELINE_GOLDEN = "pipeline_golden.npz"


def write_golden(path: Path, reference: Reference, sample: Mapping[str, Tensor] | None) -> None:
    """Write ``golden.npz``: per case k ``k.input.NAME``, ``k.output.NAME`` (float64) and ``k.allowed.NAME``.

    The last is the greatest absolute error that counts as the same output on another machine: 1e-5 of the greatest
    element, more where rounding alone makes more; 0 for integers.

    The cases are seeded normals at two sizes, and `sample` (a real batch) where there is one.
    """
    cases = [*_drawn(reference), *([(sample, reference(sample))] if sample else [])]
    arrays: dict[str, NDArray[Any]] = {}
    for k, (inputs, outputs) in enumerate(cases):
        arrays |= _case(k, {name: as_array(tensor) for name, tensor in inputs.items()}, outputs)
    np.savez(path, allow_pickle=False, **arrays)


def _drawn(reference: Reference) -> list[tuple[Mapping[str, Tensor], ReferenceOutputs]]:
    """Seeded normals at two sizes, one with the least batch; of a costly network what is verified, and a row of it."""
    sampler = reference.sampler
    least = {name: fewest for name, (fewest, _) in reference.shaped.dims.items()}
    joint = joint_batch(reference.shaped, sampler)
    if joint is None:
        few = {name: least[name] if k == 0 else size for k, (name, size) in enumerate(sampler.sizes.items())}
        return [(inputs, reference(inputs)) for inputs in (sampler.draw(seed=1), sampler.draw(few, seed=2))]
    whole, row = reference.keep(joint), {name: tensor[:1] for name, tensor in joint.items()}
    single = reference.in_single(row)
    double = first_rows(whole, single) or reference.in_double(row)
    return [(joint, whole), (row, reference.outputs(double, single))]


def write_pipeline_golden(
    path: Path,
    reference: Reference,
    before: Preprocessing,
    after: Postprocessing,
    raw: Raw,
) -> None:
    """Write ``pipeline_golden.npz``, in the same form, for the one batch `raw`, which ``pipeline.onnx`` takes."""
    dtypes = {name: kind.dtype for name, kind in reference.shaped.inputs.items()}
    outputs = reference({name: steps[-1] for name, steps in before.steps(raw, dtypes).items()})
    read = ReferenceOutputs(after.read(outputs.double), after.read(outputs.single), outputs.units)
    arrays = {name: as_array(value) if isinstance(value, Tensor) else value for name, value in raw.items()}
    np.savez(path, allow_pickle=False, **_case(0, arrays, read))


def _case(k: int, inputs: Arrays, outputs: ReferenceOutputs) -> Arrays:
    arrays = {f"{k}.input.{name}": value for name, value in inputs.items()}
    for name, value in outputs.double.items():
        floating = np.issubdtype(value.dtype, np.floating)
        greatest = max(NOISE_FACTOR * noise(outputs, name), most_error(value, max(outputs.unit(name), FLOAT32)))
        arrays |= {f"{k}.output.{name}": value, f"{k}.allowed.{name}": np.array(greatest if floating else 0.0)}
    return arrays
