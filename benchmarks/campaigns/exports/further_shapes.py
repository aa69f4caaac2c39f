"""Networks whose shapes are the matter: rounded pools, slices, residuals, resizing, positions, masks, recurrent layers."""

# ruff: noqa: E501 - a table
from __future__ import annotations

import torch
from further_row import Row
from torch import nn
from torch.nn import functional as F


def ids(most: int):
    return lambda shape: torch.randint(0, most, shape)


def linear(w, name, x):
    return F.linear(x, w[f"{name}.weight"], w.get(f"{name}.bias"))


def conv(w, name, x, **more):
    functions = {3: F.conv1d, 4: F.conv2d, 5: F.conv3d}
    return functions[x.dim()](x, w[f"{name}.weight"], w.get(f"{name}.bias"), **more)


def rnn(layer: nn.Module, w, name: str) -> nn.Module:
    layer = layer.double().eval()
    layer.load_state_dict(
        {key.removeprefix(f"{name}."): value for key, value in w.items() if key.startswith(f"{name}.")}
    )
    return layer


def causal(w, x):
    t = x.shape[1]
    score = x @ x.transpose(1, 2) / 2
    keep = torch.ones(t, t, dtype=torch.bool).tril()
    return score.masked_fill(~keep, -1e9).softmax(2) @ x


def relative(w, x):
    t = x.shape[1]
    at = torch.arange(t)[None] - torch.arange(t)[:, None] + 31
    return x @ x.transpose(1, 2) + w["table.weight"][at].squeeze(2)


def centre(w, x):
    a = F.max_pool2d(conv(w, "a", x), 2)
    b = conv(w, "b", x)
    top, left = (b.shape[2] - a.shape[2]) // 2, (b.shape[3] - a.shape[3]) // 2
    return torch.cat([a, b[:, :, top : top + a.shape[2], left : left + a.shape[3]]], 1)


def mha(w, q, kv, mask=None, attn=None):
    layer = rnn(nn.MultiheadAttention(8, 2, batch_first=True), w, "y")
    y, share = layer(q, kv, kv, key_padding_mask=mask, attn_mask=attn)
    return {"y": y, "share": share}


def first_kept(shape):
    keep = torch.rand(shape) > 0.5
    keep[:, 0] = False
    return keep


