"""The real batch that an export's goldens hold, read with limits."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphspec.diagnostics import Diagnostic, VerificationError, quoted
from graphspec.exporting.bundle.bundle import Bundle
from graphspec.exporting.capture import first_line
from graphspec.ops.arguments import dtype_name
from graphspec.shapes.shaped import ShapedGraph, TensorType
from graphspec.system.regular_file import open_regular

#: Bytes that the goldens may have unpacked.
MOST_GOLDEN = 1 << 28


def golden_sample(bundle: Bundle, shaped: ShapedGraph) -> dict[str, Tensor] | None:
    """The real batch among the bundle's goldens, if there is one.

    Raises:
        VerificationError: ``tampered`` where the file is none that graphspec wrote for `shaped`.
    """
    path, prefix = bundle.folder / "golden.npz", "2.input."
    try:
        with open_regular(path, links=False) as file, zipfile.ZipFile(file) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST_GOLDEN:
                raise ValueError(f"it holds more than {MOST_GOLDEN:,} bytes")
        with np.load(path, allow_pickle=False) as arrays:
            found = {key.removeprefix(prefix): arrays[key] for key in arrays if key.startswith(prefix)}
        if not found:
            return None
        return {name: _fitting(name, found.pop(name), kind) for name, kind in shaped.inputs.items()} | _none_left(found)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        message = f"{quoted(path)} is none that graphspec wrote: {first_line(error)}"
        raise VerificationError([Diagnostic("tampered", message, hint="export it again")]) from error


def _fitting(name: str, array: NDArray[Any], kind: TensorType) -> Tensor:
    sizes = zip(array.shape, kind.shape, strict=False)
    alike = array.ndim == len(kind.shape) and all(size == dim for size, dim in sizes if isinstance(dim, int))
    narrow = {"bfloat16": "float32"}.get(wanted := dtype_name(kind.dtype), wanted)
    if not alike or array.dtype.name != narrow or not array.dtype.isnative:
        raise ValueError(f"{name} is {array.shape} {array.dtype}")
    return torch.from_numpy(array).to(kind.dtype)


def _none_left(arrays: Mapping[str, object]) -> dict[str, Tensor]:
    if arrays:
        raise ValueError(f"it holds {', '.join(sorted(arrays))}, which are no inputs")
    return {}
