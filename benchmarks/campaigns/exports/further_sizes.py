"""Networks of the kinds of ``run.py`` where another size, number or name than the tried one is the matter."""

# ruff: noqa: E501 - a table
from __future__ import annotations

import torch
import torch.nn.functional as F
from further_numbers import EIGHT, LARGE, SIGNS, table
from further_row import Row
from further_shapes import conv, ids, linear


def windows(x, s):
    """Windows of s × s pixels, as Swin's: N·(H/s)·(W/s) × s·s × C."""
    n, h, w, c = x.shape
    return x.view(n, h // s, s, w // s, s, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, s * s, c)


def swin(w, x):
    n, c, h, v = x.shape
    rows = x.permute(0, 2, 3, 1).roll((-2, -2), (1, 2))
    at = windows(rows, 4)
    score = at @ at.transpose(1, 2)
    mixed = score.softmax(2) @ at
    back = mixed.view(n, h // 4, v // 4, 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(n, h, v, c)
    return back.roll((2, 2), (1, 2)).permute(0, 3, 1, 2)


def pool_back(w, x):
    y, at = F.max_pool2d(x, 2, return_indices=True)
    return F.max_unpool2d(y, at, 2, output_size=x.shape[2:])


MAP, ROW, LINE = "x = N 4 H W", "x = N T 4", "x = N 4 L"
SMALL = table(0, 1, 2, 3, 1)
SIZES: dict[str, Row] = {
    # pools and convolutions whose last window is the matter
    "mean 2d rounded up, stride beyond": Row(MAP, "y = { type = 'AvgPool2d', kernel_size = 2, stride = 3, ceil_mode = true }", lambda w, x: F.avg_pool2d(x, 2, 3, ceil_mode=True)),
    "mean 1d rounded up, padding counted": Row(LINE, "y = { type = 'AvgPool1d', kernel_size = 3, stride = 2, padding = 1, ceil_mode = true, count_include_pad = true }", lambda w, x: F.avg_pool1d(x, 3, 2, 1, True, True)),
    "mean 2d rounded up, with a divisor": Row(MAP, "y = { type = 'AvgPool2d', kernel_size = 3, stride = 2, padding = 1, ceil_mode = true, divisor_override = 5 }", lambda w, x: F.avg_pool2d(x, 3, 2, 1, True, divisor_override=5)),
    "power mean 1d, stride beyond, rounded up": Row(LINE, "y = { type = 'LPPool1d', norm_type = 3, kernel_size = 2, stride = 3, ceil_mode = true }", lambda w, x: F.lp_pool1d(x, 3, 2, 3, True), draw={"x": lambda s: torch.rand(s) + 0.1}),
    "greatest 3d rounded up": Row("x = N 2 D H 4", "y = { type = 'MaxPool3d', kernel_size = [3, 2, 2], stride = [2, 3, 1], padding = [1, 0, 0], ceil_mode = true }", lambda w, x: F.max_pool3d(x, (3, 2, 2), (2, 3, 1), (1, 0, 0), ceil_mode=True)),
    "a pool as long as the line": Row(LINE, "y = { type = 'MaxPool1d', kernel_size = 9, stride = 9, ceil_mode = true, padding = 4 }", lambda w, x: F.max_pool1d(x, 9, 9, 4, ceil_mode=True)),
    "transposed conv with output padding": Row(MAP, "y = { type = 'ConvTranspose2d', out_channels = 3, kernel_size = 3, stride = 2, padding = 1, output_padding = [1, 0] }", lambda w, x: F.conv_transpose2d(x, w["y.weight"], w["y.bias"], 2, 1, (1, 0))),
    "transposed conv, dilated and grouped": Row(LINE, "y = { type = 'ConvTranspose1d', out_channels = 6, kernel_size = 4, stride = 3, padding = 2, dilation = 2, groups = 2, output_padding = 1 }", lambda w, x: F.conv_transpose1d(x, w["y.weight"], w["y.bias"], 3, 2, 1, 2, 2)),
    "transposed conv against its own size": Row("x = N 4 2*H 2*W", "a = { type = 'Conv2d', out_channels = 4, kernel_size = 4, stride = 2, padding = 1 }\nb = { type = 'ConvTranspose2d', out_channels = 4, kernel_size = 4, stride = 2, padding = 1 }\ny = { type = 'sub', from = ['x', 'b'] }", lambda w, x: x - F.conv_transpose2d(conv(w, "a", x, stride=2, padding=1), w["b.weight"], w["b.bias"], 2, 1)),
    "a conv that keeps the size by name": Row(MAP, "y = { type = 'Conv2d', out_channels = 4, kernel_size = [4, 3], padding = 'same', dilation = 2 }\nz = { type = 'add', from = ['x', 'y'] }", lambda w, x: x + conv(w, "y", x, padding="same", dilation=2)),
    "a conv padded round": Row(LINE, "y = { type = 'Conv1d', out_channels = 4, kernel_size = 5, padding = 2, padding_mode = 'circular' }", lambda w, x: conv(w, "y", F.pad(x, (2, 2), mode="circular"))),
    "a conv padded by mirrors": Row(MAP, "y = { type = 'Conv2d', out_channels = 2, kernel_size = 5, padding = 2, padding_mode = 'reflect' }", lambda w, x: conv(w, "y", F.pad(x, (2, 2, 2, 2), mode="reflect"))),
    "pads round and round": Row(LINE, "y = { type = 'CircularPad1d', padding = [3, 1] }", lambda w, x: F.pad(x, (3, 1), mode="circular")),
    "a pad that cuts one side": Row(MAP, "y = { type = 'ReplicationPad2d', padding = [2, -1, -2, 3] }", refused="at least 0"),
    "places put back into open sizes": Row("x = N 2 2*H 2*W", "p = { type = 'MaxPool2d', kernel_size = 2, return_indices = true }\ny = { type = 'MaxUnpool2d', from = ['p.output', 'p.indices'], kernel_size = 2 }", lambda w, x: pool_back(w, x)),
    # slices from behind, by steps and beyond the end
    "every second, from behind": Row(ROW, "y = { type = 'slice', dim = 1, start = -7, end = -1, step = 2 }", lambda w, x: x[:, -7:-1:2]),
    "from the second to the one before the last": Row(ROW, "y = { type = 'slice', dim = 1, start = 1, end = -1 }", lambda w, x: x[:, 1:-1]),
    "a slice that may be empty": Row(ROW, "y = { type = 'slice', dim = 1, start = 4, end = -4 }", lambda w, x: x[:, 4:-4]),
    "the last eight at most": Row(ROW, "y = { type = 'slice', dim = 1, start = -8 }", lambda w, x: x[:, -8:]),
    "the last eight at most, added to eight": Row(ROW, "a = { type = 'slice', dim = 1, start = -8 }\np = { type = 'Parameter', from = [], shape = [8, 4], init = 'normal_' }\ny = { type = 'add', from = ['a', 'p'], broadcast = true }", refused="8\\*T"),
    "a narrow from behind": Row(ROW, "y = { type = 'narrow', dim = 1, start = -3, length = 2 }", lambda w, x: x.narrow(1, -3, 2)),
    "slices of both ends": Row(ROW, "a = { type = 'slice', dim = 1, end = 3 }\nb = { type = 'slice', from = 'x', dim = 1, start = -3 }\ny = { type = 'cat', from = ['a', 'b'], dim = 1 }", lambda w, x: torch.cat([x[:, :3], x[:, -3:]], 1)),
    "two chunks of odd rows joined as one batch": Row("x = N T 4", "a = { type = 'chunk', chunks = 2, dim = 0 }\ny = { type = 'cat', from = ['a.1', 'a.0'], dim = 0 }", lambda w, x: torch.cat(x.chunk(2)[::-1]) if len(x.chunk(2)) == 2 else x[9]),
    "three chunks of an open dim": Row(ROW, "a = { type = 'chunk', chunks = 3, dim = 1 }\ny = { type = 'cat', from = ['a.2', 'a.0'], dim = 1 }", refused="."),
    # windows
    "windows in time, longer than their step": Row(ROW, "y = { type = 'unfold', dimension = 1, size = 5, step = 2 }\nm = { type = 'mean', dim = -1 }", lambda w, x: x.unfold(1, 5, 2).mean(-1)),
    "windows of both": Row(MAP, "a = { type = 'unfold', dimension = 2, size = 2, step = 2 }\ny = { type = 'unfold', dimension = 3, size = 3, step = 1 }", lambda w, x: x.unfold(2, 2, 2).unfold(3, 3, 1)),
    "columns of dilated windows": Row(MAP, "y = { type = 'Unfold', kernel_size = [2, 3], dilation = 2, stride = [2, 1], padding = 1 }", lambda w, x: F.unfold(x, (2, 3), 2, 1, (2, 1))),
    "attention in shifted windows": Row("x = N 3 4*H 4*W", """p = { type = 'permute', dims = [0, 2, 3, 1] }
        r = { type = 'roll', shifts = [-2, -2], dims = [1, 2] }
        v = { type = 'reshape', shape = ["${x.shape[0]}", "${x.shape[2] // 4}", 4, "${x.shape[3] // 4}", 4, 3] }
        q = { type = 'permute', dims = [0, 1, 3, 2, 4, 5] }
        at = { type = 'reshape', shape = [-1, 16, 3] }
        t = { type = 'transpose', dim0 = 1, dim1 = 2 }
        s = { type = 'matmul', from = ['at', 't'] }
        k = { type = 'softmax', dim = 2 }
        m = { type = 'matmul', from = ['k', 'at'] }
        b = { type = 'reshape', shape = ["${x.shape[0]}", "${x.shape[2] // 4}", "${x.shape[3] // 4}", 4, 4, 3] }
        c = { type = 'permute', dims = [0, 1, 3, 2, 4, 5] }
        d = { type = 'reshape', shape = ["${x.shape[0]}", "${x.shape[2]}", "${x.shape[3]}", 3] }
        e = { type = 'roll', shifts = [2, 2], dims = [1, 2] }
        y = { type = 'permute', dims = [0, 3, 1, 2] }""", swin),
    # sizes of others
    "one row repeated as often as there are": Row("x = N T 4; z = N 4", "a = { type = 'unsqueeze', from = 'z', dim = 1 }\nb = { type = 'repeat', repeats = [1, \"${x.shape[1]}\", 1] }\ny = { type = 'cat', from = ['x', 'b'], dim = 2 }", lambda w, x, z: torch.cat([x, z[:, None].repeat(1, x.shape[1], 1)], 2)),
    "each row as often as there are columns": Row("x = N T S", "y = { type = 'repeat_interleave', repeats = \"${x.shape[2]}\", dim = 1 }", lambda w, x: x.repeat_interleave(x.shape[2], 1)),
    "tiled by a size": Row(ROW, "y = { type = 'tile', dims = [1, \"${x.shape[1]}\", 1] }", lambda w, x: x.tile(1, x.shape[1], 1)),
    "two open dims made one and parted": Row("x = N T S 3", "a = { type = 'reshape', shape = [\"${x.shape[0]}\", \"${x.shape[1] * x.shape[2]}\", 3] }\nl = { type = 'Linear', out_features = 2 }\ny = { type = 'reshape', shape = [\"${x.shape[0]}\", \"${x.shape[1]}\", -1, 2] }", lambda w, x: linear(w, "l", x)),
    "two open dims swapped by a reshape": Row("x = N T S", "y = { type = 'reshape', shape = [\"${x.shape[0]}\", \"${x.shape[2]}\", \"${x.shape[1]}\"] }", lambda w, x: x.reshape(x.shape[0], x.shape[2], x.shape[1])),
    "pairs of rows": Row(ROW, "y = { type = 'reshape', shape = [\"${x.shape[0]}\", -1, 8] }", refused="."),
    "pairs of rows of an even number": Row("x = N 2*T 4", "y = { type = 'reshape', shape = [\"${x.shape[0]}\", -1, 8] }", lambda w, x: x.reshape(x.shape[0], -1, 8)),
    "the batch in halves": Row("x = 2*N 3", "a = { type = 'reshape', shape = [2, -1, 3] }\ny = { type = 'sum', dim = 0 }", lambda w, x: x.reshape(2, -1, 3).sum(0)),
    "a mean over an open batch": Row("x = N 3", "m = { type = 'mean', dim = 0, keepdim = true }\ny = { type = 'sub', from = ['x', 'm'], broadcast = true }", lambda w, x: x - x.mean(0, keepdim=True)),
    "squeezed where the size may be 1": Row("x = N T 1", "y = { type = 'squeeze', dim = 1 }\nz = { type = 'ReLU' }", lambda w, x: x.squeeze(1).relu() if x.shape[1] > 1 else x[9]),
    "squeezed of all ones": Row("x = N 1 4 1", "y = 'squeeze'", refused="."),
    "an open dim against one that may be 1": Row("x = N T 3; z = N S 3", "y = { type = 'add', from = ['x', 'z'], broadcast = true }", refused="."),
    "half of the channels of an open number": Row("x = N C 4", "a = { type = 'slice', dim = 1, end = \"${x.shape[1] // 2}\" }\nm = { type = 'sum', dim = 1 }", lambda w, x: x[:, : x.shape[1] // 2].sum(1) if x.shape[1] > 1 else x[9]),
    "adaptive pool to the other's size": Row("x = N 4 H W; z = N 4 A B", "y = { type = 'interpolate', from = 'x', size = [\"${z.shape[2]}\", \"${z.shape[3]}\"], mode = 'nearest' }\ns = { type = 'add', from = ['y', 'z'] }", lambda w, x, z: F.interpolate(x, size=z.shape[2:]) + z),
    "adaptive mean that keeps one dim": Row(MAP, "y = { type = 'AdaptiveAvgPool2d', output_size = [3, 1] }", lambda w, x: F.adaptive_avg_pool2d(x, (3, 1))),
    "adaptive greatest of a line of any size": Row(LINE, "y = { type = 'AdaptiveMaxPool1d', output_size = 5 }", lambda w, x: F.adaptive_max_pool1d(x, 5)),
    "adaptive mean of a volume": Row("x = N 2 D H 3", "y = { type = 'AdaptiveAvgPool3d', output_size = [2, 3, 2] }", lambda w, x: F.adaptive_avg_pool3d(x, (2, 3, 2))),
    "shrunk by nearest, factor 0.3": Row(MAP, "y = { type = 'Upsample', scale_factor = 0.3 }", lambda w, x: F.interpolate(x, scale_factor=0.3)),
    "shrunk with smoothing": Row(MAP, "y = { type = 'interpolate', scale_factor = 0.5, mode = 'bilinear', antialias = true }", refused="smooths"),
    "brought to a size with smoothing": Row(MAP, "y = { type = 'interpolate', size = [5, 3], mode = 'bilinear', antialias = true }", lambda w, x: F.interpolate(x, size=(5, 3), mode="bilinear", antialias=True)),
    "a volume by 1.5": Row("x = N 2 D H 3", "y = { type = 'Upsample', scale_factor = [1.5, 2.0, 1.0], mode = 'trilinear' }", lambda w, x: F.interpolate(x, scale_factor=(1.5, 2.0, 1.0), mode="trilinear")),
    "a triangle by tril of ones": Row(ROW, "o = { type = 'ones', from = [], size = [\"${x.shape[1]}\", \"${x.shape[1]}\"] }\nm = 'tril'\ny = { type = 'matmul', from = ['m', 'x'] }", lambda w, x: torch.ones(x.shape[1], x.shape[1], dtype=x.dtype).tril() @ x),
    "places from 0 to 1": Row(ROW, "p = { type = 'linspace', from = [], start = 0, end = 1, steps = \"${x.shape[1]}\" }\nu = { type = 'unsqueeze', dim = 1 }\ny = { type = 'mul', from = ['x', 'u'], broadcast = true }", lambda w, x: x * torch.linspace(0, 1, x.shape[1], dtype=x.dtype)[:, None]),
    "the greatest of at least four": Row(ROW, "y = { type = 'topk', k = 4, dim = 1 }", lambda w, x: x.topk(4, 1)[0]),
    "the third smallest": Row(ROW, "y = { type = 'kthvalue', k = 3, dim = 1 }", lambda w, x: x.kthvalue(3, 1)[0]),
    "the middle of an open number": Row(ROW, "y = { type = 'median', dim = 1 }", lambda w, x: x.median(1)[0]),
    "a quantile between rows": Row(ROW, "y = { type = 'quantile', q = 0.3, dim = 1 }", lambda w, x: x.quantile(0.3, 1)),
    "differences of every second": Row("x = N 2*T 4", "a = { type = 'slice', dim = 1, step = 2 }\nb = { type = 'slice', from = 'x', dim = 1, start = 1, step = 2 }\ny = { type = 'sub', from = ['a', 'b'] }", lambda w, x: x[:, ::2] - x[:, 1::2]),
    "differences of every second, any number": Row(ROW, "a = { type = 'slice', dim = 1, step = 2 }\nb = { type = 'slice', from = 'x', dim = 1, start = 1, step = 2 }\ny = { type = 'sub', from = ['a', 'b'] }", refused="."),
    "squared distances of one row more": Row(ROW, "p = { type = 'pad', pad = [0, 0, 1, 0] }\nb = { type = 'slice', dim = 1, end = -1 }\ny = { type = 'sub', from = ['x', 'b'] }", lambda w, x: x - F.pad(x, (0, 0, 1, 0))[:, :-1]),
    "a Linear over an open dim": Row("x = N 4 T", "y = { type = 'Linear', out_features = 3 }", refused="."),
    "a norm over an open dim": Row("x = N 4 T", "y = 'LayerNorm'", refused="."),
    # whole numbers that stay whole, fractions that stay fractions
    "uint8 halved": Row("x = N T:uint8", "y = { type = 'div', other = 2 }", lambda w, x: x / 2, draw={"x": EIGHT}),
    "uint8 and a fraction": Row("x = N T:uint8", "y = { type = 'sub', other = 0.5 }", lambda w, x: x - 0.5, draw={"x": EIGHT}),
    "uint8 and one more": Row("x = N T:uint8", "y = { type = 'add', other = 1 }", lambda w, x: x + 1, draw={"x": EIGHT}),
    "uint8 without its sign, turned": Row("x = N T:uint8", "a = 'neg'\ny = 'abs'", lambda w, x: (-x).abs(), draw={"x": EIGHT}),
    "uint8 and 32 bits": Row("x = N T:uint8; z = N T:int32", "y = { type = 'mul', from = ['x', 'z'] }", lambda w, x, z: x * z, draw={"x": EIGHT, "z": table(16777217, -3)}),
    "int8 and uint8": Row("x = N T:uint8; z = N T:int8", "y = { type = 'add', from = ['x', 'z'] }", lambda w, x, z: x + z, draw={"x": EIGHT, "z": table(-128, 127, -1)}),
    "16 bits to 32 by a sum": Row("x = N T 3:int16", "y = { type = 'sum', dim = -1 }", lambda w, x: x.sum(-1), draw={"x": table(32767, 32766, -5)}),
    "a running sum of 16 bits": Row("x = N T:int16", "y = { type = 'cumsum', dim = 1 }", lambda w, x: x.cumsum(1), draw={"x": table(32767, 32766, -5)}),
    "a mask times large ones": Row("m = N T:bool; x = N T:int64", "y = { type = 'mul', from = ['x', 'm'] }\ns = { type = 'sum', dim = 1 }", lambda w, m, x: (x * m).sum(1), draw={"x": LARGE}),
    "a mask less one": Row("m = N T:bool", "f = { type = 'to', dtype = 'int64' }\ny = { type = 'sub', other = 1 }", lambda w, m: m.long() - 1),
    "filled where masked, whole numbers": Row("x = N T:int64; m = N T:bool", "y = { type = 'masked_fill', from = ['x', 'm'], value = 16777217 }", lambda w, x, m: x.masked_fill(m, 16777217), draw={"x": LARGE}),
    "filled where masked, by a fraction": Row("x = N T:int64; m = N T:bool", "y = { type = 'masked_fill', from = ['x', 'm'], value = 0.5 }", refused="."),
    "filled by minus infinity": Row("x = N T; m = N T:bool", "y = { type = 'masked_fill', from = ['x', 'm'], value = -inf }\nz = { type = 'softmax', dim = 1 }", lambda w, x, m: x.masked_fill(m, float("-inf")).softmax(1), draw={"m": lambda s: torch.rand(s) > 2}),
    "one of a number and whole ones": Row("c = N T:bool; x = N T:int64", "z = { type = 'full_like', from = 'x', fill_value = 9007199254740993 }\ny = { type = 'where', from = ['c', 'x', 'z'] }", lambda w, c, x: torch.where(c, x, 2**53 + 1), draw={"x": LARGE}),
    "one hot of ids, its dtype": Row("i = N T:int64", "y = { type = 'one_hot', num_classes = 5 }", lambda w, i: F.one_hot(i, 5), draw={"i": ids(5)}),
    "one hot of 32 bits": Row("i = N T:int32", "y = { type = 'one_hot', num_classes = 5 }", refused="."),
    "ids of 32 bits into a table": Row("i = N T:int32", "y = { type = 'Embedding', num_embeddings = 5, embedding_dim = 2 }", lambda w, i: w["y.weight"][i.long()], draw={"i": ids(5)}),
    "gathered by 32 bits": Row("x = N 5; i = N 2:int32", "y = { type = 'gather', from = ['x', 'i'], dim = 1 }", lambda w, x, i: x.gather(1, i.long()), draw={"i": ids(5)}),
    "floor by a negative number": Row("x = N T:int32", "y = { type = 'floor_divide', other = -7 }", lambda w, x: x // -7, draw={"x": SIGNS}),
    "remainder by a negative number": Row("x = N T:int32", "y = { type = 'remainder', other = -7 }", lambda w, x: x % -7, draw={"x": SIGNS}),
    "floor of large ones by a large one": Row("x = N T:int64", "y = { type = 'floor_divide', other = 9007199254740993 }", lambda w, x: x // (2**53 + 1), draw={"x": table(2**62, -(2**62), 2**53 + 1, 2**53, -1)}),
    "floor by a fraction": Row("x = N T:int64", "y = { type = 'floor_divide', other = 2.5 }", lambda w, x: x // 2.5, draw={"x": SIGNS}),
    "a power by a fraction of whole numbers": Row("x = N T:int32", "y = { type = 'pow', exponent = 2.0 }", lambda w, x: x**2.0, draw={"x": table(3, -4, 4097)}),
    "two to the power of whole numbers": Row("x = N T:int64", "z = { type = 'full_like', fill_value = 2 }\ny = { type = 'pow', from = ['z', 'x'] }", lambda w, x: 2**x, draw={"x": table(0, 1, 24, 53, 62)}),
    "the root of whole numbers": Row("x = N T:int64", "y = 'sqrt'", lambda w, x: x.float().sqrt(), draw={"x": table(0, 1, 2, 16777217)}),
    "the mean of whole numbers as floats": Row("x = N T 3:int64", "f = { type = 'to', dtype = 'float32' }\ny = { type = 'mean', dim = 2 }", lambda w, x: x.float().mean(2)),
    "held by fractions": Row("x = N T:int64", "y = { type = 'clamp', min = 0.5, max = 3.5 }", lambda w, x: x.clamp(0.5, 3.5), draw={"x": SIGNS}),
    "compared with a fraction that rounds to it": Row("x = N T", "y = { type = 'eq', other = 0.1 }", lambda w, x: x.float() == 0.1, draw={"x": table(1, 0)}),
    "whole numbers, equal to a fraction": Row("x = N T:int64", "y = { type = 'eq', other = 2.0 }", lambda w, x: x == 2.0, draw={"x": SMALL}),
    "the sign of bytes and of bools": Row("x = N T:uint8", "y = 'sign'", lambda w, x: x.sign(), draw={"x": EIGHT}),
    "greatest and least of bools": Row("x = N T:bool", "y = { type = 'amax', dim = 1 }", lambda w, x: x.amax(1)),
    "where the greatest of bools is": Row("x = N T:uint8", "y = { type = 'argmax', dim = 1 }", lambda w, x: x.argmax(1), draw={"x": EIGHT}),
    "counted where not 0": Row("x = N T:int64", "y = { type = 'count_nonzero', dim = 1 }", lambda w, x: x.count_nonzero(1), draw={"x": SMALL}),
    "positions that are no padding, from 1 on": Row("i = N T:int64", "m = { type = 'ne', other = 0 }\nc = { type = 'cumsum', dim = 1 }\ny = { type = 'mul', from = ['c', 'm'] }", lambda w, i: (i != 0).cumsum(1) * (i != 0), draw={"i": ids(3)}),
    "float64 that stays exact": Row("x = N T:float64", "y = { type = 'add', other = 1e-12 }\nz = { type = 'sub', other = 1.0 }\nm = { type = 'mul', other = 1e12 }\ny2 = { type = 'to', dtype = 'float32' }", lambda w, x: ((x + 1e-12 - 1.0) * 1e12).float(), draw={"x": lambda s: torch.ones(s)}),
    "half to float and back": Row("x = N T:float16", "a = { type = 'to', dtype = 'float32' }\nb = { type = 'mul', other = 3.0 }\ny = { type = 'to', dtype = 'float16' }", lambda w, x: (x.float() * 3).half()),
    "buckets of whole numbers": Row("x = N T:int64", "b = { type = 'Buffer', from = [], data = [0, 3, 16777217], dtype = 'int64' }\ny = { type = 'bucketize', from = ['x', 'b'] }", lambda w, x: torch.bucketize(x, torch.tensor([0, 3, 16777217])), draw={"x": table(16777216, 16777217, 16777218, -1, 3)}),
    # training only
    "BatchNorm without weights": Row("x = N 4", "y = { type = 'BatchNorm1d', affine = false }\nl = { type = 'Linear', out_features = 2 }", lambda w, x: linear(w, "l", F.batch_norm(x, w["y.running_mean"], w["y.running_var"]))),
    "BatchNorm without statistics": Row("x = N 4 L", "y = { type = 'BatchNorm1d', track_running_stats = false }", lambda w, x: F.batch_norm(x, None, None, w["y.weight"], w["y.bias"], True)),
    "BatchNorm of a plain mean": Row("x = N 4", "y = { type = 'BatchNorm1d', momentum = 'none' }\nl = { type = 'Linear', out_features = 2 }", refused="."),
    "InstanceNorm that has statistics": Row("x = N 4 L", "y = { type = 'InstanceNorm1d', track_running_stats = true, affine = true }", lambda w, x: F.instance_norm(x, w["y.running_mean"], w["y.running_var"], w["y.weight"], w["y.bias"], False)),
    "Dropout between Linears": Row("x = N 4", "a = { type = 'Linear', out_features = 5 }\nd = { type = 'Dropout', p = 0.9 }\ne = 'AlphaDropout'\nf = 'FeatureAlphaDropout'\nb = { type = 'Linear', out_features = 2 }", lambda w, x: linear(w, "b", linear(w, "a", x))),
    # names
    "layers named like methods of tensors": Row("x = N 4", "T = { type = 'Linear', out_features = 4 }\nmT = 'ReLU'\nshape = { type = 'Linear', out_features = 4 }\ndata = 'Tanh'\ngrad = { type = 'Linear', out_features = 2 }", lambda w, x: linear(w, "grad", linear(w, "shape", linear(w, "T", x).relu()).tanh())),
    "inputs named like dtypes": Row("float32 = N 4; int64 = N 4", "bool_ = { type = 'add', from = ['float32', 'int64'] }\nuint8 = { type = 'Linear', out_features = 2 }", lambda w, float32, int64: linear(w, "uint8", float32 + int64)),
    "inputs named like Python's functions": Row("print = N 4; id = N 4", "len = { type = 'sub', from = ['print', 'id'] }\nrange = { type = 'Linear', out_features = 2 }", lambda w, print, id: linear(w, "range", print - id)),
    "soft keywords": Row("match = N 4; case = N 4; type = N 4", "_m = { type = 'add', from = ['match', 'case'] }\nsoft = { type = 'add', from = ['_m', 'type'] }\nmatch_ = { type = 'Linear', out_features = 2 }", lambda w, match, case, type: linear(w, "match_", match + case + type)),
    "hyphens and underscores": Row("x = N 4", "a-b = { type = 'Linear', out_features = 4 }\na_b = { type = 'Linear', out_features = 3 }", lambda w, x: linear(w, "a_b", linear(w, "a-b", x))),
    "a dim named like an input": Row("x = N T 4; T = N T 4", "y = { type = 'add', from = ['x', 'T'] }", lambda w, x, T: x + T),
    "a dim named like a function": Row("x = max min 4", "y = { type = 'slice', dim = 1, end = 5 }", lambda w, x: x[:, :5]),
    "outputs named like inputs of ONNX": Row("X = N 4", "l = { type = 'Linear', out_features = 2 }\nm = { type = 'Linear', from = 'X', out_features = 2 }", lambda w, X: {"Y": linear(w, "l", X), "input": linear(w, "m", X)}, more="[outputs]\nY = 'l'\ninput = 'm'\n"),
    "layers that differ only in numbers": Row("x = N 4", "l1 = { type = 'Linear', out_features = 4 }\nl_1 = { type = 'Linear', out_features = 4 }\nl1_ = { type = 'Linear', out_features = 4 }\nl11 = { type = 'Linear', out_features = 2 }", lambda w, x: linear(w, "l11", linear(w, "l1_", linear(w, "l_1", linear(w, "l1", x))))),
}  # fmt: skip
