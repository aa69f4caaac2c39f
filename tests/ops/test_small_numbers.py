"""A setting so small that float32 cannot hold what is divided by it is refused, not an error of torch's in forward."""

from __future__ import annotations

import pytest
import torch

import graphspec

SPEC = 'graphspec = 1\n[inputs]\nx = ["N", 4]\n[layers]\ny = {{ type = "{type}", {name} = {value} }}\n'


@pytest.mark.parametrize("value", ["1e-308", "-1e-308", "1e-40", "5e-324"])
@pytest.mark.parametrize(("type", "name"), [("CELU", "alpha"), ("ELU", "alpha"), ("LayerNorm", "eps")])
def test_next_to_nothing_is_refused(type: str, name: str, value: str) -> None:
    with pytest.raises(graphspec.GraphspecError, match=f'"{name}" is {value}'):
        graphspec.compile(SPEC.format(type=type, name=name, value=value))


@pytest.mark.parametrize("value", ["1e-37", "-1e-30", "1e-8", "1.0"])
def test_what_float32_holds_is_taken(value: str) -> None:
    module = graphspec.compile(SPEC.format(type="CELU", name="alpha", value=value))
    x = torch.randn(5, 4)
    assert torch.equal(module(x), torch.nn.functional.celu(x, float(value)))


def test_an_operand_may_be_any_number() -> None:
    assert graphspec.compile(SPEC.format(type="add", name="other", value="1e-300"))(torch.zeros(2, 4)).shape == (2, 4)
