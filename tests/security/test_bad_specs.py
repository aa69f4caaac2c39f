"""What is wrong with a spec, by name, with the code of its error, in TOML and in JSON.

Texts that are no document are tests/spec and tests/invalid, sizes of texts tests/spec/test_hostile_texts.py; each whole
message is tests/invalid.
"""

from __future__ import annotations

import datetime
import json
import math
import time
import tomllib
import warnings
from typing import Any

import pytest

from graphspec import compiler
from graphspec.diagnostics import CODES, GraphspecError, GraphspecWarning

FLAT, IMAGE = 'x = ["N", 8]', 'x = ["N", 8, 8, 8]'
IDS = 'x = { shape = ["N", 4], dtype = "int64" }'
HUGE = 10**30
TERA = 2**40


def spec(layers: str, inputs: str = FLAT, more: str = "") -> str:
    return f"graphspec = 1\n[inputs]\n{inputs}\n[layers]\n{layers}\n{more}\n"


def linear(value: str, inputs: str = FLAT) -> str:
    return spec(f'a = {{ type = "Linear", out_features = {value} }}', inputs)


def conv(more: str, kernel: str = "3", inputs: str = IMAGE) -> str:
    return spec(f'a = {{ type = "Conv2d", out_channels = 8, kernel_size = {kernel}{more} }}', inputs)


def image(layer: str) -> str:
    return spec(f"a = {{ {layer} }}", IMAGE)


