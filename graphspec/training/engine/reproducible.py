"""Runs whose bits do not depend on the order in which a GPU's threads finish."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import torch

#: cuBLAS reads it when it starts; without it torch refuses its matrix products in deterministic mode.
_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"


@contextlib.contextmanager
def reproducible(wanted: bool, warn_only: bool = False) -> Iterator[None]:
    """Inside, where `wanted`, torch takes deterministic kernels, and refuses or warns of operations that have none.

    What torch was set to comes back at the end. See https://docs.pytorch.org/docs/stable/notes/randomness.html.
    """
    if not wanted:
        yield
        return
    before = torch.are_deterministic_algorithms_enabled()
    warned = torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark = torch.backends.cudnn.benchmark
    os.environ.setdefault(_CUBLAS, ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=warn_only)
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warned)
        torch.backends.cudnn.benchmark = benchmark
