"""What a network takes of a sample: numbers that its dtype holds, to the last bit, or an error."""

from __future__ import annotations

import pytest
import torch

from graphspec.diagnostics import GraphspecError
from graphspec.predicting.sample_checks import taken
from graphspec.shapes import TensorType


def kind(dtype: torch.dtype) -> TensorType:
    return TensorType((1, 2), dtype)


@pytest.mark.parametrize(
    ("dtype", "number"),
    [
        (torch.int32, 2**40),
        (torch.uint8, 300),
        (torch.uint8, -1),
        (torch.bool, 2),
        (torch.int64, 0.5),
        (torch.int16, 1e9),
    ],
)
def test_a_number_that_the_dtype_cannot_hold_is_refused(dtype: torch.dtype, number: float) -> None:
    with pytest.raises(GraphspecError, match=r'row 1 of the array holds .*, and the input "ids" takes'):
        taken("the array", torch.tensor([[1, number]]), "ids", kind(dtype))


@pytest.mark.parametrize("dtype", [torch.int32, torch.uint8, torch.bool, torch.int64, torch.float32])
def test_what_it_holds_is_given_in_it(dtype: torch.dtype) -> None:
    found = taken("the array", torch.tensor([[1.0, 0.0]]), "ids", kind(dtype))
    assert found.dtype == dtype
    assert found.tolist() == [[1, 0]]