#: A spec; then the code of its error, or of its warning, or "" where nothing is wrong with it.
SPECS: dict[str, tuple[str, str]] = {
    "a number that is not finite": (spec('a = { type = "Dropout", p = 1e400 }'), "bad-value"),
    "not a number": (spec('a = { type = "Dropout", p = nan }'), "bad-value"),
    "a float for an integer 3.0": (linear("3.0"), "wrong-type"),
    "a float for an integer 1e3": (linear("1e3"), "wrong-type"),
    "a boolean for an integer": (linear("true"), "wrong-type"),
    "a text for an integer": (linear('"3"'), "wrong-type"),
    "an unknown section key": (spec("a = 'ReLU'", FLAT, "[trian]\nepochs = 1"), "unknown-key"),
    "a type mistyped": (image('type = "Conv2D"'), "unknown-layer"),
    "an argument mistyped": (conv(", kernal_size = 3"), "unknown-argument"),
    "no out_features": (spec('a = { type = "Linear" }'), "missing-argument"),
    "a key that runs code _target_": (spec('a = { type = "ReLU", _target_ = "os.system" }'), "unknown-argument"),
    "a key that runs code module": (spec('a = { type = "ReLU", module = "os" }'), "unknown-argument"),
    "a key that runs code class_name": (spec('a = { class_name = "ReLU" }'), "missing-key"),
    **{f"type {name}": (spec(f'a = "{name}"'), "unknown-layer") for name in ("os.system", "torch.load", "eval")},
    "a layer of code": (spec('a = "Lambda"'), "unknown-layer"),
    "a text for a number URL": (linear('"http://a/b"'), "wrong-type"),
    "a text for a number path": (conv("", '"/etc/passwd"'), "wrong-type"),
    "nothing in layers": (spec(""), "missing-key"),
    "a number as date": (linear("2024-01-01"), "wrong-type"),
    "a kernel of two dims with one of two": (conv("", "[3]"), "wrong-type"),
    "a kernel of two dims with three of two": (conv("", "[3, 3, 3]"), "wrong-type"),
    "10^30 as feature": (linear(str(HUGE)), "too-large"),
    "10^30 as dim": (spec("a = 'ReLU'", f'x = ["N", {HUGE}]'), "too-large"),
    "minus zero": (linear("-0"), "bad-value"),
    "a padding of minus zero": (conv(", padding = -0"), ""),
    "p of minus zero": (spec('a = { type = "Dropout", p = -0.0 }'), ""),
    **{f"torch's own name {name}": (spec(f'{name} = "ReLU"'), "reserved-name")
       for name in ("forward", "training", "to", "state_dict")},
    **{f"Python's word {name}": (spec(f'{name} = "ReLU"'), "reserved-name") for name in ("class", "lambda", "None")},
    **{f"Python's name {name}": (spec(f'{name} = "ReLU"'), "bad-name") for name in ("__class__", "__init__")},
    **{f"a layer called {name!r}": (spec(f'"{name}" = "ReLU"'), "bad-name") for name in ("a.b", "", "a b", "1a")},
    "a layer called digits": (spec('0 = "ReLU"\n1 = "ReLU"'), ""),
    "a name that is code": (spec("'forward\"), eval(bytes([1])), (\"' = \"ReLU\""), "bad-name"),
    **{f"a path: {name}": (spec(f"'{name}' = \"ReLU\""), "bad-name") for name in ("../../etc/passwd", "C:\\x")},
    "a path: con": (spec('con = "ReLU"'), "reserved-name"),
    **{f"letters that deceive {name!a}": (spec(f'"{name}" = "ReLU"'), "bad-name")
       for name in ("a\u202eb", "\u0430", "\U0001f600", "e\u0301")},
    "names that differ in case": (spec('a = "ReLU"\nA = "ReLU"'), "name-clash"),
    "a name that is too long": (spec(f'{"a" * 65} = "ReLU"'), "bad-name"),
    "code as the name of an input": (spec('a = "ReLU"', '"x=open(..)" = ["N", 8]'), "bad-name"),
    "an output with its layer's name": (spec('a = "ReLU"', FLAT, '[outputs]\na = "a"'), ""),
    "an output with another layer's name": (spec('a = "ReLU"\nb = "ReLU"', FLAT, '[outputs]\na = "b"'), "name-clash"),
    "an output with the name of an input": (spec('a = "ReLU"', FLAT, '[outputs]\nx = "a"'), "name-clash"),
    "an input with the name of the only output": (spec('a = "ReLU"', 'output = ["N", 8]'), "name-clash"),
    "a cycle": (spec('a = { type = "add", from = ["x", "b"] }\nb = "ReLU"'), "cycle"),
    "a layer of its own output": (spec('a = { type = "add", from = ["x", "a"] }'), "cycle"),
    "an unknown reference": (spec('a = { type = "ReLU", from = "y" }'), "unknown-reference"),
    "an unused layer": (spec('a = "ReLU"\nb = { type = "ReLU", from = "x" }'), "unused-layer"),
    "an unused input": (spec('a = { type = "ReLU", from = "x" }', f'{FLAT}\ny = ["N", 8]'), "unused-input"),
    "an unknown output": (spec('a = "ReLU"', FLAT, '[outputs]\no = "b"'), "unknown-reference"),
    "inputs of a layer: none": (spec('a = { type = "ReLU", from = [] }'), "arity"),
    "inputs of a layer: too many": (spec('a = { type = "ReLU", from = ["x", "x"] }'), "arity"),
    "inputs of a layer: too few": (spec('a = "add"'), "arity"),
    "one value twice": (spec('a = { type = "add", from = ["x", "x"] }'), ""),
    "two graphs, one unused": (spec('a = { type = "ReLU", from = "x" }\nb = { type = "ReLU", from = "y" }',
                           f'{FLAT}\ny = ["N", 8]'), "unused-layer"),
    "a line that names a later one": (spec('a = { type = "ReLU", from = "b" }\nb = { type = "ReLU", from = "x" }',
                  FLAT, '[outputs]\no = "a"'), ""),
    "a block inside itself": (spec('a = "B"', FLAT, '[blocks.B.layers]\nc = "B"'), "recursion"),
    "blocks inside each other": (
        spec('a = "B"', FLAT, '[blocks.B.layers]\nc = "C"\n[blocks.C.layers]\nc = "B"'), "recursion",
    ),
    "repeat 0": (spec('a = { type = "ReLU", repeat = 0 }'), "bad-value"),
    "repeat -1": (spec('a = { type = "ReLU", repeat = -1 }'), "bad-value"),
    "repeat 1e9": (spec('a = { type = "ReLU", repeat = 1000000000 }'), "too-many-layers"),
    "an unused block": (spec('a = "ReLU"', FLAT, '[blocks.B.layers]\nc = "ReLU"'), "warning unused-block"),
    "out_features 0": (linear("0"), "bad-value"),
    "out_features -1": (linear("-1"), "bad-value"),
    "weights of 16 EB": (linear("1000000000", 'x = ["N", 1000000000]'), "too-many-parameters"),
    "weights beyond a machine": (linear("100000000", 'x = ["N", 100000]'), "too-many-parameters"),
    "10^12 rows": (spec('a = { type = "Embedding", num_embeddings = 1000000000000, embedding_dim = 8 }', IDS),
                "too-large"),
    "64^8 activations": (spec("".join(f'u{n} = {{ type = "Upsample", scale_factor = 64 }}\n' for n in range(4)), IMAGE),
                       "too-much-memory"),
    "two thousand million outputs, computed one by one": (
        spec('a = { type = "Bilinear", out_features = 2000000000, from = ["x", "x"] }'), "too-large"),
    "sizes beyond 64 bits": (
        spec("".join(f'u{n} = {{ type = "unsqueeze", dim = 2, from = "{"x" if not n else f"f{n - 1}"}" }}\n'
                     f'v{n} = {{ type = "unsqueeze", dim = 1, from = "{"x" if not n else f"f{n - 1}"}" }}\n'
                     f'm{n} = {{ type = "matmul", from = ["u{n}", "v{n}"] }}\nf{n} = "Flatten"\n' for n in range(5)),
             'x = ["N", 4]'), "shape-mismatch"),
    "10^6 layers": (
        spec('a = { type = "LSTM", hidden_size = 8, num_layers = 1000000 }', 'x = ["N", 4, 8]'), "too-large",
    ),
    "2^40 in pool": (image(f'type = "AdaptiveAvgPool2d", output_size = {TERA}'), "too-large"),
    "2^40 in padding": (conv(f", padding = {TERA}"), "too-large"),
    "2^40 in dilation": (conv(f", dilation = {TERA}"), "too-large"),
    "10^9 in a batch": (spec('a = "ReLU"', FLAT, '[data]\ndataset = "digits"\nbatch_size = 1000000000'), "too-large"),
    **{f"an unknown dtype {name}": (spec("a = 'ReLU'", IDS.replace("int64", name)), "bad-value")
       for name in ("float8_e4m3fn", "complex64", "number")},
    "a wrong in_features": (spec('c = { type = "Conv2d", out_channels = 3, kernel_size = 3 }\n'
                        'a = { type = "Linear", in_features = 108, out_features = 2 }', IMAGE), "inferred-mismatch"),
    "pixels into a Linear": (spec('c = { type = "Conv2d", out_channels = 3, kernel_size = 3 }\n'
                   'a = { type = "Linear", out_features = 2 }', IMAGE), "warning linear-after-conv"),
    "cat of two sizes": (
        spec('p = { type = "MaxPool2d", kernel_size = 2 }\na = { type = "cat", from = ["x", "p"], dim = 1 }', IMAGE),
        "shape-mismatch",
    ),
    "a high dim": (image('type = "cat", from = ["x", "x"], dim = 7'), "shape-mismatch"),
    "a silent broadcast": (spec('p = { type = "AdaptiveAvgPool2d", output_size = 1 }\n'
                           'a = { type = "add", from = ["x", "p"] }', IMAGE), "broadcast"),
    "too large a kernel": (conv("", "30"), "shape-mismatch"),
    "too large a pool": (image('type = "MaxPool2d", kernel_size = 9'), "shape-mismatch"),
    **{f"out of bounds, {kind} {name} {value}": (image(f'type = "{kind}", {more}{name} = {value}'), "bad-value")
       for kind, more in (("Conv2d", "out_channels = 8, "), ("MaxPool2d", ""))
       for name, value in (("kernel_size", 0), ("kernel_size", -1))},
    **{f"out of bounds, {name} {value}": (conv(f", {name} = {value}"), "bad-value")
       for name, value in (("stride", 0), ("dilation", 0), ("dilation", -1), ("padding", -1))},
    "3 of 8 groups": (conv(", groups = 3"), "shape-mismatch"),
    "too large a padding": (image('type = "MaxPool2d", kernel_size = 3, padding = 2'), "shape-mismatch"),
    "a stride with the padding same": (conv(', padding = "same", stride = 2'), "shape-mismatch"),
    "groups 3 of 8": (image('type = "GroupNorm", num_groups = 3'), "shape-mismatch"),
    "groups 0": (image('type = "GroupNorm", num_groups = 0'), "bad-value"),
    "num_features 4 on 8": (image('type = "BatchNorm2d", num_features = 4'), "inferred-mismatch"),
    "heads, 3 of 8": (
        spec('a = { type = "MultiheadAttention", num_heads = 3, from = ["x", "x", "x"] }', 'x = ["N", 4, 8]'),
        "shape-mismatch",
    ),
    "a high dim of Softmax": (image('type = "Softmax", dim = 99'), "shape-mismatch"),
    "a reshape to -1 -1": (image('type = "reshape", shape = [-1, -1]'), "shape-mismatch"),
    "a reshape to product": (spec('a = { type = "reshape", shape = [2, 7] }', "x = [2, 8]"), "shape-mismatch"),
    "wrong shuffle": (image('type = "PixelShuffle", upscale_factor = 3'), "shape-mismatch"),
    "wrong output": (image('type = "ConvTranspose2d", out_channels = 3, kernel_size = 3, output_padding = 1'),
                   "shape-mismatch"),
    "images of a lower rank": (conv("", inputs='x = ["N", 8, 8]'), "wrong-rank"),
    "wrong dtype, not int": (linear("3", IDS), "wrong-dtype"),
    "wrong dtype, not float": (
        spec('a = { type = "Embedding", num_embeddings = 10, embedding_dim = 8 }'), "wrong-dtype",
    ),
    **{f"p of {value}": (spec(f'a = {{ type = "Dropout", p = {value} }}'), "bad-value") for value in (1.5, -0.1)},
    **{f"eps of {value}": (image(f'type = "BatchNorm2d", eps = {value}'), "bad-value") for value in ("-1.0", "nan")},
    "init with a negative std": (
        spec('a = { type = "Linear", out_features = 3, init = { type = "normal_", std = -1.0 } }'), "bad-value",
    ),
    "init between wrong ends": (
        spec('a = { type = "Linear", out_features = 3, init = { type = "uniform_", a = 5.0, b = 1.0 } }'), "bad-value",
    ),
    "init of another rank": (spec('a = { type = "Linear", out_features = 3, init = "dirac_" }'), "bad-value"),
    "init of a bias as of a weight": (
        spec('a = { type = "Linear", out_features = 3, init = { bias = "xavier_normal_" } }'), "bad-value",
    ),
    "a percent sign of texts": (linear("\"${'%q' % 'x'}\""), "bad-expression"),
    "a text of 4 GB": (linear("\"${'%4000000000s' % 'x'}\""), "bad-expression"),
    "a negative text": (linear("\"${-'x'}\""), "bad-expression"),
    "a negative list": (linear('"${-x.shape}"'), "bad-expression"),
    "an infinite momentum": (image('type = "BatchNorm2d", momentum = inf'), "bad-value"),
}  # fmt: skip


