"""Shapes of recurrent layers, inferred from a few steps, against a real forward."""

import pytest
import torch
from torch import nn

from graphspec.compiler import load, shape
from graphspec.diagnostics import GraphspecError


def _spec(kind: str, dims: list, **arguments) -> dict:
    layers = {"rnn": {"type": kind, "hidden_size": 16, **arguments}}
    return {"graphspec": 1, "inputs": {"x": dims}, "layers": layers}


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("dims", [["N", "T", 8], ["N", 28, 8], [5, 5, 8], ["T", 8]], ids=str)
@pytest.mark.parametrize("batch_first", [True, False])
def test_shapes_are_those_of_a_real_forward(kind: str, dims: list, batch_first: bool) -> None:
    arguments = {"batch_first": batch_first, "bidirectional": True, "num_layers": 2}
    rnn = shape(load(_spec(kind, dims, **arguments))).layers[0]
    module = getattr(nn, kind)(8, 16, **arguments)
    for sizes in ({"N": 3, "T": 7}, {"N": 1, "T": 2}):
        value = torch.zeros([sizes.get(dim, dim) for dim in dims])
        output, hidden = module(value)
        real = {(0,): output, (1,): hidden} if kind != "LSTM" else {(0,): output, (1, 0): hidden[0], (1, 1): hidden[1]}
        for index, inferred in rnn.outputs.items():
            found = [d if isinstance(d, int) else int(d.subs(_sizes(d, sizes))) for d in inferred.shape]
            assert found == list(real[index].shape), index


def _sizes(dim, sizes: dict[str, int]) -> dict:
    return {symbol: sizes[str(symbol)] for symbol in dim.free_symbols}


def test_a_long_sequence_costs_no_more_than_a_short_one() -> None:
    """Step by step, this one would take minutes."""
    output = shape(load(_spec("GRU", ["N", 100_000, 8], batch_first=True))).layers[0].outputs[0,]
    assert str(output) == "N × 100000 × 16"


def test_flops_are_those_of_every_step() -> None:
    """2 multiply-adds for each weight of a GRU's two matrices, at every step of every sequence."""
    gru = shape(load(_spec("GRU", ["N", "T", 8], batch_first=True))).layers[0]
    assert str(gru.flops) == f"{2 * (48 * 8 + 48 * 16)}*N*T"


def test_an_image_is_refused() -> None:
    with pytest.raises(GraphspecError, match="4 dims"):
        shape(load(_spec("GRU", ["N", 3, 8, 8], batch_first=True)))
