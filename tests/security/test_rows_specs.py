"""Rows 10 to 115 of the catalogue of bad inputs, those that a whole spec shows, in TOML and in JSON.

Texts that are no document (rows 1 to 9 and 15 to 37) are tests/spec and tests/invalid, sizes of texts
tests/spec/test_hostile_texts.py; each whole message is tests/invalid.
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

from graphspec import pipeline
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
ROWS: dict[str, tuple[str, str]] = {
    "10 1e400": (spec('a = { type = "Dropout", p = 1e400 }'), "bad-value"),
    "11 nan": (spec('a = { type = "Dropout", p = nan }'), "bad-value"),
    "12 3.0": (linear("3.0"), "wrong-type"),
    "12 1e3": (linear("1e3"), "wrong-type"),
    "13 true": (linear("true"), "wrong-type"),
    "14 text": (linear('"3"'), "wrong-type"),
    "38 key": (spec("a = 'ReLU'", FLAT, "[trian]\nepochs = 1"), "unknown-key"),
    "39 op": (image('type = "Conv2D"'), "unknown-layer"),
    "40 argument": (conv(", kernal_size = 3"), "unknown-argument"),
    "41 argument": (spec('a = { type = "Linear" }'), "missing-argument"),
    "42 _target_": (spec('a = { type = "ReLU", _target_ = "os.system" }'), "unknown-argument"),
    "42 module": (spec('a = { type = "ReLU", module = "os" }'), "unknown-argument"),
    "42 class_name": (spec('a = { class_name = "ReLU" }'), "missing-key"),
    **{f"43 {name}": (spec(f'a = "{name}"'), "unknown-layer") for name in ("os.system", "torch.load", "eval")},
    "44 Lambda": (spec('a = "Lambda"'), "unknown-layer"),
    "45 URL": (linear('"http://a/b"'), "wrong-type"),
    "45 path": (conv("", '"/etc/passwd"'), "wrong-type"),
    "47 layers": (spec(""), "missing-key"),
    "50 date": (linear("2024-01-01"), "wrong-type"),
    "52 one of two": (conv("", "[3]"), "wrong-type"),
    "52 three of two": (conv("", "[3, 3, 3]"), "wrong-type"),
    "53 feature": (linear(str(HUGE)), "too-large"),
    "53 dim": (spec("a = 'ReLU'", f'x = ["N", {HUGE}]'), "too-large"),
    "54 -0": (linear("-0"), "bad-value"),
    "54 padding of -0": (conv(", padding = -0"), ""),
    "54 -0.0": (spec('a = { type = "Dropout", p = -0.0 }'), ""),
    **{f"55 {name}": (spec(f'{name} = "ReLU"'), "reserved-name")
       for name in ("forward", "training", "to", "state_dict")},
    **{f"56 {name}": (spec(f'{name} = "ReLU"'), "reserved-name") for name in ("class", "lambda", "None")},
    **{f"57 {name}": (spec(f'{name} = "ReLU"'), "bad-name") for name in ("__class__", "__init__")},
    **{f"58 {name!r}": (spec(f'"{name}" = "ReLU"'), "bad-name") for name in ("a.b", "", "a b", "1a")},
    "58 digits": (spec('0 = "ReLU"\n1 = "ReLU"'), ""),
    "59 code": (spec("'forward\"), eval(bytes([1])), (\"' = \"ReLU\""), "bad-name"),
    **{f"60 {name}": (spec(f"'{name}' = \"ReLU\""), "bad-name") for name in ("../../etc/passwd", "C:\\x")},
    "60 con": (spec('con = "ReLU"'), "reserved-name"),
    **{f"61 {name!a}": (spec(f'"{name}" = "ReLU"'), "bad-name")
       for name in ("a\u202eb", "\u0430", "\U0001f600", "e\u0301")},
    "63 case": (spec('a = "ReLU"\nA = "ReLU"'), "name-clash"),
    "64 long": (spec(f'{"a" * 65} = "ReLU"'), "bad-name"),
    "65 input": (spec('a = "ReLU"', '"x=open(..)" = ["N", 8]'), "bad-name"),
    "66 output": (spec('a = "ReLU"', FLAT, '[outputs]\na = "a"'), "name-clash"),
    "67 cycle": (spec('a = { type = "add", from = ["x", "b"] }\nb = "ReLU"'), "cycle"),
    "68 loop": (spec('a = { type = "add", from = ["x", "a"] }'), "cycle"),
    "69 reference": (spec('a = { type = "ReLU", from = "y" }'), "unknown-reference"),
    "71 layer": (spec('a = "ReLU"\nb = { type = "ReLU", from = "x" }'), "unused-layer"),
    "72 input": (spec('a = { type = "ReLU", from = "x" }', f'{FLAT}\ny = ["N", 8]'), "unused-input"),
    "73 output": (spec('a = "ReLU"', FLAT, '[outputs]\no = "b"'), "unknown-reference"),
    "74 none": (spec('a = { type = "ReLU", from = [] }'), "arity"),
    "74 too many": (spec('a = { type = "ReLU", from = ["x", "x"] }'), "arity"),
    "74 too few": (spec('a = "add"'), "arity"),
    "75 twice": (spec('a = { type = "add", from = ["x", "x"] }'), ""),
    "76 two graphs": (spec('a = { type = "ReLU", from = "x" }\nb = { type = "ReLU", from = "y" }',
                           f'{FLAT}\ny = ["N", 8]'), "unused-layer"),
    "80 later": (spec('a = { type = "ReLU", from = "b" }\nb = { type = "ReLU", from = "x" }',
                  FLAT, '[outputs]\no = "a"'), ""),
    "81 itself": (spec('a = "B"', FLAT, '[blocks.B.layers]\nc = "B"'), "recursion"),
    "82 each other": (spec('a = "B"', FLAT, '[blocks.B.layers]\nc = "C"\n[blocks.C.layers]\nc = "B"'), "recursion"),
    "84 0": (spec('a = { type = "ReLU", repeat = 0 }'), "bad-value"),
    "84 -1": (spec('a = { type = "ReLU", repeat = -1 }'), "bad-value"),
    "84 1e9": (spec('a = { type = "ReLU", repeat = 1000000000 }'), "too-many-layers"),
    "86 block": (spec('a = "ReLU"', FLAT, '[blocks.B.layers]\nc = "ReLU"'), "warning unused-block"),
    "87 0": (linear("0"), "bad-value"),
    "87 -1": (linear("-1"), "bad-value"),
    "88 16 EB": (linear("1000000000", 'x = ["N", 1000000000]'), "too-many-parameters"),
    "89 a machine": (linear("100000000", 'x = ["N", 100000]'), "too-many-parameters"),
    "90 rows": (spec('a = { type = "Embedding", num_embeddings = 1000000000000, embedding_dim = 8 }', IDS),
                "too-large"),
    "91 activations": (spec("".join(f'u{n} = {{ type = "Upsample", scale_factor = 64 }}\n' for n in range(4)), IMAGE),
                       "too-much-memory"),
    "92 layers": (spec('a = { type = "LSTM", hidden_size = 8, num_layers = 1000000 }', 'x = ["N", 4, 8]'), "too-large"),
    "93 pool": (image(f'type = "AdaptiveAvgPool2d", output_size = {TERA}'), "too-large"),
    "93 padding": (conv(f", padding = {TERA}"), "too-large"),
    "93 dilation": (conv(f", dilation = {TERA}"), "too-large"),
    "94 batch": (spec('a = "ReLU"', FLAT, '[data]\ndataset = "digits"\nbatch_size = 1000000000'), "too-large"),
    **{f"95 {name}": (spec("a = 'ReLU'", IDS.replace("int64", name)), "bad-value")
       for name in ("float8_e4m3fn", "complex64", "number")},
    "96 in_features": (spec('c = { type = "Conv2d", out_channels = 3, kernel_size = 3 }\n'
                        'a = { type = "Linear", in_features = 108, out_features = 2 }', IMAGE), "inferred-mismatch"),
    "97 Linear": (spec('c = { type = "Conv2d", out_channels = 3, kernel_size = 3 }\n'
                   'a = { type = "Linear", out_features = 2 }', IMAGE), "warning linear-after-conv"),
    "98 cat": (spec('p = { type = "MaxPool2d", kernel_size = 2 }\na = { type = "cat", from = ["x", "p"], dim = 1 }',
                    IMAGE), "shape-mismatch"),
    "99 dim": (image('type = "cat", from = ["x", "x"], dim = 7'), "shape-mismatch"),
    "100 broadcast": (spec('p = { type = "AdaptiveAvgPool2d", output_size = 1 }\n'
                           'a = { type = "add", from = ["x", "p"] }', IMAGE), "broadcast"),
    "101 kernel": (conv("", "30"), "shape-mismatch"),
    "102 pool": (image('type = "MaxPool2d", kernel_size = 9'), "shape-mismatch"),
    **{f"103 {kind} {name} {value}": (image(f'type = "{kind}", {more}{name} = {value}'), "bad-value")
       for kind, more in (("Conv2d", "out_channels = 8, "), ("MaxPool2d", ""))
       for name, value in (("kernel_size", 0), ("kernel_size", -1))},
    **{f"103 {name} {value}": (conv(f", {name} = {value}"), "bad-value")
       for name, value in (("stride", 0), ("dilation", 0), ("dilation", -1), ("padding", -1))},
    "104 groups": (conv(", groups = 3"), "shape-mismatch"),
    "105 padding": (image('type = "MaxPool2d", kernel_size = 3, padding = 2'), "shape-mismatch"),
    "106 same": (conv(', padding = "same", stride = 2'), "shape-mismatch"),
    "107 3 of 8": (image('type = "GroupNorm", num_groups = 3'), "shape-mismatch"),
    "107 0": (image('type = "GroupNorm", num_groups = 0'), "bad-value"),
    "108 4 on 8": (image('type = "BatchNorm2d", num_features = 4'), "inferred-mismatch"),
    "109 heads": (spec('a = { type = "MultiheadAttention", num_heads = 3, from = ["x", "x", "x"] }', 'x = ["N", 4, 8]'),
                  "shape-mismatch"),
    "110 dim": (image('type = "Softmax", dim = 99'), "shape-mismatch"),
    "111 -1 -1": (image('type = "reshape", shape = [-1, -1]'), "shape-mismatch"),
    "111 product": (spec('a = { type = "reshape", shape = [2, 7] }', "x = [2, 8]"), "shape-mismatch"),
    "112 shuffle": (image('type = "PixelShuffle", upscale_factor = 3'), "shape-mismatch"),
    "112 output": (image('type = "ConvTranspose2d", out_channels = 3, kernel_size = 3, output_padding = 1'),
                   "shape-mismatch"),
    "113 rank": (conv("", inputs='x = ["N", 8, 8]'), "wrong-rank"),
    "114 int": (linear("3", IDS), "wrong-dtype"),
    "114 float": (spec('a = { type = "Embedding", num_embeddings = 10, embedding_dim = 8 }'), "wrong-dtype"),
    **{f"115 p {value}": (spec(f'a = {{ type = "Dropout", p = {value} }}'), "bad-value") for value in (1.5, -0.1)},
    **{f"115 eps {value}": (image(f'type = "BatchNorm2d", eps = {value}'), "bad-value") for value in ("-1.0", "nan")},
    "115 momentum": (image('type = "BatchNorm2d", momentum = inf'), "bad-value"),
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
            pipeline.build(pipeline.shape(pipeline.load(text)))
        except GraphspecError as error:
            return error.diagnostics[0].code, str(error)
    said = [warning.message for warning in found if isinstance(warning.message, GraphspecWarning)]
    return (f"warning {said[0].diagnostic.code}", str(said[0])) if said else ("", "")


CASES = {f"{name}, TOML": case for name, case in ROWS.items()}
CASES |= {
    f"{name}, JSON": (json.dumps(document), code)
    for name, (text, code) in ROWS.items()
    if of_json(document := tomllib.loads(text))
}


@pytest.mark.parametrize("name", CASES)
def test_the_answer(name: str) -> None:
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
