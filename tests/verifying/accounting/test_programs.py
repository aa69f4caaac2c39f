"""What a TorchScript or ``.pt2`` file has otherwise than the network's own is said, without luck."""

from __future__ import annotations

import copy
import warnings

import pytest

from graphspec import compiler
from graphspec.exporting.capture import capture, eval_network
from graphspec.exporting.pt2 import write_pt2
from graphspec.exporting.sampler import Sampler
from graphspec.exporting.torchscript import write_torchscript
from graphspec.verifying import Workers
from graphspec.verifying.own_files import OwnFiles
from graphspec.verifying.runner import Runner
from graphspec.verifying.runtimes.runtime import RUNTIMES

TEXT = """
graphspec = 1
[inputs]
ids = { shape = ["N", "T"], dtype = "int64" }
[layers]
embed = { type = "Embedding", num_embeddings = 500, embedding_dim = 8 }
gru   = { type = "GRU", hidden_size = 6, batch_first = true }
norm  = { type = "LayerNorm", eps = 1e-5 }
fc    = { type = "Linear", out_features = 5 }
act   = { type = "LeakyReLU", negative_slope = 0.01 }
off   = { type = "Linear", out_features = 4 }
relu  = "ReLU"
out   = { type = "Linear", out_features = 3 }
"""
WRITERS = {"torchscript": write_torchscript, "pt2": write_pt2}


def one_weight(module):
    module.fc.weight.data[1, 2] *= 1.0001


def dead_bias(module):
    module.off.bias.data[3] -= 1.0


def one_row(module):
    module.embed.weight.data[417] += 0.5


def built(text=TEXT, change=None):
    network = compiler.load(text, seed=1)
    network.module.off.bias.data[3] = -1e6  # a unit that no input turns on
    if change:
        module = copy.deepcopy(network.module)
        change(module)
        network = network.with_module(module, network.weights)
    return network


@pytest.fixture(scope="module")
def own():
    network = built()
    with Runner(network.shaped, Workers(tuple(WRITERS))) as runner:
        yield OwnFiles(network, Sampler.of(eval_network(network)), runner)


def found(own, format, network, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        WRITERS[format](capture(network), path, {})
    runtime = next(r for r in RUNTIMES if r.name == format)
    return own.account_program(runtime, path, same_torch=True)


@pytest.mark.parametrize("format", WRITERS)
@pytest.mark.parametrize(
    ("change", "layer", "said"),
    [
        (one_weight, "fc", "fc.weight differs in 1 of 30 values"),
        (dead_bias, "off", "off.bias differs in 1 of 4 values"),
        (one_row, "embed", "embed.weight differs in 8 of 4,000 values"),
    ],
    ids=["one weight by 0.01 %", "the bias of a dead unit", "a row of an Embedding"],
)
def test_a_changed_tensor_is_said_with_its_layer(own, format, change, layer, said, tmp_path):
    account = found(own, format, built(change=change), tmp_path / f"changed.{format}")
    assert account.differences == (f'layer "{layer}": {said}',)
    assert account.layer == layer


@pytest.mark.parametrize("format", WRITERS)
@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("negative_slope = 0.01", "negative_slope = 0.0100001"),
        pytest.param("eps = 1e-5", "eps = 2e-5", marks=pytest.mark.slow),
        pytest.param('"ReLU"', '"ReLU6"', marks=pytest.mark.slow),
    ],
)
def test_a_changed_step_is_said(own, format, was, now, tmp_path):
    account = found(own, format, built(TEXT.replace(was, now)), tmp_path / f"changed.{format}")
    assert account.differences


@pytest.mark.parametrize("format", WRITERS)
def test_a_file_that_was_written_again_differs_in_nothing(own, format, tmp_path):
    account = found(own, format, built(), tmp_path / f"again.{format}")
    assert account.differences == account.unaccounted == ()


def test_steps_of_another_torch_are_left_to_numbers(own, tmp_path):
    runtime = next(r for r in RUNTIMES if r.name == "pt2")
    network = built(TEXT.replace("eps = 1e-5", "eps = 2e-5"), change=one_weight)
    write_pt2(capture(network), tmp_path / "other.pt2", {})
    account = own.account_program(runtime, tmp_path / "other.pt2", same_torch=False)
    assert account.differences == ('layer "fc": fc.weight differs in 1 of 30 values',)
    assert account.unaccounted == ("the steps of other.pt2, which another version of torch wrote",)
