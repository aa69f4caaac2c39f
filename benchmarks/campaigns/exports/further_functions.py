"""Networks of the functions that the vocabulary gained last: indices, bits, powers, orders, running products, noise."""

# ruff: noqa: E501 - a table
from __future__ import annotations

import torch
import torch.nn.functional as F
from further_numbers import EIGHT, ENDS, LARGE, SIGNS, TIES, table
from further_row import Row


def special(shape):
    """−0.0, infinities, NaN and numbers beside them."""
    values = torch.tensor(
        [-0.0, 0.0, float("inf"), -float("inf"), float("nan"), 1.5, -2.5, 1e38, -1e-40, 3.4e38, 0.5, -0.5]
    )
    count = torch.Size(shape).numel()
    return values.repeat(-(-count // 12))[:count].reshape(shape)


def ids(below):
    return lambda shape: torch.randint(0, below, shape)


FUNCTIONS: dict[str, Row] = {
    "taken along, indices of one row": Row("x = N T 6; i = 1 T 2:int64", "y = { type = 'take_along_dim', from = ['x', 'i'], dim = 2 }", lambda w, x, i: torch.take_along_dim(x, i, 2), draw={"i": ids(6)}),
    "taken along, values of one row": Row("x = 1 5 6; i = N 2 6:int64", "y = { type = 'take_along_dim', from = ['x', 'i'], dim = 1 }", lambda w, x, i: torch.take_along_dim(x, i, 1), draw={"i": ids(5)}),
    "taken along, both stretched": Row("x = N 1 6; i = 1 T 2:int64", "y = { type = 'take_along_dim', from = ['x', 'i'], dim = -1 }", lambda w, x, i: torch.take_along_dim(x, i, -1), draw={"i": ids(6)}),
    "taken along, nothing stretched": Row("x = N 5 6; i = N 5 2:int64", "y = { type = 'take_along_dim', from = ['x', 'i'], dim = 2 }", lambda w, x, i: torch.take_along_dim(x, i, 2), draw={"i": ids(6)}),
    "taken along, by argsort": Row("x = N 5", "i = { type = 'argsort', dim = 1 }\ny = { type = 'take_along_dim', from = ['x', 'i'], dim = 1 }", lambda w, x: x.sort(1)[0]),
    "taken along, negative": Row("x = N 5 6; i = N 5 2:int64", "y = { type = 'take_along_dim', from = ['x', 'i'], dim = 2 }", lambda w, x, i: torch.take_along_dim(x, i % 6, 2), draw={"i": ids(6)}),
    "whole numbers to whole numbers": Row("x = N T:int64; z = N T:int64", "y = { type = 'pow', from = ['x', 'z'] }", lambda w, x, z: x**z, draw={"x": table(-1000003, 2097151, -2, 0, 999983, 3), "z": table(3, 2, 63, 0, 1, 30, 40)}),
    "int32 to int32": Row("x = N T:int32; z = N T:int32", "y = { type = 'pow', from = ['x', 'z'] }", lambda w, x, z: x**z, draw={"x": table(-1291, 46341, -2, 0, 7, 3), "z": table(3, 2, 31, 0, 1, 20)}),
    "floats to whole numbers": Row("x = N T; z = N T:int64", "y = { type = 'pow', from = ['x', 'z'] }", lambda w, x, z: x**z, draw={"z": table(3, 2, 0, 1, -1)}),
    "whole numbers to floats": Row("x = N T:int64; z = N T", "y = { type = 'pow', from = ['x', 'z'] }", lambda w, x, z: x.to(z.dtype) ** z, draw={"x": table(3, 2, 0, 1, 5), "z": lambda s: torch.rand(s) + 0.5}),
    "cubed, int32": Row("x = N T:int32", "y = { type = 'pow', exponent = 3 }", lambda w, x: x**3, draw={"x": table(-1291, 1290, -2, 0, 46341)}),
    "to the seventh": Row("x = N T:int64", "y = { type = 'pow', exponent = 7 }", lambda w, x: x**7, draw={"x": table(-511, 509, -2, 0, 181)}),
    "sorted, stable": Row("x = N 7:int64", "s = { type = 'sort', dim = 1, stable = true }\ny = { type = 'add', from = ['s.values', 's.indices'] }", lambda w, x: sum(torch.sort(x, dim=1, stable=True)), draw={"x": TIES}),
    "sorted, stable, the indices": Row("x = N 7", "r = 'round'\ny = { type = 'argsort', dim = 1, stable = true }", lambda w, x: torch.argsort(x.round(), dim=1, stable=True)),
    "sorted, stable, falling": Row("x = N 7", "r = 'round'\ny = { type = 'argsort', dim = 1, stable = true, descending = true }", lambda w, x: torch.argsort(x.round(), dim=1, stable=True, descending=True)),
    "sorted, as many as there are": Row("x = N T", "s = { type = 'sort', dim = 1 }", lambda w, x: torch.sort(x, 1)[0]),
    "sorted bytes": Row("x = N 5:uint8", "s = { type = 'sort', dim = 1, descending = true }", lambda w, x: torch.sort(x, 1, descending=True)[0], draw={"x": EIGHT}),
    "a running product": Row("x = N T", "y = { type = 'cumprod', dim = 1 }", lambda w, x: x.cumprod(1), draw={"x": lambda s: torch.randn(s) * 0.5 + 1}),
    "a running product of a fixed dim": Row("x = N 5 3", "y = { type = 'cumprod', dim = 1 }", lambda w, x: x.cumprod(1)),
    "a running product of whole numbers": Row("x = N T:int64", "y = { type = 'cumprod', dim = 1 }", lambda w, x: x.cumprod(1), draw={"x": table(3, -5, 7, 1, 11)}),
    "a running sum of bytes": Row("x = N 5:uint8", "y = { type = 'cumsum', dim = 1 }", lambda w, x: x.cumsum(1), draw={"x": EIGHT}),
    "bits of floats turned over": Row("x = N T", "y = 'bitwise_not'", refused="bitwise_not"),
    "bits of whole numbers turned over": Row("x = N T:int64", "y = 'bitwise_not'", lambda w, x: ~x, draw={"x": ENDS}),
    "bits of bytes turned over": Row("x = N T:uint8", "y = 'bitwise_not'", lambda w, x: ~x, draw={"x": EIGHT}),
    "bools turned over": Row("x = N T:bool", "y = 'bitwise_not'", lambda w, x: ~x),
    "bits of floats joined": Row("x = N T; z = N T", "y = { type = 'bitwise_and', from = ['x', 'z'] }", refused="bitwise_and"),
    "bits joined, two widths": Row("x = N T:int32; z = N T:int64", "y = { type = 'bitwise_xor', from = ['x', 'z'] }", lambda w, x, z: x ^ z, draw={"z": LARGE, "x": SIGNS}),
    "rows by positions": Row("x = N T", "p = { type = 'arange', end = '${x.shape[1]}' }\nt = { type = 'Parameter', from = [], shape = [8, 3], init = 'normal_' }\ny = { type = 'embedding', from = ['p', 't'] }\nm = { type = 'mean', dim = 0 }\nx2 = { type = 'matmul', from = ['x', 'y'] }\nz = { type = 'add', from = ['x2', 'm'], broadcast = true }", lambda w, x: x @ w["t"][torch.arange(x.shape[1])] + w["t"][torch.arange(x.shape[1])].mean(0)),
    "gathered by positions": Row("x = N T", "p = { type = 'arange', end = '${x.shape[1]}' }\nt = { type = 'Parameter', from = [], shape = [8], init = 'normal_' }\ny = { type = 'gather', from = ['t', 'p'], dim = 0 }\nz = { type = 'add', from = ['x', 'y'], broadcast = true }", lambda w, x: x + w["t"][torch.arange(x.shape[1])]),
    "taken along by positions": Row("x = N T", "p = { type = 'arange', end = '${x.shape[1]}' }\nt = { type = 'Parameter', from = [], shape = [8], init = 'normal_' }\ny = { type = 'take_along_dim', from = ['t', 'p'], dim = 0 }\nz = { type = 'add', from = ['x', 'y'], broadcast = true }", lambda w, x: x + w["t"][torch.arange(x.shape[1])]),
    "scattered by positions": Row("x = T", "p = { type = 'arange', end = '${x.shape[0]}' }\nt = { type = 'Parameter', from = [], shape = [8], init = 'normal_' }\ny = { type = 'scatter', from = ['t', 'p', 'x'], dim = 0 }", lambda w, x: w["t"].scatter(0, torch.arange(x.shape[0]), x)),
    "added at positions": Row("x = T", "p = { type = 'arange', end = '${x.shape[0]}' }\nt = { type = 'Parameter', from = [], shape = [8], init = 'normal_' }\ny = { type = 'index_add', from = ['t', 'p', 'x'], dim = 0 }", lambda w, x: w["t"].index_add(0, torch.arange(x.shape[0]), x)),
    "copied to positions": Row("x = T", "p = { type = 'arange', end = '${x.shape[0]}' }\nt = { type = 'Parameter', from = [], shape = [8], init = 'normal_' }\ny = { type = 'index_copy', from = ['t', 'p', 'x'], dim = 0 }", lambda w, x: w["t"].index_copy(0, torch.arange(x.shape[0]), x)),
    "one hot of positions": Row("x = N T", "p = { type = 'arange', end = '${x.shape[1]}' }\ny = { type = 'one_hot', num_classes = 8 }\nf = { type = 'to', dtype = 'float32' }\nz = { type = 'matmul', from = ['x', 'f'] }", lambda w, x: x @ F.one_hot(torch.arange(x.shape[1]), 8).to(x.dtype)),
    "scattered, more values than indices": Row("x = N 6; i = N 2:int64; s = N 4", "y = { type = 'scatter', from = ['x', 'i', 's'], dim = 1 }", lambda w, x, i, s: x.scatter(1, i, s), draw={"i": lambda s: torch.rand(*s[:-1], 6).argsort(-1)[..., :2]}),
    "added where, the same place twice": Row("x = N 6; i = N 4:int64; s = N 4", "y = { type = 'scatter_add', from = ['x', 'i', 's'], dim = 1 }", lambda w, x, i, s: x.scatter_add(1, i, s), draw={"i": ids(3)}),
    "whole numbers added where": Row("x = N 6:int64; i = N 4:int64; s = N 4:int64", "y = { type = 'scatter_add', from = ['x', 'i', 's'], dim = 1 }", lambda w, x, i, s: x.scatter_add(1, i, s), draw={"i": ids(3), "s": LARGE}),
    "a number where": Row("x = N 6; i = N 2:int64", "y = { type = 'scatter', from = ['x', 'i'], dim = 1, value = 7.5 }", lambda w, x, i: x.scatter(1, i, 7.5), draw={"i": ids(6)}),
    "put into a slice": Row("x = N 6; s = N 2", "y = { type = 'slice_scatter', from = ['x', 's'], dim = 1, start = 1, end = 5, step = 2 }", lambda w, x, s: x.slice_scatter(s, 1, 1, 5, 2)),
    "put into a slice from behind": Row("x = N T; s = N 2", "y = { type = 'slice_scatter', from = ['x', 's'], dim = 1, start = -2 }", lambda w, x, s: x.slice_scatter(s, 1, -2)),
    "put into a place from behind": Row("x = N T; s = N", "y = { type = 'select_scatter', from = ['x', 's'], dim = 1, index = -1 }", lambda w, x, s: x.select_scatter(s, 1, -1)),
    "unfolded in time": Row("x = N T", "y = { type = 'unfold', dimension = 1, size = 3, step = 2 }", lambda w, x: x.unfold(1, 3, 2)),
    "a diagonal": Row("x = N T 5", "y = { type = 'diagonal', dim1 = 1, dim2 = 2, offset = 1 }", lambda w, x: x.diagonal(1, 1, 2)),
    "each repeated": Row("x = N T", "y = { type = 'repeat_interleave', repeats = 3, dim = 1 }", lambda w, x: x.repeat_interleave(3, 1)),
    "tiled": Row("x = N T", "y = { type = 'tile', dims = [2, 3] }", lambda w, x: x.tile(2, 3)),
    "turned round": Row("x = N T 3", "y = { type = 'flip', dims = [1, 2] }", lambda w, x: x.flip(1, 2)),
    "below the diagonal": Row("x = N T 5", "y = { type = 'tril', diagonal = -1 }", lambda w, x: x.tril(-1)),
    "above the diagonal, whole numbers": Row("x = N T 5:int64", "y = { type = 'triu', diagonal = 2 }", lambda w, x: x.triu(2), draw={"x": LARGE}),
    "distances": Row("x = N T 3; z = N S 3", "y = { type = 'cdist', from = ['x', 'z'] }", lambda w, x, z: torch.cdist(x, z)),
    "distances, absolute": Row("x = N T 3; z = N S 3", "y = { type = 'cdist', from = ['x', 'z'], p = 1.0 }", lambda w, x, z: torch.cdist(x, z, p=1.0)),
    "remainders": Row("x = N T; z = N T", "y = { type = 'remainder', from = ['x', 'z'] }", lambda w, x, z: torch.remainder(x, z), draw={"x": lambda s: torch.randint(-9, 9, s) / 2, "z": table(2, -3, 4)}),
    "remainders of whole numbers": Row("x = N T:int64; z = N T:int64", "y = { type = 'remainder', from = ['x', 'z'] }", lambda w, x, z: torch.remainder(x, z), draw={"x": LARGE, "z": table(3, -7, 2**40)}),
    "remainders towards 0": Row("x = N T:int64; z = N T:int64", "y = { type = 'fmod', from = ['x', 'z'] }", lambda w, x, z: torch.fmod(x, z), draw={"x": SIGNS, "z": table(3, -7, 5)}),
    "a remainder by a number": Row("x = N T", "y = { type = 'remainder', other = -3 }", lambda w, x: torch.remainder(x, -3), draw={"x": lambda s: torch.randint(-9, 9, s) / 2}),
    "a remainder towards 0 by a number": Row("x = N T", "y = { type = 'fmod', other = 2.5 }", lambda w, x: torch.fmod(x, 2.5), draw={"x": lambda s: torch.randint(-9, 9, s) / 2}),
    "floors of quotients": Row("x = N T:int64; z = N T:int64", "y = { type = 'floor_divide', from = ['x', 'z'] }", lambda w, x, z: x // z, draw={"x": SIGNS, "z": table(3, -7, 5)}),
    "floors of quotients of floats": Row("x = N T; z = N T", "y = { type = 'floor_divide', from = ['x', 'z'] }", lambda w, x, z: torch.floor_divide(x, z), draw={"x": lambda s: torch.randint(-9, 9, s) / 2, "z": table(2, -3, 4)}),
    "sums of exponentials": Row("x = N T; z = N T", "y = { type = 'logaddexp', from = ['x', 'z'] }", lambda w, x, z: torch.logaddexp(x, z), draw={"x": lambda s: torch.randn(s) * 200}),
    "from one to another": Row("x = N T; z = N T", "y = { type = 'lerp', from = ['x', 'z'], weight = 0.75 }", lambda w, x, z: torch.lerp(x, z, 0.75)),
    "an angle": Row("x = N T; z = N T", "y = { type = 'atan2', from = ['x', 'z'] }", lambda w, x, z: torch.atan2(x, z), draw={"x": table(0, -1, 1, 0), "z": table(-1, 0, 1, 1, -2)}),
    "special: nan": Row("x = N T", "y = 'isnan'", lambda w, x: x.isnan(), draw={"x": special}),
    "special: inf": Row("x = N T", "y = 'isinf'", lambda w, x: x.isinf(), draw={"x": special}),
    "special: finite": Row("x = N T", "y = 'isfinite'", lambda w, x: x.isfinite(), draw={"x": special}),
    "a variance": Row("x = N T 4", "y = { type = 'var', dim = [1, 2] }", lambda w, x: x.var((1, 2))),
    "a variance of all": Row("x = N T", "y = { type = 'var', dim = 1, correction = 0 }", lambda w, x: x.var(1, correction=0)),
    "a spread": Row("x = N T 4", "y = { type = 'std', dim = -1, keepdim = true }", lambda w, x: x.std(-1, keepdim=True)),
    "norms to 3": Row("x = N T", "y = { type = 'norm', dim = 1, p = 3 }", lambda w, x: torch.linalg.vector_norm(x, 3, 1)),
    "all of them": Row("x = N T:bool", "y = { type = 'all', dim = 1 }", lambda w, x: x.all(1)),
    "any of floats": Row("x = N T", "r = 'round'\ny = { type = 'any', dim = 1 }", lambda w, x: x.round().any(1)),
    "the greatest and where": Row("x = N 5:int64", "m = { type = 'max', dim = 1 }\ny = { type = 'add', from = ['m.values', 'm.indices'] }", lambda w, x: sum(x.max(1)), draw={"x": TIES}),
    "the least and where, bytes": Row("x = N 5:uint8", "m = { type = 'min', dim = 1 }", lambda w, x: x.min(1)[0], draw={"x": EIGHT}),
    "the three greatest": Row("x = N T", "m = { type = 'topk', k = 3, dim = 1 }", lambda w, x: x.topk(3, 1)[0]),
    "the three least of whole numbers": Row("x = N 7:int64", "m = { type = 'topk', k = 3, dim = 1, largest = false }", lambda w, x: x.topk(3, 1, largest=False)[0], draw={"x": LARGE}),
    "norm of a weight": Row("x = N 4", "y = { type = 'Linear', out_features = 3, parametrize = 'weight_norm' }", lambda w, x: F.linear(x, w["y.parametrizations.weight.original0"] * w["y.parametrizations.weight.original1"] / w["y.parametrizations.weight.original1"].norm(dim=1, keepdim=True), w["y.bias"])),
    "drawn noise": Row("x = N T", "n = { type = 'randn_like' }\ny = { type = 'add', from = ['x', 'n'] }", lambda w, x: x + 0),
    "drawn at even odds": Row("x = N T", "n = { type = 'rand_like' }\ny = { type = 'mul', from = ['x', 'n'] }", lambda w, x: x * 0.5),
    "erfc": Row("x = N T", "y = 'erfc'", lambda w, x: torch.erfc(x)),
    "expm1 near 0": Row("x = N T", "y = 'expm1'", lambda w, x: torch.expm1(x), draw={"x": lambda s: torch.randn(s) * 1e-3}),
    "log1p near 0": Row("x = N T", "y = 'log1p'", lambda w, x: torch.log1p(x), draw={"x": lambda s: torch.rand(s) * 1e-3}),
    "cut off": Row("x = N T", "y = 'trunc'", lambda w, x: x.trunc(), draw={"x": lambda s: torch.randn(s) * 4}),
    "a product and a sum": Row("m = N 3; x = N 4; z = 4 3", "y = { type = 'addmm', from = ['m', 'x', 'z'], beta = 0.5, alpha = 2.0 }", lambda w, m, x, z: torch.addmm(m, x, z, beta=0.5, alpha=2.0)),
    "a kernel that is a value": Row("x = N 2 T; k = 3 2 3", "y = { type = 'conv1d', from = ['x', 'k'], padding = 1 }", lambda w, x, k: F.conv1d(x, k, padding=1)),
    "normalized by values": Row("x = N T 4; g = 4; b = 4", "y = { type = 'layer_norm', from = { input = 'x', weight = 'g', bias = 'b' }, normalized_shape = [4] }", lambda w, x, g, b: F.layer_norm(x, [4], g, b)),
    "a grid": Row("x = N 2 5 6; g = N 3 4 2", "y = { type = 'grid_sample', from = ['x', 'g'], align_corners = false }", lambda w, x, g: F.grid_sample(x, g, align_corners=False), draw={"g": lambda s: torch.rand(s) * 2.4 - 1.2}),
    "a grid of a matrix": Row("t = N 2 3", "y = { type = 'affine_grid', size = ['${t.shape[0]}', 1, 4, 5], align_corners = false }", lambda w, t: F.affine_grid(t, [t.shape[0], 1, 4, 5], align_corners=False)),
    "steps between": Row("x = N 5", "l = { type = 'linspace', from = [], start = 0.0, end = 1.0, steps = 5 }\ny = { type = 'add', from = ['x', 'l'], broadcast = true }", lambda w, x: x + torch.linspace(0, 1, 5).to(x.dtype)),
    "meshes": Row("a = T; b = S", "m = { type = 'meshgrid', from = ['a', 'b'], indexing = 'ij' }\ny = { type = 'mul', from = ['m.0', 'm.1'] }", lambda w, a, b: a[:, None] * b[None]),
}  # fmt: skip
