"""Every layer type of the vocabulary in the ways that a format may get wrong: a network of one layer each.

A case is a name, its inputs (``N 8 H W:dtype``; sizes in capitals are open), the layer's type and its arguments. A
tuple of types is a chain. ``outputs`` names values of the last layer beside its first.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

#: Inputs by rank, channels second.
LINE, SIGNAL, IMAGE, VOLUME = "N 8", "N 8 L", "N 8 H W", "N 8 9 H W"
SEQUENCE, IDS, ANY = "N T 8", "N T:int64", "N H 8"
FLOATS = ("float16", "float64")
BY_RANK = {1: SIGNAL, 2: IMAGE, 3: VOLUME}


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """One network: ``layers`` are lines of a spec; the first reads all of ``inputs``.

    Where ``parallel``, each does, and each is an output.
    """

    name: str
    inputs: tuple[str, ...]
    layers: tuple[dict[str, Any], ...]
    outputs: tuple[str, ...] = ()
    parallel: bool = False

    @property
    def spec(self) -> dict[str, Any]:
        """As a dict that :func:`graphspec.load` takes."""
        declared: dict[str, Any] = {}
        for letter, text in zip("abcdefgh", self.inputs, strict=False):
            sizes, _, dtype = text.partition(":")
            shape = [int(size) if size.isdigit() else size for size in sizes.split()]
            declared[letter] = {"shape": shape, "dtype": dtype or "float32"}
        layers: dict[str, Any] = {f"y{k}": dict(layer) for k, layer in enumerate(self.layers)}
        if declared:
            layers["y0"].setdefault("from", list(declared))
        if self.parallel:
            for layer in layers.values():
                layer.setdefault("from", list(declared))
        last = f"y{len(self.layers) - 1}"
        spec: dict[str, Any] = {"graphspec": 1, "name": "case", "inputs": declared, "layers": layers}
        if not declared:
            spec["inputs"] = {"x": ["N", 4]}
            layers["rest"] = {"type": "ReLU", "from": "x"}
            spec["outputs"] = {"value": last, "other": "rest"}
        if self.parallel:
            spec["outputs"] = {f"v_{name}": name for name in layers}
        if self.outputs:
            spec["outputs"] = {"first": last} | {f"v_{name}": f"{last}.{name}" for name in self.outputs}
        return spec


def _one(type_: str, inputs: str | Sequence[str], outputs: Sequence[str] = (), **arguments: Any) -> Case:
    inputs = (inputs,) if isinstance(inputs, str) else tuple(inputs)
    told = [f"{key}={value}" for key, value in arguments.items()]
    name = " ".join([type_, *told, "|", *inputs, *(f".{name}" for name in outputs)])
    return Case(name, inputs, ({"type": type_, **arguments},), tuple(outputs))


def _chain(inputs: str | Sequence[str], *layers: dict[str, Any] | str) -> Case:
    inputs = (inputs,) if isinstance(inputs, str) else tuple(inputs)
    lines = tuple({"type": layer} if isinstance(layer, str) else layer for layer in layers)
    name = " → ".join(" ".join([line["type"], *(f"{k}={v}" for k, v in line.items() if k != "type")]) for line in lines)
    return Case(f"{name} | {' '.join(inputs)}", inputs, lines)


def _beside(inputs: str | Sequence[str], *layers: dict[str, Any] | str) -> Case:
    inputs = (inputs,) if isinstance(inputs, str) else tuple(inputs)
    lines = tuple({"type": layer} if isinstance(layer, str) else layer for layer in layers)
    name = ", ".join(" ".join([line["type"], *(f"{k}={v}" for k, v in line.items() if k != "type")]) for line in lines)
    return Case(f"{name} | {' '.join(inputs)}", inputs, lines, parallel=True)


def cases() -> list[Case]:
    """All of them, each name once."""
    found = [*_pools(), *_convolutions(), *_padding(), *_norms(), *_resizing(), *_shapes(), *_activations()]
    found += [*_recurrent(), *_attention(), *_lookups(), *_arithmetic(), *_reductions(), *_others()]
    found += [*_curves(), *_indexing(), *_weighted(), *_made()]
    return list({case.name: case for case in found}.values())


def slim() -> list[Case]:
    """A third of the cases of rank 1 and 3 in which a type of rank 2 is looked at too, and all others."""
    found = cases()
    flat = [case for case in found if any(k in case.layers[0]["type"] for k in ("1d", "3d")) or "9 H W" in case.name]
    return [case for case in found if case not in flat or flat.index(case) % 3 == 0]


def _pools() -> Iterator[Case]:
    for n, values in BY_RANK.items():
        for extra in (
            {"kernel_size": 2}, {"kernel_size": 3, "stride": 2, "padding": 1},
            {"kernel_size": 3, "stride": 2, "ceil_mode": True},
            {"kernel_size": 3, "stride": 3, "padding": 1, "ceil_mode": True},
            {"kernel_size": 2, "stride": 3, "ceil_mode": True},
        ):  # fmt: skip
            yield _one(f"AvgPool{n}d", values, **extra)
            yield _one(f"AvgPool{n}d", values, **extra, count_include_pad=False)
            yield _one(f"MaxPool{n}d", values, **extra)
            yield _one(f"MaxPool{n}d", values, ("indices",), **extra, return_indices=True)
        yield _one(f"MaxPool{n}d", values, kernel_size=2, dilation=2)
        yield _one(f"MaxPool{n}d", values, ("indices",), kernel_size=2, dilation=2, return_indices=True)
        if n > 1:
            yield _one(f"AvgPool{n}d", values, kernel_size=5, stride=2, padding=1, divisor_override=3)
            yield _one(f"AvgPool{n}d", values, kernel_size=2, divisor_override=7)
            yield _one(f"AvgPool{n}d", values, kernel_size=3, stride=2, ceil_mode=True, divisor_override=2)
        for norm in (1.0, 2.0, 3.0):
            yield _one(f"LPPool{n}d", values, norm_type=norm, kernel_size=2)
            yield _one(f"LPPool{n}d", values, norm_type=norm, kernel_size=3, stride=2, ceil_mode=True)
        fixed = {1: "N 8 12", 2: "N 8 12 6", 3: "N 8 12 6 6"}[n]
        uneven = {1: "N 8 11", 2: "N 8 11 7", 3: "N 8 11 7 5"}[n]
        for kind in ("Avg", "Max"):
            for size in (1, 2, 3):
                yield _one(f"Adaptive{kind}Pool{n}d", values, output_size=size)
                yield _one(f"Adaptive{kind}Pool{n}d", fixed, output_size=size)
                yield _one(f"Adaptive{kind}Pool{n}d", uneven, output_size=size)
        yield _one(f"AdaptiveMaxPool{n}d", uneven, ("indices",), output_size=3, return_indices=True)
        yield _one(f"AdaptiveMaxPool{n}d", fixed, ("indices",), output_size=3, return_indices=True)
        small = " ".join(["N 4", *["6"] * n])
        yield _chain(
            small, {"type": f"MaxPool{n}d", "kernel_size": 2, "return_indices": True},
            {"type": f"MaxUnpool{n}d", "from": ["y0", "y0.indices"], "kernel_size": 2},
        )  # fmt: skip
        yield _chain(
            small, {"type": f"MaxPool{n}d", "kernel_size": 3, "stride": 2, "padding": 1, "return_indices": True},
            {"type": f"MaxUnpool{n}d", "from": ["y0", "y0.indices"], "kernel_size": 3, "stride": 2, "padding": 1},
        )  # fmt: skip
        yield _chain(
            values, {"type": f"MaxPool{n}d", "kernel_size": 2, "return_indices": True},
            {"type": f"MaxUnpool{n}d", "from": ["y0", "y0.indices"], "kernel_size": 2},
        )  # fmt: skip
    yield _one("AdaptiveAvgPool2d", IMAGE, output_size=[2, 3])
    yield _one("AdaptiveAvgPool2d", IMAGE, output_size=[1, None])
    yield _one("AdaptiveAvgPool2d", IMAGE, output_size=[None, 1])
    yield _one("FractionalMaxPool2d", "N 8 16 16", kernel_size=2, output_size=5)
    yield _one("FractionalMaxPool3d", "N 8 16 16 16", kernel_size=2, output_size=5)
    yield _one("MaxPool2d", "8 H W", kernel_size=2)
    yield _one("AvgPool2d", "8 H W", kernel_size=2)


def _convolutions() -> Iterator[Case]:
    for n, values in BY_RANK.items():
        common = {"out_channels": 4, "kernel_size": 3}
        for extra in (
            {}, {"stride": 2, "padding": 1}, {"dilation": 2}, {"groups": 4}, {"groups": 8, "out_channels": 8},
            {"bias": False}, {"padding": "same"}, {"padding": "same", "kernel_size": 4}, {"padding": "valid"},
            {"padding": "same", "dilation": 2},
        ):  # fmt: skip
            yield _one(f"Conv{n}d", values, **(common | extra))
        for mode in ("reflect", "replicate", "circular"):
            yield _one(f"Conv{n}d", values, **common, padding=1, padding_mode=mode)
            yield _one(f"Conv{n}d", values, **common, padding="same", padding_mode=mode)
        for extra in (
            {}, {"stride": 2, "padding": 1, "output_padding": 1}, {"stride": 3}, {"groups": 4}, {"dilation": 2},
            {"stride": 2, "dilation": 2, "padding": 2, "output_padding": 1}, {"bias": False, "stride": 2},
        ):  # fmt: skip
            yield _one(f"ConvTranspose{n}d", values, **(common | extra))
    yield _one("Conv2d", "8 H W", out_channels=4, kernel_size=3)
    yield _one("Conv1d", "8 L", out_channels=4, kernel_size=3)
    yield _one("ConvTranspose2d", "8 H W", out_channels=4, kernel_size=3)
    yield _one("Conv2d", IMAGE, out_channels=4, kernel_size=[3, 2], stride=[1, 2], padding=[1, 0])


def _padding() -> Iterator[Case]:
    for n, values in BY_RANK.items():
        for kind in ("Circular", "Reflection", "Replication", "Zero"):
            yield _one(f"{kind}Pad{n}d", values, padding=1)
            yield _one(f"{kind}Pad{n}d", values, padding=[2, 1, 0, 1, 1, 2][: 2 * n])
        yield _one(f"ConstantPad{n}d", values, padding=1, value=0.5)
        yield _one(f"ConstantPad{n}d", values, padding=[1, -1, 0, 2, 1, 0][: 2 * n], value=-3)
        yield _one(f"ZeroPad{n}d", values, padding=[-1, 1, 0, 0, 1, 0][: 2 * n])
        for mode in ("constant", "reflect", "replicate", "circular"):
            yield _one("pad", values, pad=[1, 1] * n, mode=mode)
    yield _one("div", "N H 8", other="${a.shape[1]}")
    yield _one("div", "N H 8:int64", other="${a.shape[1] + 1}")
    yield _one("pad", "N H", pad=[1, 2])
    yield _one("pad", "N H", pad=[1, 2, 0, 1], value=2.5)
    yield _one("pad", "N H:int64", pad=[1, 2], value=3)
    yield _one("pad", "N H:bool", pad=[1, 2])
    yield _one("pad", "N H", pad=[-1, -1])


def _norms() -> Iterator[Case]:
    for n, values in BY_RANK.items():
        yield _one(f"BatchNorm{n}d", values)
        yield _one(f"BatchNorm{n}d", values, affine=False)
        yield _one(f"BatchNorm{n}d", values, track_running_stats=False)
        yield _one(f"BatchNorm{n}d", values, eps=0.1)
        yield _one(f"InstanceNorm{n}d", values)
        yield _one(f"InstanceNorm{n}d", values, affine=True)
        yield _one(f"InstanceNorm{n}d", values, affine=True, track_running_stats=True)
        yield _one("GroupNorm", values, num_groups=2)
        yield _one("GroupNorm", values, num_groups=8)
        yield _one("GroupNorm", values, num_groups=1, affine=False)
        yield _one("LocalResponseNorm", values, size=3)
        yield _one("LocalResponseNorm", values, size=4, alpha=0.1, beta=0.5, k=2.0)
        yield _one(f"InstanceNorm{n}d", values.partition(" ")[2])
    yield _one("BatchNorm1d", LINE)
    yield _one("GroupNorm", LINE, num_groups=2)
    yield _one("SyncBatchNorm", IMAGE)
    yield _one("FrozenBatchNorm2d", IMAGE)
    for kind in ("LayerNorm", "RMSNorm"):
        yield _one(kind, SEQUENCE)
        yield _one(kind, SEQUENCE, eps=0.1)
        yield _one(kind, SEQUENCE, elementwise_affine=False)
        yield _one(kind, "N 3 4", normalized_shape=[3, 4])
        yield _one(kind, LINE)
    yield _one("LayerNorm", SEQUENCE, bias=False)
    for p in (1.0, 2.0, 3.0):
        yield _one("normalize", SEQUENCE, p=p)
        yield _one("normalize", SEQUENCE, p=p, dim=-1)


def _resizing() -> Iterator[Case]:
    fixed = {1: "N 2 7", 2: "N 2 6 3", 3: "N 2 6 3 5"}
    modes = {1: ("nearest", "linear"), 2: ("nearest", "bilinear", "bicubic"), 3: ("nearest", "trilinear")}
    for n, values in BY_RANK.items():
        for mode in (*modes[n], "nearest-exact"):
            align = ({}, {"align_corners": True}) if "nearest" not in mode else ({},)
            for extra in align:
                for factor in (2.0, 1.3, 1.8, 0.5, 0.7, 3.0):
                    yield _one("Upsample", fixed[n], scale_factor=factor, mode=mode, **extra)
                    if n < 3:
                        yield _one("Upsample", values, scale_factor=factor, mode=mode, **extra)
                yield _one("Upsample", values, size=5, mode=mode, **extra)
                yield _one("Upsample", fixed[n], size=5, mode=mode, **extra)
                yield _one("Upsample", fixed[n], size=12, mode=mode, **extra)
                yield _one("interpolate", values, size=[5, 9, 4][:n], mode=mode, **extra)
                yield _one("Upsample", fixed[n], scale_factor=1.3, mode=mode, recompute_scale_factor=True, **extra)
        if n > 1:
            yield _one("Upsample", fixed[n], size=5, mode="area")
            yield _one("Upsample", values, size=5, mode="area")
    yield _one("Upsample", "N 2 6 3", scale_factor=[1.5, 2.5], mode="nearest")
    yield _one("Upsample", "N 2 6 3", scale_factor=[1.5, 2.5], mode="bilinear")
    yield _one("Upsample", "N 2 5 10", scale_factor=1.8, mode="bilinear")
    for factor in (2, 3):
        yield _one("UpsamplingBilinear2d", IMAGE, scale_factor=factor)
        yield _one("UpsamplingNearest2d", IMAGE, scale_factor=factor)
    yield _one("UpsamplingNearest2d", IMAGE, size=5)
    yield _one("UpsamplingBilinear2d", IMAGE, size=5)
    yield _one("interpolate", "N 2 H W", size=[16, 7], mode="bilinear")


def _shapes() -> Iterator[Case]:
    yield _one("ChannelShuffle", IMAGE, groups=2)
    yield _one("ChannelShuffle", "N 6 H W", groups=3)
    yield _one("PixelShuffle", IMAGE, upscale_factor=2)
    yield _one("PixelShuffle", "N 18 H W", upscale_factor=3)
    yield _one("PixelUnshuffle", "N 3 4 8", downscale_factor=2)
    for extra in ({}, {"padding": 1, "stride": 2}, {"dilation": 2}):
        yield _one("Unfold", "N 3 6 7", kernel_size=[2, 3], **extra)
        yield _one("Unfold", "N 3 H W", kernel_size=2, **extra)
    yield _one("Fold", "N 8 9", output_size=[4, 4], kernel_size=2)
    yield _one("Fold", "N 8 4", output_size=[4, 4], kernel_size=2, stride=2)
    yield _one("Fold", "N 8 9", output_size=[4, 4], kernel_size=2, stride=2, padding=1)
    yield _one("Flatten", "N 3 4 5")
    yield _one("Flatten", "N 3 H W", start_dim=2)
    yield _one("Flatten", "N 3 H W", start_dim=0, end_dim=1)
    yield _one("Flatten", "N 3 H W", end_dim=-2)
    yield _one("Unflatten", LINE, dim=1, unflattened_size=[2, 4])
    yield _one("Unflatten", SIGNAL, dim=1, unflattened_size=[2, 4])
    yield _one("cat", ["N H 8", "N W 8"], dim=1)
    yield _one("cat", ["N 2:int64", "N 3:int64"], dim=1)
    yield _one("cat", ["N 2:bool", "N 3:bool"], dim=-1)
    yield _one("stack", ["N H", "N H"], dim=1)
    yield _one("stack", ["N H", "N H"], dim=-1)
    yield _one("split", "N 8 H", split_size_or_sections=[3, 5], dim=1)
    yield _one("split", "N 8 H", split_size_or_sections=3, dim=1)
    yield _one("chunk", "N 8 H", chunks=3, dim=1)
    yield _one("chunk", "N 2*T 4", ("1",), chunks=2, dim=1)
    yield _one("chunk", "N 3*T 4", ("2",), chunks=3, dim=-2)
    yield _one("unbind", "N 4 H", dim=1)
    yield _one("reshape", "N H 8", shape=["${a.shape[0]}", "${a.shape[1] * 2}", 4])
    yield _one("reshape", "N H 8", shape=[-1, 4])
    yield _one("flatten", "N H W", start_dim=1)
    yield _one("flatten", "N H W")
    yield _one("permute", "N H W", dims=[2, 0, 1])
    yield _one("Permute", "N H W", dims=[0, 2, 1])
    yield _one("transpose", "N H W", dim0=1, dim1=-1)
    yield _one("squeeze", "N 1 W", dim=1)
    yield _one("unsqueeze", "N W", dim=-1)
    yield _one("expand", "1 4 8", size=[3, 4, 8])
    yield _one("expand", "N 1 8", size=[-1, 4, -1])
    yield _one("expand_as", ["1 8", "N 8"])
    yield _one("flip", "N W", dims=[1])
    yield _one("flip", "N H W", dims=[0, 2])
    yield _one("roll", "N W", shifts=[1], dims=[1])
    yield _one("roll", "N W", shifts=[-2], dims=[1])
    yield _one("roll", "N H W", shifts=[1, 3], dims=[1, 2])
    yield _one("roll", "N 5", shifts=[7], dims=[1])
    yield _one("roll", "N T 4", shifts=["${a.shape[1] // 2}"], dims=[1])
    yield _one("roll", "N T H", shifts=[1, "${a.shape[1] - 9}"], dims=[1, -1])
    yield _one("narrow", "N H", dim=1, start=2, length=3)
    yield _one("select", "N H", dim=1, index=0)
    yield _one("select", "N H W", dim=1, index=-1)
    yield _one("slice", "N 8 W", dim=1, start=1, end=6)
    yield _one("slice", "N 8 W", dim=1, start=1, step=3)
    yield _one("slice", "N H W", dim=1, start=1)
    yield _one("slice", "N H W", dim=1, end=-1)
    yield _one("slice", "N H W", dim=1, start=-3)
    yield _one("slice", "N H W", dim=1, end=4)
    yield _one("slice", "N H W", dim=1, step=2)
    yield _one("index_select", ["N 8", "H:int64"], dim=1)


def _activations() -> Iterator[Case]:
    plain = (
        "CELU ELU GELU Hardshrink Hardsigmoid Hardswish Hardtanh Identity LeakyReLU LogSigmoid Mish PReLU RReLU ReLU "
        "ReLU6 SELU SiLU Sigmoid Softplus Softshrink Softsign Tanh Tanhshrink Dropout AlphaDropout FeatureAlphaDropout "
        "abs neg exp log sqrt rsqrt square sin cos erf relu sigmoid tanh reciprocal floor round sign gelu silu"
    ).split()
    yield from (_one(name, ANY) for name in plain)
    for k in range(0, len(plain), 6):
        rest = [name for name in plain[k : k + 6] if name != "PReLU"]
        yield _beside(f"{ANY}:float64", *rest)
        yield _beside(f"{ANY}:float16", *rest)
    same = "abs neg sign square relu floor round ReLU ReLU6 Hardtanh".split()
    for dtype in ("int8", "int16", "uint8", "int32", "int64"):
        yield _beside(f"{ANY}:{dtype}", "floor", "round")
    real = "exp sqrt sin sigmoid tanh reciprocal log rsqrt cos erf".split()
    for dtype in ("int64", "int32"):
        yield _beside(f"{ANY}:{dtype}", *same, {"type": "Threshold", "threshold": 1, "value": 7})
        yield _beside(f"{ANY}:{dtype}", *real)
    yield _one("CELU", ANY, alpha=0.5)
    yield _one("CELU", ANY, alpha=3.0)
    yield _one("ELU", ANY, alpha=0.5)
    yield _one("GELU", ANY, approximate="tanh")
    yield _one("gelu", ANY, approximate="tanh")
    yield _one("Hardshrink", ANY, lambd=0.2)
    yield _one("Hardshrink", ANY, lambd=0.0)
    yield _one("Hardtanh", ANY, min_val=-0.3, max_val=2.0)
    yield _one("LeakyReLU", ANY, negative_slope=0.3)
    yield _one("LeakyReLU", ANY, negative_slope=-0.3)
    yield _one("PReLU", "N 8 H", num_parameters=8)
    yield _one("PReLU", "N 8 H W", num_parameters=8)
    yield _one("PReLU", LINE, num_parameters=8)
    yield _one("RReLU", ANY, lower=0.1, upper=0.9)
    yield _one("Softplus", ANY, beta=2.0)
    yield _one("Softplus", ANY, beta=0.5, threshold=5.0)
    yield _one("Softplus", ANY, threshold=1.0)
    yield _one("Softshrink", ANY, lambd=0.2)
    yield _one("Threshold", ANY, threshold=0.5, value=-2.0)
    yield _one("GLU", ANY)
    yield _one("GLU", "N 8 H W", dim=1)
    for name in ("Softmax", "LogSoftmax", "Softmin", "softmax", "log_softmax"):
        yield _one(name, ANY, dim=1)
        yield _one(name, ANY, dim=-1)
        yield _one(name, ANY, dim=0)
    yield _one("Softmax2d", IMAGE)
    for name in ("Softmax", "LogSoftmax", "Softmin"):
        yield _one(name, LINE)
        yield _one(name, ANY)


def _recurrent() -> Iterator[Case]:
    for kind in ("LSTM", "GRU", "RNN"):
        last = ("h_n", "c_n") if kind == "LSTM" else ("h_n",)
        for extra in (
            {"batch_first": True}, {}, {"batch_first": True, "num_layers": 2},
            {"batch_first": True, "bidirectional": True}, {"num_layers": 2, "bidirectional": True},
            {"batch_first": True, "bias": False},
            {"batch_first": True, "num_layers": 2, "dropout": 0.5},
        ):  # fmt: skip
            yield _one(kind, SEQUENCE, last, hidden_size=5, **extra)
        yield _one(kind, "T 8", last, hidden_size=5)
        rnn = {"type": kind, "hidden_size": 5}
        yield _chain(SEQUENCE, {**rnn, "batch_first": True}, {"type": "flatten", "end_dim": 1})
        yield _chain(SEQUENCE, rnn, {"type": "flatten", "end_dim": 1})
        yield _chain(SEQUENCE, {**rnn, "batch_first": True}, {"type": "reshape", "shape": [-1, 5]})
        yield _chain(SEQUENCE, {**rnn, "batch_first": True}, {"type": "Flatten", "start_dim": 0, "end_dim": 1})
        yield _chain(
            SEQUENCE,
            {**rnn, "batch_first": True},
            {"type": "transpose", "dim0": 0, "dim1": 1},
            {"type": "flatten", "end_dim": 1},
        )
        yield _chain(
            SEQUENCE,
            {**rnn, "batch_first": True, "bidirectional": True},
            {"type": "reshape", "shape": ["${a.shape[0]}", "${a.shape[1]}", 2, 5]},
            {"type": "sum", "dim": 2},
        )
        yield _chain(SEQUENCE, {**rnn, "batch_first": True}, {"type": "select", "dim": 1, "index": -1})
        yield _chain(SEQUENCE, {**rnn, "batch_first": True}, {"type": "Linear", "out_features": 3})
        yield _chain("N 7 8", {**rnn, "batch_first": True}, "Flatten", {"type": "Linear", "out_features": 3})
        yield _chain(SEQUENCE, rnn, {"type": "add", "from": ["y0.h_n", "y0.h_n"]}, {"type": "flatten", "end_dim": 1})
        given = ["N T 8", "1 N 5", "1 N 5"] if kind == "LSTM" else ["N T 8", "1 N 5"]
        states = ["b", "c"] if kind == "LSTM" else "b"
        yield Case(
            f"{kind} with states | {given}",
            tuple(given),
            ({**rnn, "batch_first": True, "from": {"input": "a", "hx": states}},),
            last,
        )
    for extra in ({}, {"num_layers": 2}, {"bidirectional": True}):
        yield _one("LSTM", SEQUENCE, ("h_n", "c_n"), hidden_size=5, proj_size=3, batch_first=True, **extra)
    yield _one("RNN", SEQUENCE, ("h_n",), hidden_size=5, nonlinearity="relu", batch_first=True)
    yield _one("LSTMCell", LINE, ("c_1",), hidden_size=5)
    yield _one("GRUCell", LINE, hidden_size=5)
    yield _one("RNNCell", LINE, hidden_size=5)
    yield _one("RNNCell", LINE, hidden_size=5, nonlinearity="relu")
    yield _one("GRUCell", LINE, hidden_size=5, bias=False)
    yield Case(
        "LSTMCell with states",
        ("N 8", "N 5", "N 5"),
        ({"type": "LSTMCell", "hidden_size": 5, "from": {"input": "a", "hx": ["b", "c"]}},),
        ("c_1",),
    )


def _attention() -> Iterator[Case]:
    def mha(inputs: dict[str, str], outputs: Sequence[str] = ("attn_output_weights",), **extra: Any) -> Case:
        ports = dict(zip(inputs, "abcdefgh", strict=False))
        line = {"type": "MultiheadAttention", "num_heads": 2, "batch_first": True, **extra, "from": ports}
        told = [f"{key}={value}" for key, value in extra.items()]
        name = " ".join(["MultiheadAttention", *told, *(f"{k}:{v}" for k, v in inputs.items()), *outputs])
        return Case(name, tuple(inputs.values()), (line,), tuple(outputs))

    three = {"query": "N T 8", "key": "N T 8", "value": "N T 8"}
    other = {"query": "N T 8", "key": "N S 8", "value": "N S 8"}
    for outputs in ((), ("attn_output_weights",)):
        yield mha(three, outputs)
        yield mha(other, outputs)
        yield mha(three, outputs, batch_first=False)
        yield mha(three, outputs, bias=False)
        yield mha({**three, "key_padding_mask": "N T:bool"}, outputs)
        yield mha({**three, "attn_mask": "T T:bool"}, outputs)
        yield mha({**three, "attn_mask": "T T"}, outputs)
    yield mha(three, average_attn_weights=False)
    yield mha(other, add_bias_kv=True)
    yield mha(other, add_zero_attn=True)
    yield mha(three, (), need_weights=False)
    yield mha(three, (), need_weights=False, num_heads=8)
    yield mha({"query": "N T 8", "key": "N S 6", "value": "N S 10"}, kdim=6, vdim=10)
    yield mha({"query": "T 8", "key": "T 8", "value": "T 8"})

    def dot(shape: str, mask: str = "", key: str = "", **extra: Any) -> Case:
        inputs = [shape, key or shape, key or shape, *([mask] if mask else [])]
        return _one("scaled_dot_product_attention", inputs, **extra)

    for causal in (False, True):
        yield dot("N 2 T 4", is_causal=causal)
        yield dot("N T 8", is_causal=causal)
        yield dot("T 8", is_causal=causal)
        yield dot("N 2 3 T 4", is_causal=causal)
        yield dot("N 2 T 4", key="N 2 S 4", is_causal=causal)
    for shape, masks in (("N 2 T 4", ("N 1 T T", "N 2 T T", "T T", "N 1 1 T")), ("N T 8", ("N T T", "T T", "N 1 T"))):
        for mask in masks:
            yield dot(shape, mask)
            yield dot(shape, f"{mask}:bool")
    for extra in ({}, {"norm_first": True}, {"activation": "gelu"}, {"batch_first": False}, {"bias": False}):
        common = {"nhead": 2, "dim_feedforward": 4, "batch_first": True} | extra
        yield _one("TransformerEncoderLayer", SEQUENCE, **common)
        yield _one("TransformerDecoderLayer", ["N T 8", "N S 8"], **common)
    layer = {"type": "TransformerEncoderLayer", "nhead": 2, "dim_feedforward": 4, "batch_first": True}
    yield Case(
        "TransformerEncoderLayer src_mask", ("N T 8", "T T:bool"), ({**layer, "from": {"src": "a", "src_mask": "b"}},)
    )
    yield Case(
        "TransformerEncoderLayer src_key_padding_mask",
        ("N T 8", "N T:bool"),
        ({**layer, "from": {"src": "a", "src_key_padding_mask": "b"}},),
    )
    yield _one("TransformerEncoderLayer", "T 8", nhead=2, dim_feedforward=4)
    yield _one(
        "Transformer",
        ["N S 8", "N T 8"],
        nhead=2,
        num_encoder_layers=1,
        num_decoder_layers=1,
        dim_feedforward=4,
        batch_first=True,
    )
    yield _one(
        "Transformer",
        ["N S 8", "N T 8"],
        nhead=2,
        num_encoder_layers=2,
        num_decoder_layers=1,
        dim_feedforward=4,
        batch_first=True,
        norm_first=True,
    )


def _lookups() -> Iterator[Case]:
    yield _one("Embedding", IDS, num_embeddings=10, embedding_dim=4)
    yield _one("Embedding", "N T:int32", num_embeddings=10, embedding_dim=4)
    yield _one("Embedding", IDS, num_embeddings=10, embedding_dim=4, padding_idx=1)
    yield _one("Embedding", IDS, num_embeddings=10, embedding_dim=4, max_norm=0.5)
    yield _one("Embedding", "N:int64", num_embeddings=10, embedding_dim=4)
    for mode in ("sum", "mean", "max"):
        yield _one("EmbeddingBag", "N 7:int64", num_embeddings=10, embedding_dim=4, mode=mode)
        yield _one("EmbeddingBag", IDS, num_embeddings=10, embedding_dim=4, mode=mode)
        yield _one("EmbeddingBag", "N 7:int64", num_embeddings=10, embedding_dim=4, mode=mode, padding_idx=1)
    yield _one("Bilinear", ["N 8", "N 6"], out_features=5)
    yield _one("Bilinear", ["N T 8", "N T 6"], out_features=5, bias=False)
    yield _one("Linear", SEQUENCE, out_features=5)
    yield _one("Linear", LINE, out_features=5, bias=False)
    yield _one("Linear", "8", out_features=5)
    yield _one("CosineSimilarity", ["N 8", "N 8"])
    yield _one("CosineSimilarity", ["N T 8", "N T 8"], dim=2, eps=0.5)
    for p in (1.0, 2.0, 3.0):
        yield _one("PairwiseDistance", ["N 8", "N 8"], p=p)
    yield _one("PairwiseDistance", ["N 8", "N 8"], keepdim=True, eps=0.1)


def _arithmetic() -> Iterator[Case]:
    dtypes = ("", ":int64", ":int32", ":float64", ":float16", ":uint8", ":int8")
    for dtype in dtypes:
        names = "add sub mul div maximum minimum eq ne lt le gt ge".split()
        yield _beside([f"N H{dtype}", f"N H{dtype}"], *names)
        for other in (2, 0.5):
            numbers = [{"type": name, "other": other} for name in names if name not in ("maximum", "minimum")]
            yield _beside(f"N H{dtype}", *numbers[:4])
            yield _beside(f"N H{dtype}", *numbers[4:])
    for name in "add mul eq ne maximum minimum".split():
        yield _one(name, ["N H:bool", "N H:bool"])
    yield _one("sub", "N H:int64", other=16777217)
    yield _one("eq", "N H:int64", other=16777217)
    yield _one("add", "N H:int64", other=9007199254740993)
    for name in ("logical_and", "logical_or"):
        yield _one(name, ["N H:bool", "N H:bool"])
        yield _one(name, ["N H", "N H"])
    yield _one("logical_not", "N H:bool")
    yield _one("logical_not", "N H:int64")
    for dtype in dtypes:
        whole = "int" in dtype
        yield _one("where", ["N H:bool", f"N H{dtype}", f"N H{dtype}"])
        yield _beside(
            f"N H{dtype}",
            {"type": "clamp", "min": 1, "max": 3},
            {"type": "clamp", "max": 3},
            {"type": "clamp", "min": 2 if whole else 0.5},
        )
        yield _beside(
            f"N H{dtype}", *({"type": "pow", "exponent": e} for e in (2, 3, 0.5, 2.0, *(() if whole else (-1,))))
        )
        kinds = ("float32", "float64", "float16", "int64", "int32", "bool", "uint8")
        yield _beside(f"N H{dtype}", *({"type": "to", "dtype": kind} for kind in kinds))
    for dtype in ("", ":int64", ":float64"):
        yield _one("matmul", [f"N H 8{dtype}", f"N 8 W{dtype}"])
    yield _one("matmul", ["N H 8", "8"])
    yield _one("matmul", ["8", "8 W"])
    yield _one("matmul", ["8", "8"])
    yield _one("matmul", ["N 2 H 8", "2 8 W"])
    yield _one("bmm", ["N H 8", "N 8 W"])
    yield _one("einsum", ["N H 8", "N W 8"], equation="nhc,nwc->nhw")
    yield _one("einsum", ["N H 8"], equation="nhc->nch")
    yield _one("einsum", ["N H 8"], equation="nhc->n")
    yield _one("einsum", ["N 8", "8 5", "N 5"], equation="ni,ij,nj->n")
    yield _one("einsum", ["N 4 4"], equation="nii->ni")
    yield _one("einsum", ["N H 8", "8 5"], equation="...c,cd->...d")


def _reductions() -> Iterator[Case]:
    for name in "mean sum amax amin var norm".split():
        for extra in ({"dim": [1, 2]}, {"dim": 1}, {"dim": -1, "keepdim": True}, {"dim": [0, 1, 2]}):
            yield _one(name, "N H 8", **extra)
        yield _one(name, "N H 8:float64", dim=1)
        yield _one(name, "N H 8:float16", dim=1)
    for dtype in ("int64", "int32", "uint8", "bool"):
        names = ("sum", "amax", "amin", "prod", "argmax", "argmin", "cumsum")
        yield _beside(f"N H 8:{dtype}", *({"type": name, "dim": 1} for name in names))
    for name in ("prod", "argmax", "argmin", "cumsum"):
        yield _one(name, "N H 8", dim=1)
        yield _one(name, "N H 8", dim=-1)
        yield _one(name, "N H 8:float64", dim=1)
    for name in ("prod", "argmax", "argmin"):
        yield _one(name, "N H 8", dim=1, keepdim=True)
    for correction in (0, 1, 2):
        yield _one("var", "N 5 8", dim=[1, 2], correction=correction)
    for p in (1.0, 2.0, 3.0, 0.5, 0.0, -1.0):
        yield _one("norm", "N H 8", dim=1, p=p)
        yield _one("norm", "N H 8", dim=[1, 2], p=p, keepdim=True)


def _others() -> Iterator[Case]:
    yield _one("arange", [], end=7)
    yield _one("Parameter", [], shape=[2, 3])
    yield _one("Buffer", [], data=[[1.0, 2.0], [3.0, 4.0]])
    yield _one("StochasticDepth", LINE, p=0.1, mode="row")
    yield _one("DropBlock2d", "N 8 16 16", p=0.1, block_size=3)
    yield _one("DropBlock3d", "N 8 16 16 16", p=0.1, block_size=3)
    for n, values in BY_RANK.items():
        yield _one(f"Dropout{n}d", values)
    yield _one("SqueezeExcitation", IMAGE, squeeze_channels=2)
    yield _one("MLP", SEQUENCE, hidden_channels=[5, 3])


def _curves() -> Iterator[Case]:
    names = (
        "ceil trunc exp2 expm1 log2 log10 log1p tan asin acos atan sinh cosh asinh acosh atanh erfc isnan isinf "
        "isfinite contiguous detach randn_like rand_like bernoulli"
    ).split()
    for name in names:
        yield _one(name, ANY)
    for dtype in ("", ":int64", ":int32", ":float64", ":uint8"):
        yield _beside([f"N H{dtype}", f"N H{dtype}"], "floor_divide", "remainder", "fmod")
        yield _beside(f"N H{dtype}", *({"type": name, "other": 3} for name in ("floor_divide", "remainder", "fmod")))
        yield _beside(
            [f"N H 4{dtype}"], "tril", "triu", {"type": "tril", "diagonal": -1}, {"type": "triu", "diagonal": 2}
        )
        yield _one("masked_fill", [f"N H{dtype}", "N H:bool"], value=3)
        yield _one("where", ["N H:bool", f"N H{dtype}"], other=3)
    yield _one("pow", ["N H", "N H"])
    yield _one("pow", ["N H:int64", "N H:int64"])
    yield _one("masked_fill", ["N H", "N H:bool"], value="-inf")
    yield _chain(["N H", "N H:bool"], {"type": "masked_fill", "value": "-inf"}, {"type": "softmax", "dim": 1})
    yield _one("tril", "N H 4:bool")
    for name in ("atan2", "logaddexp", "lerp"):
        yield _one(name, ["N H"] * (3 if name == "lerp" else 2))
    yield _one("lerp", ["N H", "N H"], weight=0.3)
    for name in ("addcmul", "addcdiv"):
        yield _one(name, ["N H"] * 3)
        yield _one(name, ["N H"] * 3, value=0.5)
    yield _one("logical_xor", ["N H:bool", "N H:bool"])
    for dtype in ("int64", "int32", "bool"):
        names = [f"bitwise_{name}" for name in ("and", "or", "xor")]
        yield _beside([f"N H:{dtype}", f"N H:{dtype}"], *names)
        yield _one("bitwise_not", f"N H:{dtype}")
    yield _beside("N H:int64", *({"type": f"bitwise_{name}", "other": 5} for name in ("and", "or", "xor")))


def _indexing() -> Iterator[Case]:
    yield _one("gather", ["N 8 H", "N 3 H:int64"], dim=1)
    yield _one("gather", ["N 8", "N 3:int64"], dim=-1)
    yield _one("take_along_dim", ["N 8 H", "N 3 1:int64"], dim=1)
    for name in ("scatter", "scatter_add"):
        yield _one(name, ["N 8", "N 3:int64", "N 3"], dim=1)
    yield _one("scatter", ["N 8", "N 3:int64"], dim=1, value=2.5)
    for reduce in ("sum", "prod", "mean", "amax", "amin"):
        for dtype in ("", ":float64", ":int64"):
            for extra in ({}, {"include_self": False}):
                shapes = [f"N 8 H{dtype}", "N 3 H:int64", f"N 3 H{dtype}"]
                yield _one("scatter_reduce", shapes, dim=1, reduce=reduce, **extra)
    yield _one("scatter_reduce", ["N 8", "N 3:int64", "N 5"], dim=1, reduce="amax")
    for dtype in ("", ":int64", ":float64"):
        yield _one("masked_scatter", [f"N H{dtype}", "N H:bool", f"N H{dtype}"])
    yield _one("masked_scatter", ["N H 4", "N H 1:bool", "N H 4"])
    for name in ("index_add", "index_copy"):
        yield _one(name, ["N 8 H", "3:int64", "N 3 H"], dim=1)
    yield _one("slice_scatter", ["N 8 H", "N 3 H"], dim=1, start=2, end=5)
    yield _one("slice_scatter", ["N 8 H", "N 2 H"], dim=1, start=2, end=6, step=2)
    yield _one("select_scatter", ["N 8 H", "N H"], dim=1, index=2)
    yield _one("select_scatter", ["N 8 H", "N H"], dim=1, index=-1)
    yield _one("one_hot", IDS, num_classes=8)
    for extra in ({}, {"largest": False}, {"dim": 1}):
        yield _one("topk", "N 5 8", ("indices",), k=3, **extra)
    yield _one("topk", "N T 8", ("indices",), k=2, dim=1)
    for extra in ({}, {"descending": True}, {"dim": 1}, {"stable": True}):
        yield _one("sort", ANY, ("indices",), **extra)
        yield _one("argsort", ANY, **extra)
    yield _one("sort", "N 6:int64", ("indices",), stable=True)
    for name in ("max", "min"):
        yield _one(name, ANY, ("indices",), dim=1)
        yield _one(name, ANY, ("indices",), dim=-1, keepdim=True)
        yield _one(name, "N H 8:int64", dim=1)
    for name in ("any", "all"):
        yield _one(name, "N H 8:bool", dim=1)
        yield _one(name, ANY, dim=-1, keepdim=True)
    for correction in (0, 1):
        yield _one("std", ANY, dim=-1, correction=correction)
    yield _one("std", "N 5 8", dim=[1, 2], keepdim=True)
    yield _one("logsumexp", ANY, dim=[1, 2])
    yield _one("logsumexp", ANY, dim=-1, keepdim=True)
    yield _one("cumprod", ANY, dim=1)
    yield from _ordered()
    for name in ("cumsum", "sum"):
        yield _one(name, "N H 8:int32", dim=1, dtype="int64")
        yield _one(name, "N H 8:bool", dim=1, dtype="int64")
        yield _one(name, ANY, dim=1, dtype="float64")
        yield _one(name, "N H 8:int64", dim=1, dtype="float32")
    yield _one("mean", "N H 8:int64", dim=1, dtype="float32")
    yield _one("softmax", "N H 8:int64", dim=1, dtype="float32")
    yield _one("log_softmax", ANY, dim=1, dtype="float64")
    yield _one("repeat", ANY, repeats=[2, 1, 3])
    yield _one("repeat", "N 4", repeats=[2, 1, 3])
    yield _one("repeat", "1 4 8", repeats=[2, 1, 1])
    yield _one("tile", ANY, dims=[2, 3])
    yield _one("repeat_interleave", ANY, repeats=3, dim=1)
    yield _one("repeat_interleave", ANY, repeats=2)
    yield _one("unfold", ANY, dimension=1, size=3, step=2)
    yield _one("unfold", "N 12 8", dimension=1, size=4, step=4)
    yield _one("unfold", "N 12 8", dimension=-1, size=4, step=3)
    yield _one("diagonal", "N 4 5", dim1=1, dim2=2)
    yield _one("diagonal", "N 4 5", dim1=1, dim2=2, offset=1)
    yield _one("diagonal", "N 4 5 6", dim1=-2, dim2=-1, offset=-1)
    yield _one("meshgrid", ["H", "W"], ("1",))
    yield _one("meshgrid", ["H", "W"], ("1",), indexing="xy")
    yield _one("broadcast_tensors", ["N 1 H", "N 8 1"], ("1",))
    yield _one("broadcast_tensors", ["N H:int64", "N 8 1"], ("1",))
    for extra in ({}, {"tau": 0.5, "dim": 1}, {"hard": True}):
        yield _one("gumbel_softmax", ANY, **extra)


def _ordered() -> Iterator[Case]:
    """Of the order of values, and of what is no number."""
    for name in ("cummax", "cummin", "median"):
        for source in (ANY, "N 5 8", "N H 8:int64", "N H 8:float64", "N H 8:int32"):
            yield _one(name, source, ("indices",) if source != "N H 8:int64" or name != "median" else (), dim=1)
    yield _one("median", ANY, ("indices",), dim=-1, keepdim=True)
    yield _one("kthvalue", "N 5 8", ("indices",), k=2, dim=1)
    yield _one("kthvalue", ANY, k=8, keepdim=True)
    for extra in ({}, {"keepdim": True}, {"interpolation": "nearest"}, {"interpolation": "lower"}):
        yield _one("quantile", "N 5 8", q=0.3, dim=1, **extra)
    yield _one("quantile", ANY, q=0.5, dim=1)
    yield _one("quantile", "N H 8:float64", q=1.0, dim=-1)
    for name in ("nansum", "count_nonzero"):
        yield _one(name, ANY, dim=1)
        yield _one(name, "N H 8:float64", dim=1)
    yield _one("nansum", ANY, dim=[1, 2], keepdim=True)
    yield _one("count_nonzero", "N H 8:bool", dim=[1, 2])
    yield _one("count_nonzero", "N H 8:int64", dim=1)
    for name in ("nan_to_num", "sinc"):
        yield _one(name, ANY)
        yield _one(name, "N 8:float64")
    yield _one("nan_to_num", ANY, nan=0.5, posinf=2.0, neginf=-2.0)
    yield _one("logit", ANY, eps=0.25)
    yield _one("round", ANY, decimals=1)
    for name in ("xlogy", "hypot", "heaviside"):
        yield _one(name, [ANY, ANY])
        yield _one(name, [ANY, "8"], broadcast=True)
        yield _one(name, ["N 8:float64", "N 8:float64"])
    yield _one("diag_embed", ANY)
    yield _one("diag_embed", "N H", offset=1)
    yield _one("diag_embed", "N 8 H", offset=-1, dim1=0, dim2=2)
    yield _one("index_fill", ["N 8 H", "3:int64"], dim=1, value=0.5)
    yield _one("index_fill", ["N 8 H:int64", "3:int64"], dim=1, value=2)
    yield _one("bucketize", [ANY, "5"])
    yield _one("bucketize", [ANY, "5"], right=True)
    for extra in ({}, {"right": True}):
        yield _one("searchsorted", ["5", "N H"], **extra)
        yield _one("searchsorted", ["N 5", "N H"], **extra)
    yield _one("searchsorted", ["N 5:int64", "N H:int64"])
    yield _one("searchsorted", ["5:float64", "N H:float64"])
    yield _one("cross", ["N 3 H", "N 3 H"], dim=1)
    yield _one("cross", ["N H 3", "1 1 3"], dim=-1, broadcast=True)
    yield _one("pad", "N 8 H W", pad=[-1, 2, 1, -2])
    yield _one("pad", "N 8 12", pad=[-2, -3])
    yield _one("pad", "N 8 12", pad=[-2, 3], mode="replicate")


def _weighted() -> Iterator[Case]:
    for n, values in BY_RANK.items():
        kernel = " ".join(["3"] * n)
        for extra in ({}, {"stride": 2, "padding": 1}, {"dilation": 2}):
            yield _one(f"conv{n}d", [values, f"4 8 {kernel}", "4"], **extra)
            yield _one(f"conv_transpose{n}d", [values, f"8 4 {kernel}", "4"], **extra)
        yield _one(f"conv{n}d", [values, f"4 2 {kernel}"], groups=4)
        yield _one(f"conv_transpose{n}d", [values, f"8 2 {kernel}"], groups=4, stride=2, output_padding=1)
        yield _one("batch_norm", [values], training=True)
        yield _one("instance_norm", [values, "8", "8"])
        yield _one("group_norm", [values, "8", "8"], num_groups=2)
        yield _one("group_norm", [values], num_groups=4, eps=0.1)
        yield _one("prelu", [values, "8"])

    stats = {"input": "a", "running_mean": "b", "running_var": "c"}
    yield Case("batch_norm", ("N 8 H W", "8", "8"), ({"type": "batch_norm", "from": stats},))
    yield _one("linear", [SEQUENCE, "5 8", "5"])
    yield _one("linear", [LINE, "5 8"])
    for inputs in ([SEQUENCE, "8", "8"], [SEQUENCE]):
        yield _one("layer_norm", inputs)
    yield _one("layer_norm", ["N 3 4", "3 4", "3 4"], normalized_shape=[3, 4])
    yield _one("rms_norm", [SEQUENCE, "8"])
    yield _one("rms_norm", [SEQUENCE], eps=0.1)
    yield _one("embedding", [IDS, "10 4"])
    yield _one("addmm", ["5", "N 8", "8 5"])
    yield _one("addmm", ["5", "N 8", "8 5"], beta=0.5, alpha=2.0)
    for extra in ({}, {"beta": 0.5, "alpha": 2.0}, {"beta": 0}):
        yield _one("addmv", ["N", "N 8", "8"], **extra)
        yield _one("addbmm", ["H W", "N H 8", "N 8 W"], **extra)
        yield _one("addr", ["N H", "N", "H"], **extra)
    for dtype in ("", ":float64", ":int64"):
        yield _one("kron", [f"N H{dtype}", f"3 W{dtype}"])
        yield _one("isclose", [f"N H{dtype}", f"N H{dtype}"])
    yield _one("kron", ["N 2 H", "3 W"])
    yield _one("isclose", ["N H", "1 H"], broadcast=True, rtol=0.1, equal_nan=True)
    yield _one("baddbmm", ["N H W", "N H 8", "N 8 W"])
    yield _one("baddbmm", ["N H W", "N H 8", "N 8 W"], beta=0, alpha=0.5)
    for p in (1.0, 2.0):
        yield _one("cdist", ["N H 8", "N W 8"], p=p)
    for mode in ("bilinear", "nearest", "bicubic"):
        for padding in ("zeros", "border", "reflection"):
            yield _one("grid_sample", ["N 3 6 7", "N 5 4 2"], mode=mode, padding_mode=padding)
        yield _one("grid_sample", ["N 3 6 7", "N 5 4 2"], mode=mode, align_corners=True)
    yield _one("affine_grid", ["2 2 3"], size=[2, 3, 5, 7])
    yield _one("affine_grid", ["2 2 3"], size=[2, 3, 5, 7], align_corners=True)
    yield _one("affine_grid", ["N 2 3"], size=["${a.shape[0]}", 3, 5, 7])
    for mode in ("bilinear", "bicubic"):
        yield _one("interpolate", "N 2 9 12", size=[5, 6], mode=mode, antialias=True)
        yield _one("interpolate", "N 2 H W", size=[5, 6], mode=mode, antialias=True)
        yield _one("interpolate", "N 2 9 12", size=[13, 20], mode=mode, antialias=True)
        yield _one("interpolate", "N 2 H W", scale_factor=2.0, mode=mode)
        yield _one("interpolate", "N 2 H W", scale_factor=0.5, mode=mode, antialias=True)
    yield _one("interpolate", IMAGE, scale_factor=[2.0, 3.0])
    yield _one("pad", "N H", pad=[1, 2], value="-inf")


def _made() -> Iterator[Case]:
    size, rows = "${a.shape[0]}", "${a.shape[1]}"

    def made(name: str, **arguments: Any) -> Case:
        """A value of that size beside the input, which alone has it."""
        lines = ({"type": "ReLU", "from": "a"}, {"type": name, "from": [], **arguments})
        return Case(f"{name} {arguments}", ("N T",), lines, parallel=True)

    for dtype in ({}, {"dtype": "float64"}, {"dtype": "int64"}, {"dtype": "bool"}):
        for name in ("zeros", "ones"):
            yield made(name, size=[size, rows, 3], **dtype)
            yield _one(f"{name}_like", "N H", **dtype)
            yield _one(f"new_{name}", "N H:int64", size=[size, 3], **dtype)
    for value in (2, 0.5, "-inf"):
        yield made("full", size=[rows, rows], fill_value=value)
        yield _one("full_like", "N H", fill_value=value)
        yield _one("new_full", "N H", size=[rows, 3], fill_value=value)
    yield made("arange", end=rows)
    yield made("arange", end=rows, start=2)
    yield made("arange", end=rows, dtype="float32")
    yield made("arange", end="${a.shape[1] * 2}", step=2)
    yield made("arange", end=1, start=0, step=0.1)
    yield made("arange", end=0, start=5, step=-1)
    yield made("eye", n=rows)
    yield made("eye", n=3, m=rows, dtype="int64")
    yield made("linspace", start=-1, end=1, steps=rows)
