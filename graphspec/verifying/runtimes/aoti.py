"""Machine code that AOTInductor made. Loaded by the worker: this file imports nothing of graphspec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .tensors import Run, runner


def load(path: str, names: Sequence[str], dtypes: Mapping[str, str]) -> Run:
    """The file as users run it. It runs with all rights of this process: for own files only."""
    from torch._inductor import aoti_load_package

    return runner(aoti_load_package(path), names, dtypes)
