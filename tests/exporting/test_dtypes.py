"""Functions of every dtype are torch's in every format, or refused with their layer; see ``benchmarks/campaigns``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from graphspec import compiler
from graphspec.exporting.capture import capture
from graphspec.exporting.onnx import write_onnx

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "campaigns"))
from dtypes import judge
from layer_cases import Case

REDUCTIONS = [{"type": name, "dim": 1} for name in ("sum", "mean", "var", "amax", "amin", "cumsum", "prod", "norm")]
CLAMP, POW, PAD = (
    {"type": "clamp", "min": 1, "max": 3},
    {"type": "pow", "exponent": 2},
    {"type": "ZeroPad1d", "padding": 1},
)
#: Torch casts before it computes.
CAST = [{"type": name, "dim": 1, "dtype": "float32"} for name in ("sum", "mean", "softmax", "log_softmax", "cumsum")]
WHOLE = [{"type": name, "dim": 1} for name in ("sum", "amax", "amin", "argmax", "cumsum", "prod")]
#: Input's dtype → layers that read it, each an output.
RIGHT = {
    "float16": [
        *REDUCTIONS, *CAST, {"type": "exp"}, {"type": "GELU"}, {"type": "CELU"}, {"type": "to", "dtype": "float32"},
    ],
    "float64": [
        *REDUCTIONS, {"type": "exp"}, {"type": "sigmoid"}, {"type": "to", "dtype": "float32"},
        *({"type": name, "other": 0.3} for name in ("add", "sub", "mul", "div", "remainder", "fmod", "lt")),
        {"type": "clamp", "min": -0.1, "max": 0.7}, {"type": "clamp", "min": 0.1}, {"type": "pow", "exponent": 2.3},
        {"type": "LeakyReLU", "negative_slope": 0.1}, {"type": "ELU", "alpha": 0.3}, {"type": "CELU", "alpha": 0.3},
        {"type": "SELU"}, {"type": "Hardtanh", "min_val": -0.1, "max_val": 0.3}, {"type": "Hardsigmoid"},
        {"type": "Hardswish"}, {"type": "Threshold", "threshold": 0.1, "value": 0.3}, {"type": "Softplus", "beta": 0.3},
        {"type": "LogSigmoid"}, {"type": "RReLU"},
    ],
    "int16": [*WHOLE, *CAST, CLAMP, POW, PAD, {"type": "abs"}, {"type": "add", "other": 3}],
    "int64": [
        *WHOLE, CLAMP, POW,
        {"type": "sum", "dim": [0, 2], "keepdim": True}, {"type": "prod", "dim": -1, "keepdim": True},
    ],
    "bool": [{"type": name, "dim": 1} for name in ("sum", "amax", "cumsum")],
}  # fmt: skip


@pytest.mark.parametrize(
    "dtype", [d if d in ("float16", "int16") else pytest.param(d, marks=pytest.mark.slow) for d in RIGHT]
)
def test_functions_keep_the_dtype_and_the_values_of_torch(dtype):
    case = Case(dtype, (f"N 6 5:{dtype}",), tuple(map(dict, RIGHT[dtype])), parallel=True)
    assert dict(judge(case, ["onnx", "torchscript", "pt2"])) == dict.fromkeys(["onnx", "torchscript", "pt2"], "right")


def test_whole_numbers_are_added_up_and_multiplied_to_the_last_digit(tmp_path):
    lines = {
        f"{name}{k}": {"type": name, "from": "x", "dim": dim}
        for name in ("sum", "prod")
        for k, dim in enumerate([0, 1])
    }
    spec = {"graphspec": 1, "inputs": {"x": {"shape": ["N", "T"], "dtype": "int64"}}, "layers": lines}
    network = compiler.load({**spec, "outputs": {f"out_{name}": name for name in lines}})
    write_onnx(capture(network), tmp_path / "model.onnx", 20, {})
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    for x in (torch.tensor([[2**53 + 1, 2, 3], [2**62, 2**62, 5]]), torch.full((40, 2), 99), torch.tensor([[7]])):
        found = dict(zip(session.get_outputs(), session.run(None, {"x": x.numpy()}), strict=True))
        assert len(found) == 4
        for output, value in found.items():
            assert np.array_equal(value, network.module(x)[output.name].numpy()), output.name


#: The inputs' dtype, and a layer for which onnxruntime goes by way of float64, or torch's exporter gives up.
WHOLE_NUMBERS = {
    "pow": ("int64", {"type": "pow", "from": ["x", "z"]}),
    "pow of int32": ("int32", {"type": "pow", "from": ["x", "z"]}),
    "pow of int8": ("int8", {"type": "pow", "from": ["x", "z"]}),
    "cubed": ("int32", {"type": "pow", "from": "x", "exponent": 3}),
    "to the 41st": ("int64", {"type": "pow", "from": "x", "exponent": 41}),
    "to the power of 0": ("int64", {"type": "pow", "from": "x", "exponent": 0}),
    "a running product": ("int64", {"type": "cumprod", "from": "x", "dim": 1}),
    "a running product of int8": ("int8", {"type": "cumprod", "from": "x", "dim": 0}),
    "stable order": ("int64", {"type": "argsort", "from": "x", "dim": 1, "stable": True, "descending": True}),
}


@pytest.mark.parametrize("name", WHOLE_NUMBERS)
def test_powers_products_and_orders_are_those_of_torch_to_the_last_digit(name, tmp_path):
    dtype, line = WHOLE_NUMBERS[name]
    declared = {"shape": ["N", "T"], "dtype": dtype}
    inputs = {"x": declared} if line["from"] == "x" else {"x": declared, "z": declared}
    network = compiler.load({"graphspec": 1, "inputs": inputs, "layers": {"y": line}})
    write_onnx(capture(network), tmp_path / "model.onnx", 20, {})
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    for sizes in ((1, 1), (2, 7), (7, 2)):
        x = torch.randint(-130, 130, sizes).clamp(torch.iinfo(getattr(torch, dtype)).min, 127)
        x[0, 0] = 1
        given = {"x": x, "z": torch.randint(-3, 70, sizes)}
        given = {key: given[key].to(getattr(torch, dtype)) for key in inputs}
        (found,) = session.run(None, {key: value.numpy() for key, value in given.items()})
        wanted = network.module(*given.values()).numpy()
        assert found.dtype == wanted.dtype
        assert np.array_equal(found, wanted)


def test_a_running_product_multiplies_from_the_first_on(tmp_path):
    """In another order 1e30 × 1e30 would be infinite."""
    network = compiler.load(
        {"graphspec": 1, "inputs": {"x": ["N", "T"]}, "layers": {"y": {"type": "cumprod", "dim": 1}}}
    )
    write_onnx(capture(network), tmp_path / "model.onnx", 20, {})
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    for x in (torch.tensor([[1e-30, 1e30, 1e30, 0.5]]), torch.tensor([[1e30, 1e30, 0.0]])):
        assert np.array_equal(session.run(None, {"x": x.numpy()})[0], network.module(x).numpy(), equal_nan=True)


@pytest.mark.parametrize("given", [("N T 6", "1 T 2"), ("N 1 6", "1 T 2"), ("1 5 6", "N 5 2"), ("N T 6", "N T 2")])
def test_take_along_dim_fixes_no_size(given, tmp_path):
    shapes = [[int(size) if size.isdigit() else size for size in text.split()] for text in given]
    inputs = {"x": shapes[0], "i": {"shape": shapes[1], "dtype": "int64"}}
    line = {"type": "take_along_dim", "from": ["x", "i"], "dim": 2}
    network = compiler.load({"graphspec": 1, "inputs": inputs, "layers": {"y": line}})
    captured = capture(network)
    write_onnx(captured, tmp_path / "model.onnx", 20, {})
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    for count in (1, 2, 17):
        sizes = {"N": count, "T": count + 3}
        x, index = (torch.randn([sizes.get(size, size) for size in shape]) for shape in shapes)
        i = (index * 50).long() % 6
        wanted = torch.take_along_dim(x, i, 2).numpy()
        assert np.array_equal(network.module(x, i).numpy(), wanted)
        assert np.array_equal(captured.program.module()(x, i).numpy(), wanted)
        assert np.array_equal(session.run(None, {"x": x.numpy(), "i": i.numpy()})[0], wanted)


INSIDE = [
    {"type": "to", "dtype": "bfloat16"},
    {"type": "exp"},
    {"type": "sum", "dim": 1},
    {"type": "to", "dtype": "float32"},
]


def test_bfloat16_inside_a_network_is_computed_as_torch_does():
    case = Case("inside", ("N 6",), tuple(INSIDE))
    assert dict(judge(case, ["onnx", "pt2"])) == {"onnx": "right", "pt2": "right"}


@pytest.mark.parametrize(
    ("dtype", "layer", "refusal"),
    [
        (
            "float64", {"type": "GELU"},
            'layer "y0" (GELU) cannot be written as ONNX: onnxruntime has no Gelu of float64',
        ),
        (
            "bfloat16", {"type": "exp"},
            'the input "a" cannot be written as onnx: onnxruntime takes and gives no bfloat16',
        ),
        (
            "int8", {"type": "MaxPool1d", "kernel_size": 2},
            'layer "y0" (MaxPool1d) accepts no size that was tried: "max_pool1d',
        ),
    ],
)  # fmt: skip
def test_what_has_no_kernel_is_refused_with_its_place(dtype, layer, refusal):
    verdicts = dict(judge(Case(dtype, (f"N 8 6:{dtype}",), (layer,)), ["onnx"]))
    assert [verdict.startswith(f"refused: {refusal}") for verdict in verdicts.values()] == [True]
