"""Shapes of small dense networks are found without torch.compile, and are those that torch itself gives."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from graphspec.shapes import call

SCRIPT = """
import sys
import graphspec
graphspec.compile({
    "graphspec": 1, "inputs": {"image": ["N", 1, 28, 28]},
    "layers": {"flatten": "Flatten", "fc1": {"type": "Linear", "out_features": 128}, "act": ACTIVATION,
               "drop": "Dropout", "fc2": {"type": "Linear", "out_features": 10}},
})
print("torch._dynamo" in sys.modules)
"""


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["ReLU", "GELU", "Tanh", "SiLU", "LeakyReLU"])
def test_torch_compile_stays_away(activation: str) -> None:
    script = SCRIPT.replace("ACTIVATION", repr(activation))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def meta(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.empty(shape, dtype=dtype, device="meta")


CALLS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "linear": (torch.addmm, (meta(3), meta(7, 5), meta(5, 3))),
    "linear, wrong sizes": (torch.addmm, (meta(3), meta(7, 4), meta(5, 3))),
    "linear, float64": (torch.addmm, tuple(meta(*shape, dtype=torch.float64) for shape in ((3,), (7, 5), (5, 3)))),
    "mixed dtypes": (torch.addmm, (meta(3, dtype=torch.float64), meta(7, 5), meta(5, 3))),
    "a bias that is stretched": (torch.addmm, (meta(1), meta(7, 5), meta(5, 3))),
    "one operand": (torch.relu, (meta(7, 5),)),
    "a truth value": (torch.isnan, (meta(7, 5),)),
    "two operands": (torch.add, (meta(7, 5), meta(7, 5, dtype=torch.float64))),
    "two shapes": (torch.mul, (meta(7, 5), meta(5))),
    "strides": (torch.add, (meta(1, 5).expand(7, 5), meta(5, 7).t())),
    "whole numbers": (torch.sin, (meta(7, dtype=torch.int64),)),
    "a number": (torch.pow, (meta(7, 5, dtype=torch.bfloat16), 2)),
    "what torch refuses": (torch.bitwise_and, (meta(7), meta(7))),
}


@pytest.mark.parametrize("name", CALLS)
def test_it_is_what_torch_gives(name: str) -> None:
    def answer(mode: Any) -> Any:
        function, arguments = CALLS[name]
        try:
            with mode:
                found = function(*arguments)
        except (RuntimeError, TypeError, NotImplementedError) as error:
            return str(error)
        return found.shape, found.dtype, found.stride(), found.device

    assert answer(call._Flops()) == answer(torch.no_grad())