CONV = "type = 'Conv2d', out_channels = 4, kernel_size = 3, stride = 2, padding = 1"
MAP, ROW = "x = N 4 H W", "x = N T 4"
SHAPES: dict[str, Row] = {
    # pools
    "max pool 1d rounded up": Row("x = N 4 L", "y = { type = 'MaxPool1d', kernel_size = 3, stride = 2, ceil_mode = true }",
        lambda w, x: F.max_pool1d(x, 3, 2, ceil_mode=True)),
    "mean without padding counted, rounded up": Row(MAP, "y = { type = 'AvgPool2d', kernel_size = 3, stride = 2, padding = 1, ceil_mode = true, count_include_pad = false }",
        lambda w, x: F.avg_pool2d(x, 3, 2, 1, True, False)),
    "stride beyond the window": Row("x = N 4 L", "y = { type = 'AvgPool1d', kernel_size = 2, stride = 3, ceil_mode = true }",
        lambda w, x: F.avg_pool1d(x, 2, 3, ceil_mode=True)),
    "stride far beyond the window": Row("x = N 4 L", "y = { type = 'MaxPool1d', kernel_size = 1, stride = 4, ceil_mode = true }",
        lambda w, x: F.max_pool1d(x, 1, 4, ceil_mode=True)),
    "power mean rounded up": Row(MAP, "y = { type = 'LPPool2d', norm_type = 2, kernel_size = 2, ceil_mode = true }",
        lambda w, x: F.lp_pool2d(x, 2, 2, ceil_mode=True)),
    "places of the greatest, rounded up": Row(MAP, "y = { type = 'MaxPool2d', kernel_size = 3, stride = 2, padding = 1, ceil_mode = true, return_indices = true }",
        lambda w, x: dict(zip("ab", F.max_pool2d(x, 3, 2, 1, ceil_mode=True, return_indices=True), strict=True)), more="[outputs]\na = 'y'\nb = 'y.indices'\n"),
    "volume rounded up": Row("x = N 2 D H 5", "y = { type = 'AvgPool3d', kernel_size = [2, 3, 2], stride = 2, padding = [1, 1, 0], ceil_mode = true }",
        lambda w, x: F.avg_pool3d(x, (2, 3, 2), 2, (1, 1, 0), True)),
    "dilated window rounded up": Row("x = N 4 L", "y = { type = 'MaxPool1d', kernel_size = 3, stride = 2, padding = 1, dilation = 2, ceil_mode = true }",
        lambda w, x: F.max_pool1d(x, 3, 2, 1, 2, True)),
    "three pools one after another": Row(MAP, """a = { type = 'MaxPool2d', kernel_size = 2, ceil_mode = true }
        b = { type = 'AvgPool2d', kernel_size = 3, stride = 2, padding = 1 }
        y = { type = 'MaxPool2d', kernel_size = 2, stride = 2, padding = 1, ceil_mode = true }""",
        lambda w, x: F.max_pool2d(F.avg_pool2d(F.max_pool2d(x, 2, ceil_mode=True), 3, 2, 1), 2, 2, 1, ceil_mode=True)),
    # slices
    "all but the last": Row(ROW, "y = { type = 'slice', dim = 1, end = -1 }", lambda w, x: x[:, :-1]),
    "third and second last": Row(ROW, "y = { type = 'slice', dim = 1, start = -3, end = -1 }", lambda w, x: x[:, -3:-1]),
    "every third of the first 100": Row(ROW, "y = { type = 'slice', dim = 1, start = 2, end = 100, step = 3 }", lambda w, x: x[:, 2:100:3]),
    "the second half": Row(ROW, "y = { type = 'slice', dim = 1, start = \"${x.shape[1] // 2}\" }", lambda w, x: x[:, x.shape[1] // 2 :]),
    "the first half, at least one": Row(ROW, "y = { type = 'slice', dim = 1, end = \"${(x.shape[1] + 1) // 2}\" }", lambda w, x: x[:, : (x.shape[1] + 1) // 2]),
    "halves turned round": Row(ROW, """a = { type = 'slice', dim = 1, start = "${x.shape[1] // 2}" }
        b = { type = 'slice', from = 'x', dim = 1, end = "${x.shape[1] // 2}" }
        y = { type = 'cat', from = ['a', 'b'], dim = 1 }""", lambda w, x: torch.cat([x[:, x.shape[1] // 2 :], x[:, : x.shape[1] // 2]], 1)),
    "crop of the middle": Row(MAP, """a = { type = 'Conv2d', out_channels = 2, kernel_size = 3 }
        m = { type = 'MaxPool2d', kernel_size = 2 }
        b = { type = 'Conv2d', from = 'x', out_channels = 2, kernel_size = 1 }
        r = { type = 'narrow', dim = 2, start = "${(b.shape[2] - m.shape[2]) // 2}", length = "${m.shape[2]}" }
        c = { type = 'narrow', dim = 3, start = "${(b.shape[3] - m.shape[3]) // 2}", length = "${m.shape[3]}" }
        y = { type = 'cat', from = ['m', 'c'], dim = 1 }""", lambda w, x: centre(w, x)),
    "rows 3 to 7 of all": Row(ROW, "y = { type = 'narrow', dim = 1, start = 3, length = 5 }", lambda w, x: x[:, 3:8] if x.shape[1] >= 8 else x[:, 9:9]),
    "the 5th from the end": Row(ROW, "y = { type = 'select', dim = 1, index = -5 }", lambda w, x: x[:, -5]),
    "differences": Row(ROW, """a = { type = 'slice', dim = 1, start = 1 }
        b = { type = 'slice', from = 'x', dim = 1, end = -1 }
        y = { type = 'sub', from = ['a', 'b'] }""", lambda w, x: x.diff(dim=1)),
    "a bounded dim, an end beyond it": Row(ROW, "y = { type = 'slice', dim = 1, end = 20 }\nz = { type = 'Linear', out_features = 3 }",
        lambda w, x: linear(w, "z", x), more="[dims]\nT = { min = 5, max = 9 }\n"),
    "pieces of 3 of any number": Row(ROW, "a = { type = 'split', split_size_or_sections = 3, dim = 1 }\ny = { type = 'ReLU', from = 'a' }", refused="number of"),
    "every row by itself": Row(ROW, "a = { type = 'unbind', dim = 1 }\ny = { type = 'ReLU', from = 'a' }", refused="T|unbind"),
    "halves added": Row(ROW, "a = { type = 'chunk', chunks = 2, dim = 1 }\ny = { type = 'add', from = ['a.0', 'a.1'] }", refused="2\\*T"),
    "halves of even rows added": Row("x = N 2*T 4", "a = { type = 'chunk', chunks = 2, dim = 1 }\ny = { type = 'add', from = ['a.0', 'a.1'] }",
        lambda w, x: sum(x.chunk(2, 1))),
    "three uneven pieces of channels": Row("x = N 8 L", "a = { type = 'chunk', chunks = 3, dim = 1 }\ny = { type = 'cat', from = ['a.2', 'a.0', 'a.1'], dim = 1 }",
        lambda w, x: torch.cat([x[:, 6:], x[:, :6]], 1)),
    # residuals
    "strided conv and pool": Row(MAP, f"a = {{ {CONV} }}\nb = {{ type = 'MaxPool2d', from = 'x', kernel_size = 2 }}\ny = {{ type = 'add', from = ['a', 'b'] }}", refused="2\\*H"),
    "strided conv and rounded pool": Row(MAP, f"a = {{ {CONV} }}\nb = {{ type = 'AvgPool2d', from = 'x', kernel_size = 2, ceil_mode = true }}\ny = {{ type = 'add', from = ['a', 'b'] }}",
        lambda w, x: conv(w, "a", x, stride=2, padding=1) + F.avg_pool2d(x, 2, ceil_mode=True)),
    "strided conv and every second pixel": Row(MAP, f"a = {{ {CONV} }}\nb = {{ type = 'slice', from = 'x', dim = 2, step = 2 }}\nc = {{ type = 'slice', dim = 3, step = 2 }}\ny = {{ type = 'add', from = ['a', 'c'] }}",
        lambda w, x: conv(w, "a", x, stride=2, padding=1) + x[:, :, ::2, ::2]),
    "transposed conv back to odd sizes": Row(MAP, f"a = {{ {CONV} }}\nb = {{ type = 'ConvTranspose2d', out_channels = 4, kernel_size = 2, stride = 2 }}\ny = {{ type = 'add', from = ['b', 'x'] }}", refused="2\\*H"),
    "skip resized to the other": Row(MAP, f"""a = {{ {CONV} }}
        b = {{ {CONV} }}
        u = {{ type = 'interpolate', size = ["${{a.shape[2]}}", "${{a.shape[3]}}"], mode = 'bilinear' }}
        y = {{ type = 'cat', from = ['a', 'u'], dim = 1 }}""",
        lambda w, x: torch.cat([a := conv(w, "a", x, stride=2, padding=1), F.interpolate(conv(w, "b", a, stride=2, padding=1), size=a.shape[2:], mode="bilinear")], 1)),
    "a U-Net of eighths": Row("x = N 4 8*H 8*W", f"""a = {{ {CONV} }}
        b = {{ {CONV} }}
        c = {{ {CONV} }}
        d = {{ type = 'ConvTranspose2d', out_channels = 4, kernel_size = 2, stride = 2 }}
        e = {{ type = 'cat', from = ['b', 'd'], dim = 1 }}
        f = {{ type = 'Upsample', scale_factor = 2, mode = 'bilinear' }}
        y = {{ type = 'cat', from = ['a', 'f'], dim = 1 }}""",
        lambda w, x: torch.cat([a := conv(w, "a", x, stride=2, padding=1), F.interpolate(torch.cat([b := conv(w, "b", a, stride=2, padding=1),
            F.conv_transpose2d(conv(w, "c", b, stride=2, padding=1), w["d.weight"], w["d.bias"], 2)], 1), scale_factor=2, mode="bilinear")], 1)),
    # pixels
    "pixels out of channels": Row("x = N 9 H W", "a = { type = 'PixelShuffle', upscale_factor = 3 }\ny = { type = 'Conv2d', out_channels = 2, kernel_size = 3, padding = 1 }",
        lambda w, x: conv(w, "y", F.pixel_shuffle(x, 3), padding=1)),
    "pixels into channels, thirds": Row("x = N 2 3*H 3*W", "y = { type = 'PixelUnshuffle', downscale_factor = 3 }", lambda w, x: F.pixel_unshuffle(x, 3)),
    "windows of an open picture": Row("x = N 3 H W", "y = { type = 'Unfold', kernel_size = 3, padding = 1, stride = 2 }", lambda w, x: F.unfold(x, 3, 1, 1, 2)),
    "windows put together": Row("x = N 12 20", "y = { type = 'Fold', output_size = [6, 5], kernel_size = 2 }\nz = 'Tanh'", lambda w, x: F.fold(x, (6, 5), 2).tanh()),
    # resizing
    "1.5 times, corners kept": Row(MAP, "y = { type = 'Upsample', scale_factor = 1.5, mode = 'bilinear', align_corners = true }",
        lambda w, x: F.interpolate(x, scale_factor=1.5, mode="bilinear", align_corners=True)),
    "three quarters, cubic": Row(MAP, "y = { type = 'Upsample', scale_factor = 0.75, mode = 'bicubic' }", lambda w, x: F.interpolate(x, scale_factor=0.75, mode="bicubic")),
    "2.5 times a line": Row("x = N 4 L", "y = { type = 'Upsample', scale_factor = 2.5, mode = 'linear' }", lambda w, x: F.interpolate(x, scale_factor=2.5, mode="linear")),
    "nearest, exact, 1.7 times": Row(MAP, "y = { type = 'Upsample', scale_factor = [1.7, 0.6], mode = 'nearest-exact' }", lambda w, x: F.interpolate(x, scale_factor=(1.7, 0.6), mode="nearest-exact")),
    "1.5 times, factor worked out again": Row(MAP, "y = { type = 'Upsample', scale_factor = 1.5, mode = 'bilinear', recompute_scale_factor = true }",
        lambda w, x: F.interpolate(x, scale_factor=1.5, mode="bilinear", recompute_scale_factor=True)),
    "to 5 by 9, cubic, corners kept": Row(MAP, "y = { type = 'interpolate', size = [5, 9], mode = 'bicubic', align_corners = true }",
        lambda w, x: F.interpolate(x, size=(5, 9), mode="bicubic", align_corners=True)),
    "means of 3 of any number": Row("x = N 4 L", "y = { type = 'AdaptiveAvgPool1d', output_size = 3 }", lambda w, x: F.adaptive_avg_pool1d(x, 3)),
    "greatest of 3 by 5 and their places": Row(MAP, "y = { type = 'AdaptiveMaxPool2d', output_size = [3, 5], return_indices = true }",
        lambda w, x: dict(zip("ab", F.adaptive_max_pool2d(x, (3, 5), return_indices=True), strict=True)), more="[outputs]\na = 'y'\nb = 'y.indices'\n"),
    "a pyramid of means": Row(MAP, """a = { type = 'AdaptiveAvgPool2d', output_size = 1 }
        b = { type = 'AdaptiveAvgPool2d', from = 'x', output_size = 2 }
        c = { type = 'AdaptiveAvgPool2d', from = 'x', output_size = 3 }
        p = { type = 'flatten', from = 'a', start_dim = 2 }
        q = { type = 'flatten', from = 'b', start_dim = 2 }
        r = { type = 'flatten', from = 'c', start_dim = 2 }
        y = { type = 'cat', from = ['p', 'q', 'r'], dim = 2 }""",
        lambda w, x: torch.cat([F.adaptive_avg_pool2d(x, n).flatten(2) for n in (1, 2, 3)], 2)),
    # positions and masks
    "32 positions by number": Row("tokens = N T:int64", """e = { type = 'Embedding', num_embeddings = 9, embedding_dim = 4 }
        t = { type = 'arange', end = "${tokens.shape[1]}" }
        p = { type = 'Embedding', num_embeddings = 32, embedding_dim = 4 }
        y = { type = 'add', from = ['e', 'p'], broadcast = true }""",
        lambda w, tokens: w["e.weight"][tokens] + w["p.weight"][torch.arange(tokens.shape[1])], draw={"tokens": ids(9)}),
    "relative positions": Row(ROW, """t = { type = 'arange', end = "${x.shape[1]}" }
        a = { type = 'unsqueeze', dim = 0 }
        b = { type = 'unsqueeze', from = 't', dim = 1 }
        d = { type = 'sub', from = ['a', 'b'], broadcast = true }
        i = { type = 'add', other = 31 }
        table = { type = 'Embedding', num_embeddings = 63, embedding_dim = 1 }
        r = { type = 'squeeze', dim = 2 }
        k = { type = 'transpose', from = 'x', dim0 = 1, dim1 = 2 }
        s = { type = 'matmul', from = ['x', 'k'] }
        y = { type = 'add', from = ['s', 'r'], broadcast = true }""", lambda w, x: relative(w, x)),
    "a triangle of any size": Row(ROW, """t = { type = 'arange', end = "${x.shape[1]}" }
        a = { type = 'unsqueeze', dim = 0 }
        b = { type = 'unsqueeze', from = 't', dim = 1 }
        keep = { type = 'le', from = ['a', 'b'], broadcast = true }
        k = { type = 'transpose', from = 'x', dim0 = 1, dim1 = 2 }
        s = { type = 'matmul', from = ['x', 'k'] }
        h = { type = 'mul', other = 0.5 }
        low = { type = 'Buffer', data = [-1e9] }
        m = { type = 'where', from = ['keep', 'h', 'low'], broadcast = true }
        p = { type = 'softmax', dim = 2 }
        y = { type = 'matmul', from = ['p', 'x'] }""", lambda w, x: causal(w, x)),
    "positions cut and rows added": Row("x = N T 4", """cls = { type = 'Parameter', shape = [1, 1, 4], init = { type = 'normal_' } }
        c = { type = 'expand', size = ["${x.shape[0]}", -1, -1] }
        s = { type = 'cat', from = ['c', 'x'], dim = 1 }
        table = { type = 'Parameter', shape = [1, 17, 4], init = { type = 'normal_' } }
        p = { type = 'narrow', dim = 1, start = 0, length = "${x.shape[1] + 1}" }
        y = { type = 'add', from = ['s', 'p'], broadcast = true }""",
        lambda w, x: torch.cat([w["cls"].expand(len(x), -1, -1), x], 1) + w["table"][:, : x.shape[1] + 1]),
    "rolled by half": Row(ROW, "y = { type = 'roll', shifts = [\"${x.shape[1] // 2}\"], dims = [1] }", lambda w, x: x.roll(x.shape[1] // 2, 1)),
    "turned round and added up": Row(ROW, "a = { type = 'flip', dims = [1] }\nb = { type = 'cumsum', dim = 1 }\ny = { type = 'flip', dims = [1] }", lambda w, x: x.flip(1).cumsum(1).flip(1)),
    # sizes of others
    "repeated as often as another": Row("x = N 1 4; z = N S 4", "a = { type = 'expand', from = 'x', size = [-1, \"${z.shape[1]}\", -1] }\ny = { type = 'add', from = ['a', 'z'] }", lambda w, x, z: x + z),
    "one row against many": Row("x = N T 4; z = N 1 4", "y = { type = 'mul', from = ['x', 'z'], broadcast = true }", lambda w, x, z: x * z),
    "two open dims joined and cut": Row("x = N T 4; z = N S 4", "a = { type = 'cat', from = ['x', 'z'], dim = 1 }\ny = { type = 'slice', dim = 1, start = \"${x.shape[1]}\" }", lambda w, x, z: z),
    "joined, then as long as before": Row("x = N T 4; z = N S 4", """a = { type = 'cat', from = ['x', 'z'], dim = 1 }
        b = { type = 'slice', dim = 1, end = "${z.shape[1]}" }
        y = { type = 'add', from = ['b', 'z'] }""", lambda w, x, z: torch.cat([x, z], 1)[:, : z.shape[1]] + z),
    "dims that nothing ties": Row("x = N T 4; z = N S 4", "a = { type = 'mean', from = 'x', dim = 1 }\nb = { type = 'amax', from = 'z', dim = 1 }\ny = { type = 'add', from = ['a', 'b'] }", lambda w, x, z: x.mean(1) + z.amax(1)),
    "a shared dim at two places": Row("x = N T 4; z = T N", "a = { type = 'transpose', dim0 = 0, dim1 = 1, from = 'z' }\nb = { type = 'unsqueeze', dim = 2 }\ny = { type = 'mul', from = ['x', 'b'], broadcast = true }", lambda w, x, z: x * z.T.unsqueeze(2)),
    "all against all": Row("x = N 4; z = M 4", "t = { type = 'transpose', from = 'z', dim0 = 0, dim1 = 1 }\ny = { type = 'matmul', from = ['x', 't'] }", lambda w, x, z: x @ z.T),
    # views
    "groups in front": Row(ROW, "y = { type = 'reshape', shape = [-1, \"${x.shape[1]}\", 2, 2] }", lambda w, x: x.reshape(-1, x.shape[1], 2, 2)),
    "a Linear over all rows": Row(ROW, "a = { type = 'reshape', shape = [-1, 4] }\nb = { type = 'Linear', out_features = 3 }\ny = { type = 'reshape', shape = [\"${x.shape[0]}\", -1, 3] }", lambda w, x: linear(w, "b", x)),
    "heads into the batch": Row("x = N T 8", """a = { type = 'reshape', shape = ["${x.shape[0]}", "${x.shape[1]}", 2, 4] }
        b = { type = 'permute', dims = [0, 2, 1, 3] }
        c = { type = 'reshape', shape = [-1, "${x.shape[1]}", 4] }
        t = { type = 'transpose', dim0 = 1, dim1 = 2 }
        s = { type = 'bmm', from = ['c', 't'] }
        y = { type = 'reshape', shape = ["${x.shape[0]}", 2, "${x.shape[1]}", "${x.shape[1]}"] }""",
        lambda w, x: (h := x.reshape(*x.shape[:2], 2, 4).permute(0, 2, 1, 3)) @ h.transpose(2, 3)),
    "the diagonal": Row("x = N T T", "y = { type = 'einsum', equation = 'nii->ni' }", lambda w, x: x.diagonal(0, 1, 2)),
    "the trace": Row("x = N T T", "y = { type = 'einsum', equation = 'nii->n' }", lambda w, x: x.diagonal(0, 1, 2).sum(1)),
    "an outer product of rows": Row("x = N T 4; z = N S 4", "y = { type = 'einsum', equation = 'ntc,nsc->nts', from = ['x', 'z'] }", lambda w, x, z: x @ z.transpose(1, 2)),
    # recurrent
    "the last step": Row("x = N T 5", "r = { type = 'GRU', hidden_size = 6, batch_first = true }\nl = { type = 'select', dim = 1, index = -1 }\ny = { type = 'Linear', out_features = 2 }",
        lambda w, x: linear(w, "y", rnn(nn.GRU(5, 6, batch_first=True), w, "r")(x)[0][:, -1])),
    "both directions, flattened": Row("x = T N 5", "r = { type = 'LSTM', hidden_size = 6, bidirectional = true, num_layers = 2 }\na = { type = 'flatten', end_dim = 1 }\ny = { type = 'Linear', out_features = 2 }",
        lambda w, x: linear(w, "y", rnn(nn.LSTM(5, 6, 2, bidirectional=True), w, "r")(x)[0].flatten(0, 1))),
    "states side by side": Row("x = N T 5", """r = { type = 'LSTM', hidden_size = 6, batch_first = true, bidirectional = true }
        a = { type = 'transpose', from = 'r.h_n', dim0 = 0, dim1 = 1 }
        b = { type = 'flatten', start_dim = 1 }
        y = { type = 'Linear', out_features = 2 }""",
        lambda w, x: linear(w, "y", rnn(nn.LSTM(5, 6, batch_first=True, bidirectional=True), w, "r")(x)[1][0].transpose(0, 1).flatten(1))),
    "a projected state": Row("x = N T 5", "y = { type = 'LSTM', hidden_size = 6, proj_size = 3, batch_first = true }",
        lambda w, x: rnn(nn.LSTM(5, 6, proj_size=3, batch_first=True), w, "y")(x)[0], more="[export]\nformats = ['torchscript', 'pt2']\n"),
    "mean over the steps of an RNN": Row("x = N T 5", "r = { type = 'RNN', hidden_size = 6, batch_first = true, nonlinearity = 'relu' }\ny = { type = 'mean', dim = 1 }",
        lambda w, x: rnn(nn.RNN(5, 6, batch_first=True, nonlinearity="relu"), w, "r")(x)[0].mean(1)),
    # attention
    "padding and weights": Row("q = N T 8; kv = N S 8; pad = N S:bool", "y = { type = 'MultiheadAttention', num_heads = 2, batch_first = true, from = { query = 'q', key = 'kv', value = 'kv', key_padding_mask = 'pad' } }",
        lambda w, q, kv, pad: mha(w, q, kv, pad), draw={"pad": first_kept}, more="[outputs]\ny = 'y'\nshare = 'y.attn_output_weights'\n"),
    "a mask of numbers": Row("q = N T 8; kv = N S 8; mask = T S", "y = { type = 'MultiheadAttention', num_heads = 2, batch_first = true, from = { query = 'q', key = 'kv', value = 'kv', attn_mask = 'mask' } }",
        lambda w, q, kv, mask: mha(w, q, kv, None, mask), more="[outputs]\ny = 'y'\nshare = 'y.attn_output_weights'\n"),
    # numbers that are sizes
    "divided by the number of rows": Row(ROW, "a = { type = 'sum', dim = 1 }\ny = { type = 'div', other = \"${x.shape[1]}\" }", lambda w, x: x.mean(1)),
    "places held within the rows": Row("x = N T 4; i = N S:int64", """c = { type = 'clamp', from = 'i', min = 0, max = "${x.shape[1] - 1}" }
        f = { type = 'to', dtype = 'float32' }
        m = { type = 'amax', dim = 1 }
        y = { type = 'sum', from = 'x', dim = [1, 2] }
        z = { type = 'add', from = ['y', 'm'] }""", lambda w, x, i: x.sum((1, 2)) + i.clamp(0, x.shape[1] - 1).amax(1)),
    "padded to twice the rows": Row(ROW, "y = { type = 'pad', pad = [0, 0, 0, \"${x.shape[1]}\"] }", lambda w, x: F.pad(x, (0, 0, 0, x.shape[1]))),
    "the row in the middle": Row(ROW, "y = { type = 'select', dim = 1, index = \"${x.shape[1] // 2}\" }", lambda w, x: x[:, x.shape[1] // 2]),
    "split at the middle": Row(ROW, "a = { type = 'split', split_size_or_sections = [\"${x.shape[1] // 2}\", \"${x.shape[1] - x.shape[1] // 2}\"], dim = 1 }\ny = { type = 'ReLU', from = 'a.1' }", lambda w, x: x[:, x.shape[1] // 2 :].relu()),
    "rolled along two dims by sizes": Row("x = N T S", "y = { type = 'roll', shifts = [\"${x.shape[1] // 2}\", \"${0 - x.shape[1]}\"], dims = [1, -1] }", lambda w, x: x.roll((x.shape[1] // 2, -x.shape[1]), (1, 2))),
    "thirds of a multiple": Row("x = N 3*T 4", "a = { type = 'chunk', chunks = 3, dim = -2 }\ny = { type = 'cat', from = ['a.2', 'a.0'], dim = 2 }", lambda w, x: torch.cat([(c := x.chunk(3, 1))[2], c[0]], 2)),
    "uneven halves": Row(ROW, "a = { type = 'chunk', chunks = 2, dim = 1 }\ny = { type = 'cat', from = ['a.1', 'a.0'], dim = 1 }", lambda w, x: torch.cat([(c := x.chunk(2, 1))[1], c[0]], 1)),
    "gated halves of an open dim": Row("x = N 2*C", "y = { type = 'GLU', dim = 1 }", lambda w, x: F.glu(x, 1)),
    # norms at the edge
    "BatchNorm over a line": Row("x = N 4 L", "y = 'BatchNorm1d'\nz = { type = 'mul', other = 2.0 }", lambda w, x: 2 * F.batch_norm(x, w["y.running_mean"], w["y.running_var"], w["y.weight"], w["y.bias"])),
    "groups of a line": Row("x = N 4 L", "y = { type = 'GroupNorm', num_groups = 2 }", lambda w, x: F.group_norm(x, 2, w["y.weight"], w["y.bias"])),
    "InstanceNorm over a line": Row("x = N 4 L", "y = { type = 'InstanceNorm1d', affine = true }", lambda w, x: F.instance_norm(x, weight=w["y.weight"], bias=w["y.bias"])),
    "the spread of rows": Row(ROW, "y = { type = 'var', dim = [1] }", lambda w, x: x.var(1)),  # torch gives NaN for one row
    "padded as far as it can be mirrored": Row("x = N 4 L", "y = { type = 'ReflectionPad1d', padding = [4, 2] }", lambda w, x: F.pad(x, (4, 2), mode="reflect")),
    "cut by a pad below 0": Row("x = N 4 L", "y = { type = 'pad', pad = [-2, -3] }", lambda w, x: F.pad(x, (-2, -3))),
}  # fmt: skip
