"""What each network has to give, in float64: ``REFERENCES[stem](weights, **inputs)``, a tensor or a dict of outputs.

`weights` is the module's state_dict in float64. Integer and bool inputs stay what they are, so do integer outputs.
Sizes to try are those that the comments name, beside ordinary ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Weights = Mapping[str, Tensor]
Answer = Tensor | dict[str, Tensor]


def linear(w: Weights, name: str, x: Tensor) -> Tensor:
    return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])


def recurrent(layer: nn.RNNBase, w: Weights, name: str) -> nn.RNNBase:
    layer = layer.double().eval()
    layer.load_state_dict(
        {key.removeprefix(f"{name}."): value for key, value in w.items() if key.startswith(f"{name}.")}
    )
    return layer


def rounded_up(w: Weights, x: Tensor) -> Tensor:  # H = 4, 5, 6, 9: the pool gives H // 2 + 1
    pool = F.max_pool2d(x, 2, 2, 1, ceil_mode=True)
    return pool + F.interpolate(x, size=pool.shape[2:])


def with_mask(w: Weights, x: Tensor, keep: Tensor) -> Tensor:  # rows where nothing is kept give zeros, as torch does
    score = (x @ x.transpose(1, 2) / 8**0.5).masked_fill(~keep[:, None, :], -torch.inf)
    share = torch.where(keep.any(1)[:, None, None], score.softmax(2), 0.0).nan_to_num()
    return linear(w, "fc", share @ x)


def attention(w: Weights, x: Tensor) -> dict[str, Tensor]:
    projected = F.linear(x, w["mix.in_proj_weight"], w["mix.in_proj_bias"])
    q, k, v = (part.unflatten(2, (2, 4)).transpose(1, 2) for part in projected.chunk(3, 2))
    share = (q @ k.transpose(2, 3) / 2).softmax(3)
    return {"y": linear(w, "mix.out_proj", (share @ v).transpose(1, 2).flatten(2)), "w": share.mean(1)}


def language_model(w: Weights, ids: Tensor) -> Tensor:  # (T, N) = (1, 1), (5, 2), (2, 7)
    y, _ = recurrent(nn.LSTM(8, 8), w, "rnn")(w["rows.weight"][ids])
    return linear(w, "head", y).flatten(0, 1).log_softmax(1)


def thumbnail(w: Weights, image: Tensor) -> dict[str, Tensor]:
    pooled = F.avg_pool2d(image, 2)
    return {"logits": linear(w, "fc", pooled.flatten(1)), "thumbnail": pooled}


def lstm(w: Weights, x: Tensor, h0: Tensor, c0: Tensor) -> Tensor:  # T = 1, 5, 7
    return recurrent(nn.LSTM(5, 6, batch_first=True), w, "rnn")(x, (h0, c0))[0]


def nearest(x: Tensor, factor: float) -> Tensor:
    for dim in (2, 3):
        size = x.shape[dim]
        if int(size * factor) == size:  # torch copies a dim whose size stays
            continue
        x = x.index_select(dim, torch.tensor([min(int(i / factor), size - 1) for i in range(int(size * factor))]))
    return x


def plane(w: Weights, name: str, x: Tensor) -> Tensor:
    return F.conv2d(x, w[f"{name}.weight"], w[f"{name}.bias"])


REFERENCES: dict[str, Callable[..., Answer]] = {
    "01-pool-that-rounds-up": rounded_up,
    "02-slice-with-an-end": lambda w, x: linear(w, "out", x[:, :8]),  # T = 1, 3, 8, 20
    "03-learned-positions": lambda w, x: x + w["table"][:, : x.shape[1]],  # T = 1, 7, 64
    "04-pixel-unshuffle": lambda w, x: plane(w, "out", F.pixel_unshuffle(x, 2)),  # H, W = 2, 4, 10
    "05-average-pool-in-pt2": lambda w, x: F.avg_pool2d(x, 3, 3, 1, ceil_mode=True),  # H, W = 1 … 12
    "06-clamp-of-ids": lambda w, ids: w["rows.weight"][ids.clamp(0, 9)],  # ids -5, 9, 2**40
    "07-greater-than-a-large-id": lambda w, ids: ids > 16777216,  # ids 16777215 … 16777218
    "08-thumbnail-beside-logits": thumbnail,
    "09-normalize-alone": lambda w, x: x / x.norm(dim=1, keepdim=True).clamp_min(1e-12),
    "10-binary-codes": lambda w, x: linear(w, "fc", x).sign(),
    "11-log-of-the-input": lambda w, x: linear(w, "fc", x.log()),  # positive inputs
    "12-positions-of-real-tokens": lambda w, ids: w["rows.weight"][(ids != 1).cumsum(1) * (ids != 1) + 1],  # many ids 1
    "13-learned-number-as-an-output": lambda w, xt: {
        "u": linear(w, "field", linear(w, "up", xt).tanh()),
        "l1": w["lambda_1"],
    },
    "14-attention-with-a-keep-mask": with_mask,
    "15-attention-weights-as-an-output": attention,
    "16-lstm-with-states-in-two-formats": lstm,
    "17-lstm-then-flatten": language_model,
    "18-input-called-output": lambda w, output: linear(w, "fc", output),
    "19-outputs-relu-and-relu-value": lambda w, x: {
        "relu": linear(w, "b", x.relu()),
        "relu_value": linear(w, "c_", x.relu()),
    },
    "20-upsample-by-1.8": lambda w, x: F.interpolate(x, scale_factor=1.8, mode="bilinear"),
    "21-rrelu": lambda w, x: F.leaky_relu(linear(w, "fc", x), (1 / 8 + 1 / 3) / 2),
    "23-crop-of-640-rows": lambda w, x: x[:, :, :640].mean((2, 3), keepdim=True),  # H = 640, 700
    "25-log-sigmoid": lambda w, x: -F.softplus(-linear(w, "fc", x)),  # also inputs of ± 200
    "26-mean-with-a-divisor": lambda w, x: F.avg_pool2d(x, 5, 2, 1) * 25 / 3,
    "27-nearest-by-1.3": lambda w, x: nearest(x, 1.3),
    "28-adaptive-pool-of-an-open-size": lambda w, x: linear(
        w, "fc", F.adaptive_avg_pool2d(x, 2).flatten(1)
    ),  # H, W = 1, 2, 3, 7
    "29-attention-of-rank-three": lambda w, x: linear(w, "fc", (x @ x.transpose(1, 2) / 8**0.5).softmax(2) @ x),
    "30-max-unpool-in-torchscript": lambda w, x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2),
    "31-split-by-a-list": lambda w, x: {"a": linear(w, "low", x[:, :3]), "b": linear(w, "high", x[:, 3:])},
}
