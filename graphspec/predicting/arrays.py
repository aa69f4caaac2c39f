"""Samples that somebody has in Python: an array of them, or one for each input by its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphspec.diagnostics import fail, quoted
from graphspec.shapes import ShapedGraph

#: Raw samples by the input that they are for, as the data set holds them.
Arrays = dict[str, Tensor]


def given(samples: Any) -> list[Path] | Mapping[str, Any] | Any:
    """What ``predict`` was given: paths as a list of them, everything else as it is."""
    if isinstance(samples, str | Path) or hasattr(samples, "__fspath__"):
        return [Path(samples)]
    if isinstance(samples, Mapping) or hasattr(samples, "__array__") or _is_numbers(samples):
        return samples
    return list(map(Path, samples))


def are_paths(samples: Any) -> bool:
    """Whether :func:`given` found paths."""
    return isinstance(samples, list | tuple) and not _is_numbers(samples)


def arrays_of(samples: Any, shaped: ShapedGraph) -> Arrays:
    """`samples` by the inputs of `shaped`: float64, int64 or uint8, a batch each.

    Raises ``GraphspecError`` where inputs have none, or they are no numbers.
    """
    inputs = list(shaped.inputs)
    if not isinstance(samples, Mapping):
        if len(inputs) != 1:
            hint = f"give a dict of arrays: {', '.join(map(quoted, inputs))}"
            raise fail("arity", f"the network has {len(inputs)} inputs, an array is for one", hint=hint)
        samples = {inputs[0]: samples}
    if list(samples) != inputs and set(samples) != set(inputs):
        message = f"the arrays are called {', '.join(map(quoted, map(str, samples)))}"
        raise fail("field-mismatch", message, hint=f"the inputs are {', '.join(map(quoted, inputs))}")
    found = {name: _tensor(samples[name], name, len(kind.shape)) for name, kind in shaped.inputs.items()}
    if len({len(values) for values in found.values()}) > 1:
        sizes = ", ".join(f"{name} {len(values)}" for name, values in found.items())
        raise fail("field-mismatch", f"the arrays have different numbers of samples: {sizes}")
    return found


def _tensor(values: Any, name: str, dims: int) -> Tensor:
    try:
        array = values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    except (ValueError, TypeError) as error:
        raise fail("bad-data", f"the array for {quoted(name)} cannot be read: {error}") from error
    if array.dtype.kind not in "buif" or not array.size:
        what = "is empty" if not array.size else f"holds {array.dtype}, no numbers"
        raise fail("bad-data", f"the array for {quoted(name)} {what}")
    if array.ndim == dims - 1:
        hint = f"put it in a batch: x[None] is 1 × {' × '.join(map(str, array.shape))}"
        raise fail("shape-mismatch", f"the array for {quoted(name)} has no batch dim", hint=hint)
    return in_full(array)


def in_full(array: np.ndarray) -> Tensor:
    """An array of numbers with all their digits: float64, int64, or uint8 as it is."""
    plain = array if array.dtype == np.uint8 else array.astype(np.float64 if array.dtype.kind == "f" else np.int64)
    return torch.from_numpy(np.ascontiguousarray(plain))


def _is_numbers(samples: Any) -> bool:
    """Whether these are nested lists of numbers, or arrays in a list."""
    first = samples[0] if isinstance(samples, Sequence) and not isinstance(samples, str) and samples else None
    return (isinstance(first, int | float | Sequence) and not isinstance(first, str)) or hasattr(first, "__array__")
