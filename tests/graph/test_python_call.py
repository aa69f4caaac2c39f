"""A layer as Python makes it, written as a spec."""

from __future__ import annotations

import pytest

from graphspec.graph.python_call import spec_of


@pytest.mark.parametrize(
    ("python", "spec"),
    [
        ("nn.Linear(784, 10)", '{ type = "Linear", out_features = 10 }'),
        ("torch.nn.Conv2d(1, 32, kernel_size=3)", '{ type = "Conv2d", out_channels = 32, kernel_size = 3 }'),
        ("nn.Conv2d(1, 3, (3, 3), bias=False)",
         '{ type = "Conv2d", out_channels = 3, kernel_size = [3, 3], bias = false }'),
        ("nn.Linear(n, 10)", '{ type = "Linear", out_features = 10 }'),
        ("ReLU()", '"ReLU"'),
        ("torch.cat", '"cat"'),
        ("F.relu(x)", '"relu"'),
        ("os.system('x')", ""),
        ("nn.Linear(9**9**9, 3)", '{ type = "Linear", out_features = 3 }'),
        ("nn.Linear((((", ""),
        ("nn.Foo(3)", ""),
        ("Linear", ""),
        ("nn." + "L" * 300, ""),
    ],
)  # fmt: skip
def test_what_python_makes_as_a_spec_writes_it(python: str, spec: str) -> None:
    assert spec_of(python) == spec
