"""Too little memory is told from every other fault, in all the words that torch and its libraries have for it."""

from __future__ import annotations

import pytest
import torch

from graphspec.diagnostics import GraphspecError
from graphspec.system.out_of_memory import enough_memory, is_out_of_memory


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("could not create a primitive"), True),
        (RuntimeError("MPS backend out of memory"), True),
        (OSError(12, "Cannot allocate memory"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (OSError(28, "No space left on device"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_only_too_little_memory_is_called_that(error: Exception, told: bool) -> None:
    assert is_out_of_memory(error) == told
    expected = GraphspecError if told else type(error)
    with pytest.raises(expected), enough_memory("training"):
        raise error