def of_json(value: Any) -> bool:
    """Whether JSON can say it."""
    if isinstance(value, dict):
        return all(map(of_json, value.values()))
    if isinstance(value, list):
        return all(map(of_json, value))
    return not isinstance(value, datetime.date) and not (isinstance(value, float) and not math.isfinite(value))


def answer(text: str) -> tuple[str, str]:
    """The first fault's code, or the first warning's, and all that is said; empty where the spec is right."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always", GraphspecWarning)
        try:
            compiler.build(compiler.shape(compiler.load(text)))
        except GraphspecError as error:
            return error.diagnostics[0].code, str(error)
    said = [warning.message for warning in found if isinstance(warning.message, GraphspecWarning)]
    return (f"warning {said[0].diagnostic.code}", str(said[0])) if said else ("", "")


CASES = {f"{name}, TOML": case for name, case in SPECS.items()}
CASES |= {
    f"{name}, JSON": (json.dumps(document), code)
    for name, (text, code) in SPECS.items()
    if of_json(document := tomllib.loads(text))
}


@pytest.mark.parametrize("name", CASES)
def test_a_wrong_spec_gets_one_clear_error(name: str) -> None:
    text, expected = CASES[name]
    started = time.process_time()
    code, said = answer(text)
    assert time.process_time() - started < 2
    assert code == expected, said
    if code:
        assert code.removeprefix("warning ") in CODES
        assert said.startswith("<text>:")
        assert said[7:].split(":")[0].isdecimal(), said  # a line
    assert "Traceback" not in said
