"""Networks whose numbers are the matter: whole numbers beyond 2^24 and 2^53, ties, signs, mixed dtypes, bools."""

# ruff: noqa: E501 - a table
from __future__ import annotations

import torch
from further_row import Row

ROW = "x = N T:int64"


def table(*values: int):
    """Those numbers in turn, however many there is room for."""
    return lambda shape: (
        torch.tensor(values)
        .repeat(-(-torch.Size(shape).numel() // len(values)))[: torch.Size(shape).numel()]
        .reshape(shape)
    )


SIGNS = table(-7, 7, -8, 8, 0, 1, -1)
LARGE = table(16777216, 16777217, -16777217, 2**31, -(2**31) - 1, 2**53 + 1, -(2**53) - 1, 2**62 + 3)
ENDS = table(-(2**63), 2**63 - 1, 0, -1, -(2**63) + 1)
TIES = table(3, 3, 1, 1, 2, 3, 1)
EIGHT = table(200, 100, 255, 0, 57)
NUMBERS: dict[str, Row] = {
    "ids held, int32": Row("x = N T:int32", "y = { type = 'clamp', min = -3, max = 100000 }", lambda w, x: x.clamp(-3, 100000), draw={"x": table(-5, 16777217, 2**31 - 1, -(2**31), 7)}),
    "held at a bound beyond 2^53": Row(ROW, "y = { type = 'clamp', max = 9007199254740993 }", lambda w, x: x.clamp(max=2**53 + 1), draw={"x": LARGE}),
    "cubed": Row(ROW, "y = { type = 'pow', exponent = 3 }", lambda w, x: x**3, draw={"x": table(-1000003, 2097151, -2, 0, 999983)}),
    "to the power of -1": Row(ROW, "y = { type = 'pow', exponent = -1 }", refused="pow|negative"),
    "to the power of a half": Row(ROW, "y = { type = 'pow', exponent = 0.5 }", lambda w, x: x.float() ** 0.5, draw={"x": table(0, 1, 2, 16777217, 9)}),
    "whole numbers divided": Row(ROW, "y = { type = 'div', other = 3 }", lambda w, x: (x / 3), draw={"x": SIGNS}),
    "large numbers divided": Row("x = N T:int64; z = N T:int64", "y = { type = 'div', from = ['x', 'z'] }", lambda w, x, z: x / z, draw={"x": LARGE, "z": table(3, 7, -9)}),
    "beside 2^53 + 1": Row(ROW, "y = { type = 'ge', other = 9007199254740993 }", lambda w, x: x >= 2**53 + 1, draw={"x": table(2**53, 2**53 + 1, 2**53 + 2)}),
    "equal beyond 2^53": Row("x = N T:int64; z = N T:int64", "y = { type = 'eq', from = ['x', 'z'] }", lambda w, x, z: x == z, draw={"x": table(2**53, 2**62 + 1, 5), "z": table(2**53 + 1, 2**62 + 1, 5)}),
    "ids beside a number with a fraction": Row(ROW, "y = { type = 'gt', other = 2.5 }", lambda w, x: x > 2.5, draw={"x": table(2, 3, -3)}),
    "int32 beside a number of 64 bits": Row("x = N T:int32", "y = { type = 'lt', other = 5000000000 }", refused="5000000000|int32"),
    "without its sign": Row(ROW, "y = 'abs'", lambda w, x: x.abs(), draw={"x": ENDS}),
    "with the other sign": Row(ROW, "y = 'neg'", lambda w, x: -x, draw={"x": ENDS}),
    "only its sign": Row(ROW, "y = 'sign'", lambda w, x: x.sign(), draw={"x": ENDS}),
    "squared beyond 64 bits": Row(ROW, "y = 'square'", lambda w, x: x.square(), draw={"x": table(3037000500, -4294967296, 7)}),
    "mean of whole numbers": Row("x = N T 3:int64", "y = { type = 'mean', dim = 1 }", refused="mean"),
    "sum of bools": Row("x = N T 3:bool", "y = { type = 'sum', dim = 1 }", lambda w, x: x.sum(1)),
    "sum of int32": Row("x = N T 3:int32", "y = { type = 'sum', dim = 1 }", lambda w, x: x.sum(1), draw={"x": table(2**31 - 1, 2**31 - 2, -5)}),
    "sum of bytes": Row("x = N T 3:uint8", "y = { type = 'sum', dim = 1 }", lambda w, x: x.sum(1), draw={"x": EIGHT}),
    "product of int32": Row("x = N 4 3:int32", "y = { type = 'prod', dim = 1 }", lambda w, x: x.prod(1), draw={"x": table(70001, 3, -70003)}),
    "counted up, int32": Row("x = N T 3:int32", "y = { type = 'cumsum', dim = 1 }", lambda w, x: x.cumsum(1), draw={"x": table(2**31 - 1, 5)}),
    "counted up, bool": Row("x = N T:bool", "y = { type = 'cumsum', dim = 1 }", lambda w, x: x.cumsum(1)),
    "greatest of large ones": Row("x = N T 3:int64", "y = { type = 'amax', dim = 1 }", lambda w, x: x.amax(1), draw={"x": LARGE}),
    "least of large ones": Row("x = N T 3:int32", "y = { type = 'amin', dim = [1, 2] }", lambda w, x: x.amin((1, 2)), draw={"x": table(16777217, 16777218, 2**31 - 1)}),
    "the greater of two": Row("x = N T:int64; z = N T:int64", "y = { type = 'maximum', from = ['x', 'z'] }", lambda w, x, z: torch.maximum(x, z), draw={"x": LARGE, "z": ENDS}),
    "first of equals": Row("x = N T 4:int64", "y = { type = 'argmax', dim = 1 }", lambda w, x: x.argmax(1), draw={"x": TIES}),
    "first of equal floats": Row("x = N T 4", "a = { type = 'round' }\ny = { type = 'argmin', dim = 1, keepdim = true }", lambda w, x: x.round().argmin(1, True), draw={"x": lambda s: torch.randint(-2, 3, s).float()}),
    "first of equals in 32 bits": Row("x = N T:int32", "y = { type = 'argmax', dim = 1 }", lambda w, x: x.argmax(1), draw={"x": table(16777216, 16777217, 16777217)}),
    "one of two dtypes": Row("c = N T:bool; x = N T:int64; z = N T", "y = { type = 'where', from = ['c', 'x', 'z'] }", lambda w, c, x, z: torch.where(c, x, z)),
    "one of two widths": Row("c = N T:bool; x = N T:int32; z = N T:int64", "y = { type = 'where', from = ['c', 'x', 'z'] }", lambda w, c, x, z: torch.where(c, x, z), draw={"z": LARGE}),
    "bools added": Row("x = N T:bool; z = N T:bool", "y = { type = 'add', from = ['x', 'z'] }", lambda w, x, z: x + z),
    "bools multiplied": Row("x = N T:bool; z = N T:bool", "y = { type = 'mul', from = ['x', 'z'] }", lambda w, x, z: x * z),
    "bools subtracted": Row("x = N T:bool; z = N T:bool", "y = { type = 'sub', from = ['x', 'z'] }", refused="sub"),
    "bools and whole numbers": Row("x = N T:bool; z = N T:int64", "y = { type = 'mul', from = ['z', 'x'] }", lambda w, x, z: z * x, draw={"z": LARGE}),
    "a bool and a number": Row("x = N T:bool", "y = { type = 'mul', other = 3 }", lambda w, x: x * 3),
    "a bool and a fraction": Row("x = N T:bool", "y = { type = 'add', other = 0.5 }", lambda w, x: x + 0.5),
    "32 and 64 bits multiplied": Row("x = N T:int32; z = N T:int64", "y = { type = 'mul', from = ['x', 'z'] }", lambda w, x, z: x * z, draw={"x": table(70001, -3), "z": table(16777217, 2**40)}),
    "bytes that overflow": Row("x = N T:uint8; z = N T:uint8", "y = { type = 'add', from = ['x', 'z'] }", lambda w, x, z: x + z, draw={"x": EIGHT, "z": EIGHT}),
    "bytes below 0": Row("x = N T:uint8; z = N T:uint8", "y = { type = 'sub', from = ['x', 'z'] }", lambda w, x, z: x - z, draw={"x": EIGHT, "z": table(255, 1, 0)}),
    "whole numbers and a fraction": Row(ROW, "y = { type = 'mul', other = 0.1 }", lambda w, x: x * 0.1, draw={"x": SIGNS}),
    "whole numbers and a large one": Row(ROW, "y = { type = 'add', other = 16777217 }", lambda w, x: x + 16777217, draw={"x": LARGE}),
    "rows by whole numbers": Row("x = N T 3:int64; z = N 3 T:int64", "y = { type = 'matmul', from = ['x', 'z'] }", lambda w, x, z: x @ z, draw={"x": table(16777217, 3, -5), "z": table(1, 2, 4097)}),
    "one as another, wrapped": Row(ROW, "y = { type = 'to', dtype = 'int32' }", lambda w, x: x.to(torch.int32), draw={"x": table(2**31 + 5, -7, 2**40 + 1)}),
    "cut towards 0": Row("x = N T", "y = { type = 'to', dtype = 'int64' }", lambda w, x: x.long(), draw={"x": lambda s: torch.randn(s) * 9}),
    "whole numbers as true or false": Row(ROW, "y = { type = 'to', dtype = 'bool' }", lambda w, x: x.bool(), draw={"x": table(0, 256, 2**32, -1)}),
    "half to even": Row("x = N T", "y = 'round'", lambda w, x: x.round(), draw={"x": lambda s: torch.randint(-9, 9, s) / 2}),
    "relu of whole numbers": Row(ROW, "y = 'relu'", lambda w, x: x.relu(), draw={"x": LARGE}),
    "logical and of whole numbers": Row("x = N T:int64; z = N T:int64", "y = { type = 'logical_and', from = ['x', 'z'] }", lambda w, x, z: torch.logical_and(x, z), draw={"x": table(2, 0, 2**32), "z": table(1, 256)}),
    "not of floats": Row("x = N T", "y = 'logical_not'", lambda w, x: torch.logical_not(x), draw={"x": lambda s: torch.randint(-1, 2, s).float()}),
    "one hot by comparing": Row("x = N:int64", "a = { type = 'unsqueeze', dim = 1 }\nt = { type = 'arange', end = 5 }\ne = { type = 'eq', from = ['a', 't'], broadcast = true }\ny = { type = 'to', dtype = 'float32' }", lambda w, x: (x[:, None] == torch.arange(5)).double(), draw={"x": table(0, 4, 2)}),
    "rows chosen by ids": Row("x = N 9 2; i = K:int64", "y = { type = 'index_select', from = ['x', 'i'], dim = 1 }", lambda w, x, i: x.index_select(1, i), draw={"i": table(0, 8, 3)}),
}  # fmt: skip
