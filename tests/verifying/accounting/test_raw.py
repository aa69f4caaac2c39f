"""Weights in files that show none by name: whatever form they have there, a changed one is named."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from graphspec import compiler
from graphspec.exporting.capture import eval_network
from graphspec.exporting.sampler import Sampler
from graphspec.module.weights import whole_state
from graphspec.verifying.accounting.raw import account_raw
from graphspec.verifying.own_files import OwnFiles
from graphspec.verifying.runner import Runner
from graphspec.verifying.runtimes.workers import Workers

SPEC = """
graphspec = 1
[inputs]
image = ["N", 2, 5, 5]
[layers]
conv    = { type = "Conv2d", out_channels = 3, kernel_size = 2 }
flatten = "Flatten"
fc      = { type = "Linear", out_features = 4 }
"""
SHIFT = """
shift = { type = "Buffer", shape = [4], persistent = false }
out   = { type = "add", from = ["fc", "shift"], broadcast = true }
"""


@pytest.fixture(scope="module")
def network():
    return compiler.load(SPEC, seed=1)


def file_of(weights, form):
    return b"head" + b"".join(b"\0\7" + form(name, value).tobytes() for name, value in weights.items()) + b"tail"


FORMS = {
    "as it is": lambda name, value: value,
    "channels last": lambda name, value: np.moveaxis(value, 1, -1) if value.ndim > 1 else value,
    "transposed": lambda name, value: value.T,
}


@pytest.mark.parametrize("form", FORMS)
def test_a_weight_that_is_another_is_named_with_its_layer(network, form):
    weights = {name: value.numpy() for name, value in network.module.state_dict().items()}
    own, layers = file_of(weights, FORMS[form]), network.shaped.layers
    assert account_raw(own, own, weights, layers).differences == ()
    changed = {**weights, "fc.bias": weights["fc.bias"] * np.float32(1.01)}
    found = account_raw(own, file_of(changed, FORMS[form]), weights, layers)
    assert (found.differences, found.layer) == (('layer "fc": fc.bias is not there as the network has it',), "fc")
    moved = b"more" + own
    assert account_raw(own, moved, weights, layers).differences == ()


def test_what_is_folded_into_others_is_left_to_numbers(network):
    weights = {name: value.numpy() for name, value in network.module.state_dict().items()}
    found = account_raw(b"nothing of it", b"neither here", weights, network.shaped.layers)
    assert (found.differences, found.layer, found.unaccounted) == ((), "", ())


def test_one_of_two_equal_weights_that_is_another_is_named(network):
    weights = {name: value.numpy() for name, value in network.module.state_dict().items()}
    weights |= {name: np.ones(4, np.float32) for name in ("conv.scale", "fc.scale")}
    own, changed = (
        file_of(weights, FORMS["as it is"]),
        file_of({**weights, "fc.scale": 2 * weights["fc.scale"]}, FORMS["as it is"]),
    )
    assert account_raw(own, b"more" + changed, weights, network.shaped.layers).differences


def test_a_constant_outside_the_state_dict_is_accounted_for(tmp_path):
    network = compiler.load(f"{SPEC}{SHIFT}", seed=1)
    network = eval_network(network.with_state(lambda: whole_state(network.module) | {"shift": torch.arange(4.0)}))
    weights = {name: value.numpy() for name, value in whole_state(network.module).items()}
    assert "shift" in weights.keys() - network.module.state_dict().keys()
    other = tmp_path / "model.pte"
    other.write_bytes(file_of({**weights, "shift": 2 * weights["shift"]}, FORMS["as it is"]))
    with Runner(network.shaped, Workers(())) as runner:
        own = OwnFiles(network, Sampler.of(network), runner)
        own.file = lambda format, opset_version: runner.scratch / "own.pte"
        own.file("executorch", 0).write_bytes(file_of(weights, FORMS["as it is"]))
        found = own.account_raw("executorch", other)
    assert (found.differences, found.layer) == (
        ('layer "shift": shift is not there as the network has it',),
        "shift",
    )
