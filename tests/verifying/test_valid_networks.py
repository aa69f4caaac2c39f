"""Networks that prove less than most, and are right: each is published, and a wrong file of it is still refused."""

from __future__ import annotations

import warnings

import numpy as np
import onnx
import pytest

from graphspec import compiler
from graphspec.exporting import write_bundle
from graphspec.verifying import Workers
from graphspec.verifying.runner import Runner
from graphspec.verifying.runtimes.runtime import ONNXRUNTIME, UNOPTIMISED
from graphspec.verifying.verify import Judge

X = '[inputs]\nx = ["N", 8]\n[layers]\n'
IDS = '[inputs]\nids = { shape = ["N", "T"], dtype = "int64" }\n[layers]\n'
#: Network → its text, and the shape of the constant that is then made wrong in its file.
NETWORKS = {
    "an output that no weight reaches": (
        '[inputs]\nimage = ["N", 1, 8, 8]\n[layers]\npool = { type = "AvgPool2d", kernel_size = 2 }\nflat = "Flatten"\n'
        'fc = { type = "Linear", out_features = 3 }\n[outputs]\nlogits = "fc"\nthumbnail = "pool"',
        (3, 16),
    ),
    "no weights at all": (X + 'unit = { type = "normalize", dim = 1 }', None),
    "a float output in steps": (X + 'fc = { type = "Linear", out_features = 8 }\ns = "sign"', (8, 8)),
    "rounded values": (X + 'fc = { type = "Linear", out_features = 8 }\ns = "floor"', (8, 8)),
    "the logarithm of an input": (X + 'l = "log"\nfc = { type = "Linear", out_features = 3 }', (3, 8)),
    "the root of an input": (X + 'l = "sqrt"\nfc = { type = "Linear", out_features = 3 }', (3, 8)),
    "an id for padding": (
        IDS + 'real = { type = "ne", other = 77 }\nones = { type = "to", dtype = "int32" }\n'
        'count = { type = "cumsum", dim = 1 }\nkept = { type = "mul", from = ["count", "ones"] }\n'
        'rows = { type = "Embedding", num_embeddings = 40, embedding_dim = 4 }',
        (),
    ),
    "a learned number": (
        X + 'fc = { type = "Linear", out_features = 3 }\n'
        'lam = { type = "Parameter", shape = [1], init = { type = "constant_", val = -6.0 } }\n'
        '[outputs]\nu = "fc"\nl = "lam"',
        (1,),
    ),
    "one number for all": (
        X + 'fc = { type = "Linear", out_features = 3 }\nm = { type = "mean", dim = [0, 1] }',
        (3, 8),
    ),
    "an output without elements": (
        X + 'fc = { type = "Linear", out_features = 3 }\nnone = { type = "slice", dim = 1, start = 0, end = 0 }\n'
        '[outputs]\na = "fc"\nb = "none"',
        (3, 8),
    ),
    "no number where nothing is positive": (
        X + 'fc = { type = "Linear", out_features = 3 }\npart = "ReLU"\n'
        'all = { type = "sum", dim = 1, keepdim = true }\n'
        'share = { type = "div", from = ["part", "all"], broadcast = true }',
        (3, 8),
    ),
    "weights next to nothing": (
        X + 'fc = { type = "Linear", out_features = 3, bias = false, init = { type = "constant_", val = 1e-30 } }',
        (3, 8),
    ),
    "whether a number is none": (X + 'y = "isnan"', None),
    "whether a number is infinite": (X + 'y = "isinf"', None),
    "whether a number is nothing": (X + 'y = "logical_not"', None),
    "remainders by ids": (
        '[inputs]\nids = { shape = ["N", "T"], dtype = "int64" }\nby = { shape = ["N", "T"], dtype = "int64" }\n'
        '[layers]\ny = { type = "remainder", from = ["ids", "by"] }',
        None,
    ),
    "an output at its end": (
        X + 'fc = { type = "Linear", out_features = 3 }\nhigh = { type = "add", other = 1000.0 }\none = "Sigmoid"\n'
        '[outputs]\na = "fc"\nb = "one"',
        (3, 8),
    ),
    "an output that is zero": (
        X + 'fc = { type = "Linear", out_features = 3 }\nlow = { type = "sub", other = 1e9 }\noff = "ReLU"\n'
        '[outputs]\na = "fc"\nb = "off"',
        (3, 8),
    ),
}


def damaged(path, shape):
    """The file with the first constant of `shape` made wrong."""
    model = onnx.load(path)
    tensors = ((tensor, onnx.numpy_helper.to_array(tensor)) for tensor in model.graph.initializer)
    tensor, array = next((tensor, array) for tensor, array in tensors if array.shape in (shape, shape[::-1]))
    tensor.CopyFrom(onnx.numpy_helper.from_array(np.asarray(array + array.dtype.type(1)), tensor.name))
    onnx.save(model, path.with_name("wrong.onnx"))
    return path.with_name("wrong.onnx")


@pytest.mark.parametrize("name", NETWORKS)
def test_it_is_published_and_a_wrong_file_is_not(name, tmp_path):
    text, shape = NETWORKS[name]
    network = compiler.load(f"graphspec = 1\n{text}\n")
    shaped = network.shaped
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = write_bundle(network, tmp_path, formats=["onnx"], opset_version=20).path("onnx")
    with Judge(network, Runner(shaped, Workers(("onnx",)))) as judge:
        judge.files(dict.fromkeys((UNOPTIMISED, ONNXRUNTIME), path), 20).raise_if_failed()
        if shape is not None:
            wrong = damaged(path, shape)
            assert not judge.files(dict.fromkeys((UNOPTIMISED, ONNXRUNTIME), wrong), 20).passed
