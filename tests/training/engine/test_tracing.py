"""A traced function gives the same bits as the function, for other inputs of the same shapes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from graphspec.training.engine.tracing import traced

TABLE = torch.arange(12.0).view(3, 4)


def gradient(x: Tensor, weight: Tensor) -> tuple[Tensor, ...]:
    x, weight = x.detach().requires_grad_(), weight.detach().requires_grad_()
    loss = (nn.functional.gelu(x @ weight).softmax(1) ** 2).mean()
    return loss, *torch.autograd.grad(loss, [x, weight])


def in_place(x: Tensor, weight: Tensor) -> Tensor:
    y = x @ weight
    y.relu_().add_(1)
    return y * 2


def several_results(x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    first, second, *_ = (x @ weight).split(1, dim=1)
    values, order = second.flatten().sort()
    return first * values.sum(), order


FUNCTIONS: dict[str, Callable[[Tensor, Tensor], object]] = {
    "gradient": gradient,
    "in place": in_place,
    "several results": several_results,
    "a constant": lambda x, weight: (x @ weight) + TABLE.sum() * TABLE[0],
    "an input given back, and nothing": lambda x, weight: (x, None, weight.t()),
}


def inputs(seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(5, 3, generator=generator), torch.randn(3, 4, generator=generator)]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_is_the_same_function(name: str) -> None:
    function = FUNCTIONS[name]
    found = traced(function, inputs(0))
    for seed in (0, 1):
        expected = torch.utils._pytree.tree_leaves(function(*inputs(seed)))
        for ours, theirs in zip(torch.utils._pytree.tree_leaves(found(*inputs(seed))), expected, strict=True):
            assert ours is theirs is None or torch.equal(ours, theirs)


def test_layers_draw_their_random_numbers_anew() -> None:
    found = traced(lambda x, weight: nn.functional.dropout(x, 0.5), inputs(0))
    torch.manual_seed(3)
    first, second = found(*inputs(0)), found(*inputs(0))
    torch.manual_seed(3)
    assert torch.equal(first, nn.functional.dropout(inputs(0)[0], 0.5))
    assert not torch.equal(first, second)


def test_what_nobody_reads_is_left_out() -> None:
    found = traced(lambda x, weight: ((x @ weight).exp(), x.sin())[1], inputs(0))
    assert [node.op for node in found.graph.nodes] == ["placeholder", "placeholder", "call_function", "output"]


def test_results_have_shape_and_dtype() -> None:
    *_, greatest, _ = traced(lambda x, weight: (x @ weight).argmax(1), inputs(0)).graph.nodes
    assert (greatest.meta["val"].shape, greatest.meta["val"].dtype) == ((5,), torch.int64)
