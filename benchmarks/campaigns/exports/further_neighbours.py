"""Neighbours of every kind, written when all the rows before them were right: other layers, sizes, dtypes and names."""

# ruff: noqa: E501 - a table
from __future__ import annotations

import torch
import torch.nn.functional as F
from further_numbers import table
from further_row import Row
from further_shapes import conv, linear, rnn
from torch import nn

WIDE = table(-(2**53) - 1, 2**53 + 1, 2**62 + 3, -3, 0, 7)
SHORT = table(-32768, 32767, -3, 0, 7, 182)
BYTES = table(0, 255, 3, 128, 7)
INT32 = table(-(2**31), 2**31 - 1, -3, 0, 7, 16777217)
UNIT = lambda shape: torch.rand(shape) * 1.8 - 0.9  # noqa: E731
ABOVE = lambda shape: torch.rand(shape) + 1.1  # noqa: E731

NEIGHBOURS: dict[str, Row] = {
    # shapes
    "a line's pool of 4 by 3, rounded up, padded": Row("x = N 3 T", "y = { type = 'MaxPool1d', kernel_size = 4, stride = 3, padding = 1, ceil_mode = true }", lambda w, x: F.max_pool1d(x, 4, 3, 1, ceil_mode=True)),
    "a volume's mean, rounded up, padding left out": Row("x = N 2 D H 4", "y = { type = 'AvgPool3d', kernel_size = 2, stride = 2, padding = 1, ceil_mode = true, count_include_pad = false }", lambda w, x: F.avg_pool3d(x, 2, 2, 1, True, False)),
    "a norm's pool of a line, rounded up": Row("x = N 2 T", "y = { type = 'LPPool1d', norm_type = 2, kernel_size = 3, stride = 2, ceil_mode = true }", lambda w, x: F.avg_pool1d(x**2, 3, 2, 0, True).mul(3).sqrt()),
    "from the sixth on": Row("x = N T 3", "y = { type = 'slice', dim = 1, start = 5 }", lambda w, x: x[:, 5:]),
    "four from the third": Row("x = N T", "y = { type = 'narrow', dim = 1, start = 2, length = 4 }", lambda w, x: x.narrow(1, 2, 4)),
    "the fourth": Row("x = N T 3", "y = { type = 'select', dim = 1, index = 3 }", lambda w, x: x[:, 3]),
    "the third last": Row("x = N T 3", "y = { type = 'select', dim = 1, index = -3 }", lambda w, x: x[:, -3]),
    "thirds of pixels": Row("x = N 2 3*H 3*W", "y = { type = 'PixelUnshuffle', downscale_factor = 3 }\nc = { type = 'Conv2d', out_channels = 2, kernel_size = 1 }", lambda w, x: conv(w, "c", F.pixel_unshuffle(x, 3))),
    "positions from the second on": Row("x = N T 6", "p = { type = 'Parameter', from = [], shape = [1, 20, 6], init = 'normal_' }\ns = { type = 'slice', dim = 1, start = 2, end = '${2 + x.shape[1]}' }\ny = { type = 'add', from = ['x', 's'], broadcast = true }", lambda w, x: x + w["p"][:, 2 : 2 + x.shape[1]]),
    "a strided conv beside a rounded pool, always alike": Row("x = N 4 H W", "a = { type = 'Conv2d', out_channels = 4, kernel_size = 3, stride = 2, padding = 1 }\nb = { type = 'MaxPool2d', from = 'x', kernel_size = 2, ceil_mode = true }\ny = { type = 'add', from = ['a', 'b'] }", lambda w, x: conv(w, "a", x, stride=2, padding=1) + F.max_pool2d(x, 2, ceil_mode=True)),
    "a strided conv beside a pool that rounds down": Row("x = N 4 T", "a = { type = 'Conv1d', out_channels = 4, kernel_size = 3, stride = 2, padding = 1 }\nb = { type = 'AvgPool1d', from = 'x', kernel_size = 2 }\ny = { type = 'add', from = ['a', 'b'] }", refused="y"),
    "twice as large, less one": Row("x = N 3 H W", "u = { type = 'Upsample', scale_factor = 2 }\ny = { type = 'Conv2d', out_channels = 2, kernel_size = 2 }", lambda w, x: conv(w, "y", F.interpolate(x, scale_factor=2))),
    "transposed by three with more behind": Row("x = N 3 T", "y = { type = 'ConvTranspose1d', out_channels = 2, kernel_size = 3, stride = 3, dilation = 2, output_padding = 2, padding = 1 }", lambda w, x: F.conv_transpose1d(x, w["y.weight"], w["y.bias"], 3, 1, 2, 1, 2)),
    "as large as another picture": Row("x = N 3 H W; z = N 3 A B", "y = { type = 'interpolate', from = 'x', size = ['${z.shape[2]}', '${z.shape[3]}'], mode = 'bilinear' }\ns = { type = 'add', from = ['y', 'z'] }", lambda w, x, z: F.interpolate(x, z.shape[2:], mode="bilinear") + z),
    "as long as before, an even window": Row("x = N 3 T", "y = { type = 'Conv1d', out_channels = 2, kernel_size = 4, dilation = 3, padding = 'same' }", lambda w, x: F.conv1d(x, w["y.weight"], w["y.bias"], padding="same", dilation=3)),
    "mirrored by four": Row("x = N 3 T", "y = { type = 'ReflectionPad1d', padding = [4, 1] }", lambda w, x: F.pad(x, (4, 1), mode="reflect")),
    "round the edge by three": Row("x = N 3 H W", "y = { type = 'CircularPad2d', padding = [3, 0, 1, 2] }", lambda w, x: F.pad(x, (3, 0, 1, 2), mode="circular")),
    "quads apart": Row("x = N 4*T 3", "y = { type = 'Unflatten', dim = 1, unflattened_size = [-1, 4] }\nz = { type = 'amax', dim = 2 }", lambda w, x: x.unflatten(1, (-1, 4)).amax(2)),
    "the five greatest of any number": Row("x = N T", "y = { type = 'topk', k = 5, dim = 1 }", lambda w, x: x.topk(5, 1)[0]),
    "each less the next": Row("x = N T 2", "a = { type = 'slice', dim = 1, end = -1 }\nb = { type = 'slice', from = 'x', dim = 1, start = 1 }\ny = { type = 'sub', from = ['b', 'a'] }", lambda w, x: x[:, 1:] - x[:, :-1]),
    "each less the third next": Row("x = N T 2", "a = { type = 'slice', dim = 1, end = -3 }\nb = { type = 'slice', from = 'x', dim = 1, start = 3 }\ny = { type = 'sub', from = ['b', 'a'] }", lambda w, x: x[:, 3:] - x[:, :-3]),
    "the first third": Row("x = N T 2", "y = { type = 'slice', dim = 1, end = '${x.shape[1] // 3 + 1}' }", lambda w, x: x[:, : x.shape[1] // 3 + 1]),
    "columns of windows": Row("x = N 2 H W", "y = { type = 'Unfold', kernel_size = [2, 3], stride = 2, dilation = [2, 1], padding = 1 }", lambda w, x: F.unfold(x, (2, 3), (2, 1), 1, 2)),
    "greatest of two by any": Row("x = N 3 H W", "y = { type = 'AdaptiveMaxPool2d', output_size = [1, 1] }", lambda w, x: F.adaptive_max_pool2d(x, 1)),
    "a volume grown by a half": Row("x = N 2 D 4 4", "y = { type = 'Upsample', scale_factor = [1.5, 1.0, 2.0], mode = 'trilinear' }", lambda w, x: F.interpolate(x, scale_factor=(1.5, 1.0, 2.0), mode="trilinear")),
    "rolled by one of any number": Row("x = N T 2", "y = { type = 'roll', shifts = [1, -1], dims = [1, 2] }", lambda w, x: x.roll((1, -1), (1, 2))),
    "pieces of five, the first": Row("x = N T", "s = { type = 'split', split_size_or_sections = 5, dim = 1 }", refused="s"),
    "a spread over any number": Row("x = N T 2", "y = { type = 'std', dim = 1 }", lambda w, x: x.std(1), refused=""),
    "two pools, then as large as before": Row("x = N 2 4*H 4*W", "a = { type = 'MaxPool2d', kernel_size = 2 }\nb = { type = 'MaxPool2d', kernel_size = 2 }\nu = { type = 'Upsample', scale_factor = 4 }\ny = { type = 'add', from = ['u', 'x'] }", lambda w, x: F.interpolate(F.max_pool2d(x, 4), scale_factor=4) + x),
    # whole numbers
    "bytes less than 300": Row("x = N T:uint8", "y = { type = 'lt', other = 300 }\nz = { type = 'to', dtype = 'float32' }\nm = { type = 'sum', dim = 1 }", lambda w, x: (x < 300).double().sum(1), draw={"x": BYTES}),
    "bytes divided downwards": Row("x = N T:uint8", "y = { type = 'floor_divide', other = 7 }", lambda w, x: x // 7, draw={"x": BYTES}),
    "short numbers divided downwards by a negative": Row("x = N T:int16", "y = { type = 'floor_divide', other = -3 }", lambda w, x: x // -3, draw={"x": SHORT}),
    "short numbers squared": Row("x = N T:int16", "y = { type = 'pow', exponent = 2 }", lambda w, x: x**2, draw={"x": SHORT}),
    "32 bits and a half": Row("x = N T:int32", "y = { type = 'add', other = 0.5 }", lambda w, x: x + 0.5, draw={"x": SHORT}),
    "three times the other": Row("x = N T:int64; z = N T:int64", "y = { type = 'add', from = ['x', 'z'], alpha = 3 }", refused="no argument .alpha.", draw={"x": WIDE, "z": SHORT}),
    "less three times the other, 32 bits": Row("x = N T:int32; z = N T:int32", "y = { type = 'sub', from = ['x', 'z'], alpha = 3 }", refused="no argument .alpha.", draw={"x": SHORT, "z": SHORT}),
    "filled with a large number": Row("x = N T:int64; m = N T:bool", "y = { type = 'masked_fill', from = ['x', 'm'], value = 9007199254740993 }", lambda w, x, m: x.masked_fill(m, 2**53 + 1), draw={"x": WIDE}),
    "at least a large one": Row("x = N T:int64", "y = { type = 'ge', other = 9007199254740993 }", lambda w, x: x >= 2**53 + 1, draw={"x": WIDE}),
    "not a large one, 32 bits": Row("x = N T:int32", "y = { type = 'ne', other = 16777217 }", lambda w, x: x != 16777217, draw={"x": INT32}),
    "32 bits beside a number beyond them": Row("x = N T:int32", "y = { type = 'eq', other = 2147483647 }\nz = { type = 'any', dim = 1 }", lambda w, x: (x == 2**31 - 1).any(1), draw={"x": INT32}),
    "the place of the greatest large one": Row("x = N T:int64", "y = { type = 'argmax', dim = 1 }", lambda w, x: x.argmax(1), draw={"x": WIDE}),
    "floor of whole numbers": Row("x = N T:int64", "y = 'floor'", lambda w, x: x, draw={"x": WIDE}),
    "round, ceil and trunc of 32 bits": Row("x = N T:int32", "a = 'round'\nb = 'ceil'\nc = 'trunc'", lambda w, x: x, draw={"x": INT32}),
    "large ones divided downwards": Row("x = N T:int64", "y = { type = 'div', other = 7, rounding_mode = 'floor' }", refused="no argument .rounding_mode.", draw={"x": WIDE}),
    "large ones divided towards 0": Row("x = N T:int64", "y = { type = 'div', other = -7, rounding_mode = 'trunc' }", refused="no argument .rounding_mode.", draw={"x": WIDE}),
    "held between large ones": Row("x = N T:int64", "y = { type = 'clamp', min = -9007199254740993, max = 9007199254740993 }", lambda w, x: x.clamp(-(2**53) - 1, 2**53 + 1), draw={"x": WIDE}),
    "short ones held beyond their width": Row("x = N T:int16", "y = { type = 'clamp', max = 40000 }", refused="cannot be converted", draw={"x": SHORT}),
    "large ones chosen": Row("c = N T:bool; x = N T:int64; z = N T:int64", "y = { type = 'where', from = ['c', 'x', 'z'] }", lambda w, c, x, z: torch.where(c, x, z), draw={"x": WIDE, "z": WIDE}),
    "32 and 64 bits chosen": Row("c = N T:bool; x = N T:int32; z = N T:int64", "y = { type = 'where', from = ['c', 'x', 'z'] }", lambda w, c, x, z: torch.where(c, x, z), draw={"x": INT32, "z": WIDE}),
    "large ones sorted": Row("x = N 5:int64", "y = { type = 'sort', dim = 1 }", lambda w, x: x.sort(1)[0], draw={"x": WIDE}),
    "large ones stacked and flipped": Row("x = N T:int64; z = N T:int64", "a = { type = 'stack', from = ['x', 'z'], dim = 2 }\ny = { type = 'flip', dims = [1] }", lambda w, x, z: torch.stack([x, z], 2).flip(1), draw={"x": WIDE, "z": WIDE}),
    "a product in float64, handed on in float32": Row("x = N T:float64", "y = { type = 'mul', other = 3.3 }\nz = { type = 'add', other = 0.1 }\nc = { type = 'clamp', min = -0.7 }\nf = { type = 'to', dtype = 'float32' }", lambda w, x: (x * 3.3 + 0.1).clamp(min=-0.7).float()),
    "whole numbers halved": Row("x = N T:int64", "y = { type = 'div', other = 2 }", lambda w, x: x / 2, draw={"x": SHORT}),
    "bools less bools are none": Row("x = N T:bool; z = N T:bool", "y = { type = 'ne', from = ['x', 'z'] }", lambda w, x, z: x != z),
    "the greater of bytes": Row("x = N T:uint8; z = N T:uint8", "y = { type = 'maximum', from = ['x', 'z'] }", lambda w, x, z: torch.maximum(x, z), draw={"x": BYTES}),
    "the least of bytes along": Row("x = N 5:uint8", "y = { type = 'amin', dim = 1 }", lambda w, x: x.amin(1), draw={"x": BYTES}),
    "eight bits with a sign added": Row("x = N T:int8; z = N T:int8", "y = { type = 'add', from = ['x', 'z'] }", lambda w, x, z: x + z, draw={"x": table(-128, 127, 3), "z": table(-1, 1, 100)}),
    "a remainder of large ones": Row("x = N T:int64", "y = { type = 'remainder', other = 1000003 }", lambda w, x: x % 1000003, draw={"x": WIDE}),
    "ids of bytes": Row("x = N T:uint8", "i = { type = 'to', dtype = 'int64' }\ne = { type = 'Embedding', num_embeddings = 256, embedding_dim = 3 }", lambda w, x: w["e.weight"][x.long()], draw={"x": BYTES}),
    "whole numbers turned, large": Row("x = N T:int64", "y = 'neg'\nz = 'abs'", lambda w, x: (-x).abs(), draw={"x": WIDE}),
    # names
    "an input called weights": Row("weights = N 4", "add = { type = 'Linear', out_features = 3 }", lambda w, weights: linear(w, "add", weights)),
    "an input called val_0, outputs add and add_1": Row("val_0 = N 4", "l = { type = 'Linear', out_features = 4 }\nadd = { type = 'add', from = ['l', 'val_0'] }\nadd_1 = { type = 'add', from = ['add', 'l'] }", lambda w, val_0: {"add": linear(w, "l", val_0) + val_0, "add_1": linear(w, "l", val_0) * 2 + val_0}, more="[outputs]\nadd = 'add'\nadd_1 = 'add_1'\n"),
    "an input called graph, a layer called input": Row("graph = N 4", "input = { type = 'Linear', out_features = 3 }", lambda w, graph: linear(w, "input", graph)),
    "an input called args, an output called kwargs": Row("args = N 4", "l = { type = 'Linear', out_features = 3 }", lambda w, args: linear(w, "l", args), more="[outputs]\nkwargs = 'l'\n"),
    "dims called x, s0 and u1": Row("x = x s0 u1", "y = { type = 'mul', other = 2 }\nz = { type = 'tanh' }", lambda w, x: torch.tanh(2 * x)),
    "dims called inf, pi and E": Row("x = inf pi 3; z = inf E 3", "y = { type = 'cat', from = ['x', 'z'], dim = 1 }\nl = { type = 'Linear', out_features = 2 }", lambda w, x, z: linear(w, "l", torch.cat([x, z], 1))),
    "dims called S, Q and I": Row("x = S Q 3; z = S I 3", "y = { type = 'cat', from = ['x', 'z'], dim = 1 }\nl = { type = 'Linear', out_features = 2 }", lambda w, x, z: linear(w, "l", torch.cat([x, z], 1))),
    "a layer called as a dim": Row("x = N T 3", "T = { type = 'Linear', out_features = 2 }", lambda w, x: linear(w, "T", x)),
    "one value by two names": Row("x = N 4", "l = { type = 'Linear', out_features = 3 }", lambda w, x: {"p": linear(w, "l", x), "q": linear(w, "l", x)}, more="[outputs]\np = 'l'\nq = 'l'\n"),
    "inputs called a and A1": Row("a = N 4; A1 = N 4", "l = { type = 'sub', from = ['A1', 'a'] }\nm = { type = 'Linear', out_features = 2 }", lambda w, a, A1: linear(w, "m", A1 - a)),
    # what is hard to judge
    "an arcus sine": Row("x = N 4", "y = 'asin'", lambda w, x: x.asin(), draw={"x": UNIT}),
    "an arcus cosine, then a Linear": Row("x = N 4", "y = 'acos'\nl = { type = 'Linear', out_features = 2 }", lambda w, x: linear(w, "l", x.acos()), draw={"x": UNIT}),
    "an area cosine": Row("x = N 4", "y = 'acosh'", lambda w, x: x.acosh(), draw={"x": ABOVE}),
    "an area tangent, then a Linear": Row("x = N 4", "y = 'atanh'\nl = { type = 'Linear', out_features = 2 }", lambda w, x: linear(w, "l", x.atanh()), draw={"x": UNIT}),
    "a logarithm of 1 more": Row("x = N 4", "y = 'log1p'\nl = { type = 'Linear', out_features = 2 }", lambda w, x: linear(w, "l", x.log1p()), draw={"x": UNIT}),
    "a logarithm of a logarithm": Row("x = N 4", "a = 'log'\nb = 'log'\nl = { type = 'Linear', out_features = 2 }", lambda w, x: linear(w, "l", x.log().log()), draw={"x": lambda s: torch.rand(s) + 1.1}),
    "a root of 1 less a square": Row("x = N 4", "s = 'square'\nn = 'neg'\no = { type = 'add', other = 1.0 }\ny = 'sqrt'\nl = { type = 'Linear', out_features = 2 }", lambda w, x: linear(w, "l", (1 - x**2).sqrt()), draw={"x": UNIT}),
    "the input beside its Linear": Row("x = N 4", "l = { type = 'Linear', out_features = 3 }", lambda w, x: {"given": x, "made": linear(w, "l", x)}, more="[outputs]\ngiven = 'x'\nmade = 'l'\n"),
    "whether a number is one": Row("x = N 4", "y = 'isfinite'\nz = { type = 'all', dim = 1 }", lambda w, x: x.isfinite().all(1)),
    "places alone": Row("x = N T 3", "p = { type = 'arange', end = '${x.shape[1]}' }\nl = { type = 'Linear', from = 'x', out_features = 2 }", lambda w, x: {"places": torch.arange(x.shape[1]), "y": linear(w, "l", x)}, more="[outputs]\nplaces = 'p'\ny = 'l'\n"),
    "a Linear of 0 and 1": Row("x = N 4:bool", "f = { type = 'to', dtype = 'float32' }\nl = { type = 'Linear', out_features = 3 }", lambda w, x: linear(w, "l", x.double())),
    "greater than a learned bound": Row("x = N 4", "p = { type = 'Parameter', from = [], shape = [4], init = 'normal_' }\ny = { type = 'gt', from = ['x', 'p'], broadcast = true }", lambda w, x: x > w["p"]),
    "the greatest class alone": Row("x = N 4", "l = { type = 'Linear', out_features = 5 }\ny = { type = 'argmax', dim = 1 }", lambda w, x: linear(w, "l", x).argmax(1)),
    "a hard step of a Linear": Row("x = N 4", "l = { type = 'Linear', out_features = 5 }\nh = { type = 'Hardtanh', min_val = 0.0, max_val = 0.001 }", lambda w, x: F.hardtanh(linear(w, "l", x), 0.0, 0.001)),
    "a threshold far off": Row("x = N 4", "l = { type = 'Linear', out_features = 5 }\nh = { type = 'Threshold', threshold = 50.0, value = -7.0 }", lambda w, x: F.threshold(linear(w, "l", x), 50.0, -7.0)),
    # formats
    "a GRU both ways, steps first, flattened": Row("x = T N 4", "g = { type = 'GRU', hidden_size = 3, bidirectional = true, batch_first = false }\ny = { type = 'reshape', from = 'g.output', shape = [-1, 6] }\nl = { type = 'Linear', out_features = 2 }", lambda w, x: linear(w, "l", rnn(nn.GRU(4, 3, bidirectional=True), w, "g")(x)[0].reshape(-1, 6))),
    "two layers of a plain RNN, the last state": Row("x = N T 4", "g = { type = 'RNN', hidden_size = 3, num_layers = 2, nonlinearity = 'relu', batch_first = true }\ny = { type = 'Linear', from = 'g.h_n', out_features = 2 }", lambda w, x: linear(w, "y", rnn(nn.RNN(4, 3, 2, "relu", batch_first=True), w, "g")(x)[1])),
    "an LSTM's projection": Row("x = N T 4", "g = { type = 'LSTM', hidden_size = 5, proj_size = 2, batch_first = true }\ny = { type = 'Linear', from = 'g.c_n', out_features = 2 }", refused="no projection"),
    "cells step by step": Row("x = N 4; h = N 3", "g = { type = 'GRUCell', from = ['x', 'h'], hidden_size = 3 }\nr = { type = 'RNNCell', from = ['x', 'g'], hidden_size = 3, nonlinearity = 'relu' }", lambda w, x, h: rnn(nn.RNNCell(4, 3, nonlinearity="relu"), w, "r")(x, rnn(nn.GRUCell(4, 3), w, "g")(x, h))),
    "attention to another, with weights": Row("q = N L 8; kv = N S 8", "y = { type = 'MultiheadAttention', from = { query = 'q', key = 'kv', value = 'kv' }, num_heads = 4, batch_first = true }", lambda w, q, kv: dict(zip(("y", "share"), rnn(nn.MultiheadAttention(8, 4, batch_first=True), w, "y")(q, kv, kv), strict=True)), more="[outputs]\ny = 'y'\nshare = 'y.attn_output_weights'\n"),
    "a line pooled and put back": Row("x = N 2 2*T", "p = { type = 'MaxPool1d', kernel_size = 2, return_indices = true }\ny = { type = 'MaxUnpool1d', from = ['p.output', 'p.indices'], kernel_size = 2 }", lambda w, x: F.max_unpool1d(*F.max_pool1d(x, 2, return_indices=True), 2)),
    "a Bilinear of rows": Row("x = N T 3; z = N T 4", "y = { type = 'Bilinear', from = ['x', 'z'], out_features = 2 }", lambda w, x, z: F.bilinear(x, z, w["y.weight"], w["y.bias"])),
    "how alike, along": Row("x = N T 3; z = N T 3", "y = { type = 'CosineSimilarity', from = ['x', 'z'], dim = 2 }", lambda w, x, z: F.cosine_similarity(x, z, 2)),
    "how far, by a norm of three": Row("x = N 5; z = N 5", "y = { type = 'PairwiseDistance', from = ['x', 'z'], p = 3.0, keepdim = true }", lambda w, x, z: F.pairwise_distance(x, z, 3.0, keepdim=True)),
    "neighbours' response over five": Row("x = N 7 H W", "y = { type = 'LocalResponseNorm', size = 5, alpha = 0.1, k = 2.0 }", lambda w, x: F.local_response_norm(x, 5, 0.1, 0.75, 2.0)),
    "bags of ids, the greatest": Row("i = N T:int64", "y = { type = 'EmbeddingBag', num_embeddings = 11, embedding_dim = 3, mode = 'max' }", lambda w, i: w["y.weight"][i].amax(1), draw={"i": lambda s: torch.randint(0, 11, s)}),
    "shuffled channels of any size": Row("x = N 6 H W", "y = { type = 'ChannelShuffle', groups = 3 }\nc = { type = 'Conv2d', out_channels = 2, kernel_size = 1 }", lambda w, x: conv(w, "c", F.channel_shuffle(x, 3))),
    "gates along the middle": Row("x = N 6 T", "y = { type = 'GLU', dim = 1 }", lambda w, x: F.glu(x, 1)),
    "sampled by a learned turn": Row("x = N 2 5 5; t = N 2 3", "g = { type = 'affine_grid', from = 't', size = ['${x.shape[0]}', 2, 4, 4] }\ny = { type = 'grid_sample', from = ['x', 'g'], padding_mode = 'border' }", lambda w, x, t: F.grid_sample(x, F.affine_grid(t, [x.shape[0], 2, 4, 4]), padding_mode="border")),
    "shrunk, hard and soft": Row("x = N T", "a = { type = 'Hardshrink', lambd = 0.3 }\nb = { type = 'Softshrink', lambd = 0.2 }\nc = 'Tanhshrink'", lambda w, x: F.tanhshrink(F.softshrink(F.hardshrink(x, 0.3), 0.2))),
    "a volume's places put back": Row("x = N 2 2*D 4 4", "p = { type = 'MaxPool3d', kernel_size = 2, return_indices = true }\ny = { type = 'MaxUnpool3d', from = ['p.output', 'p.indices'], kernel_size = 2 }", lambda w, x: F.max_unpool3d(*F.max_pool3d(x, 2, return_indices=True), 2)),
}  # fmt: skip
