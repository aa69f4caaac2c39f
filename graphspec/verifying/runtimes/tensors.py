"""Arrays to torch's tensors and back, for the workers that run torch's own formats."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
Run = Callable[[Arrays], Sequence[Any]]
#: A submodule's dotted path and how many calls of it came before.
Call = tuple[str, int]


def runner(model: Any, names: Sequence[str], dtypes: Mapping[str, str]) -> Run:
    """`model`, called with the inputs in order, as a function of arrays."""
    import torch

    def run(inputs: Arrays) -> list[NDArray[Any]]:
        with torch.no_grad():
            result = model(*tensors(inputs, dtypes))
        return list(map(array, [result[name] for name in names] if isinstance(result, dict) else [result]))

    return run


def tensors(inputs: Arrays, dtypes: Mapping[str, str]) -> list[Any]:
    """The inputs as tensors; bfloat16, which numpy lacks, came as float32."""
    import torch

    kinds = {str(kind).removeprefix("torch."): kind for kind in (torch.float16, torch.bfloat16, torch.float32)}
    made = {name: torch.from_numpy(value) for name, value in inputs.items()}
    return [tensor.to(kinds.get(dtypes[name], tensor.dtype)) for name, tensor in made.items()]


def array(tensor: Any) -> NDArray[np.generic]:
    """A tensor as numpy has it; bfloat16 as float32."""
    import torch

    plain: NDArray[np.generic] = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
    return plain
