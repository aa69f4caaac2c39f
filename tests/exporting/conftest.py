"""Two small networks, each exported once: a residual one with open image size, and a recurrent one over ids."""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import pytest
import torch

from graphspec import compiler
from graphspec.exporting import Metadata, write_bundle

RESIDUAL = """
graphspec = 1
name = "residual"
[inputs]
image = ["N", 3, "H", "W"]
[layers]
conv1   = { type = "Conv2d", out_channels = 6, kernel_size = 3, stride = 2, padding = 1 }
layer1  = { type = "Block", repeat = 2 }
avgpool = { type = "AdaptiveAvgPool2d", output_size = 1 }
flatten = "Flatten"
fc      = { type = "Linear", out_features = 5 }
[outputs]
relu     = "fc"        # another layer's value has this name in the file
features = "flatten"
again    = "fc"
[blocks.Block.layers]
conv = { type = "Conv2d", out_channels = 6, kernel_size = 3, padding = 1, bias = false }
bn   = "BatchNorm2d"
add  = { type = "add", from = ["bn", "x"] }
relu = "ReLU"
"""
RECURRENT = """
graphspec = 1
name = "recurrent"
[inputs]
tokens = { shape = ["N", "T"], dtype = "int64" }
bias   = ["N", 4]
[layers]
embed = { type = "Embedding", num_embeddings = 30, embedding_dim = 6, from = "tokens" }
lstm  = { type = "LSTM", hidden_size = 8, batch_first = true }
last  = { type = "select", from = "lstm", dim = 1, index = -1 }
fc    = { type = "Linear", out_features = 4 }
sum   = { type = "add", from = ["fc", "bias"] }
"""
FORMATS = ("onnx", "torchscript", "pt2")


def built(text):
    network = compiler.load(text, seed=1)
    for name, buffer in network.module.named_buffers():
        if buffer.is_floating_point():  # batch statistics as after training
            buffer.uniform_(0.5, 1.5, generator=torch.Generator().manual_seed(len(name)))
    return network


TRANSFORMS = [{"type": "Normalize", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}]


def exported(text, folder, labels=None, transforms=None):
    network = built(text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bundle = write_bundle(network, folder, formats=FORMATS, opset_version=20, metadata=Metadata(labels, transforms))
    return SimpleNamespace(network=network, shaped=network.shaped, module=network.module, bundle=bundle, folder=folder)


@pytest.fixture(scope="session")
def residual(tmp_path_factory):
    return exported(RESIDUAL, tmp_path_factory.mktemp("residual"), ["a", "b", "c", "d", "é"], TRANSFORMS)


@pytest.fixture(scope="session")
def recurrent(tmp_path_factory):
    return exported(RECURRENT, tmp_path_factory.mktemp("recurrent"))


@pytest.fixture(params=["residual", "recurrent"])
def export(request):
    return request.getfixturevalue(request.param)
