"""Hypothesis strategies: specs that are valid by construction, and the same with something changed.

A network is drawn as a walk: from a kind of value (image, sequence, features, ids) each layer leads to a value of a
kind, with arguments that its size allows. Branches that meet again, blocks and repeats are drawn between.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]
Spec = dict[str, Any]
Layer = dict[str, Any] | str
#: The sizes of a value without its batch: C × H × W, T × F, or F.
Shape = tuple[int, ...]

ELEMENTWISE = (
    "ReLU GELU SiLU ELU SELU CELU Mish Tanh Sigmoid Softplus Softsign LeakyReLU Hardswish Hardsigmoid Hardtanh "
    "ReLU6 LogSigmoid Tanhshrink PReLU Identity Dropout AlphaDropout relu tanh sigmoid abs sin cos square gelu silu erf"
).split()


def _same(*types: str) -> Callable[[Draw, Shape], tuple[Layer, Shape]]:
    return lambda draw, shape: (draw(st.sampled_from(types)), shape)


def _window(draw: Draw, shape: Shape) -> tuple[dict[str, Any], Shape]:
    """A kernel, stride and padding that fit, and the two sizes that they leave."""
    kernel = draw(st.integers(1, min(3, *shape[1:])))
    stride, padding = draw(st.integers(1, 2)), draw(st.integers(0, kernel // 2))
    sizes = tuple((size + 2 * padding - kernel) // stride + 1 for size in shape[1:])
    return {"kernel_size": kernel, "stride": stride, "padding": padding}, (shape[0], *sizes)


def _conv(draw: Draw, shape: Shape) -> tuple[Layer, Shape]:
    window, sizes = _window(draw, shape)
    channels = 2 * draw(st.integers(1, 4))
    groups = 2 if shape[0] % 2 == 0 and draw(st.booleans()) else 1
    extra = {"groups": groups, "bias": draw(st.booleans())}
    return {"type": "Conv2d", "out_channels": channels, **window, **extra}, (channels, *sizes[1:])


def _up(draw: Draw, shape: Shape) -> tuple[Layer, Shape]:
    if max(shape[1:]) > 12:
        return "Identity", shape
    kind = draw(st.sampled_from(["nearest", "bilinear"]))
    return {"type": "Upsample", "scale_factor": 2.0, "mode": kind}, (shape[0], *(2 * size for size in shape[1:]))


def _pool(draw: Draw, shape: Shape) -> tuple[Layer, Shape]:
    window, sizes = _window(draw, shape)
    return {"type": draw(st.sampled_from(["MaxPool2d", "AvgPool2d"])), **window}, sizes


def _adaptive(draw: Draw, shape: Shape) -> tuple[Layer, Shape]:
    size = draw(st.integers(1, 3))
    return {"type": "AdaptiveAvgPool2d", "output_size": size}, (shape[0], size, size)


def _pad(draw: Draw, shape: Shape) -> tuple[Layer, Shape]:
    if min(shape[1:]) < 2 or max(shape[1:]) > 12:
        return "Identity", shape
    kind = draw(st.sampled_from(["ZeroPad2d", "ReflectionPad2d", "ReplicationPad2d"]))
    return {"type": kind, "padding": 1}, (shape[0], *(size + 2 for size in shape[1:]))


def _linear(draw: Draw, shape: Shape) -> tuple[Layer, Shape]:
    features = draw(st.integers(1, 9))
    return {"type": "Linear", "out_features": features, "bias": draw(st.booleans())}, (*shape[:-1], features)


def _recurrent(draw: Draw, shape: Shape) -> tuple[Layer, Shape]:
    hidden = draw(st.integers(1, 6))
    kind = draw(st.sampled_from(["GRU", "LSTM", "RNN"]))
    both = draw(st.booleans())
    arguments = {"hidden_size": hidden, "batch_first": True, "bidirectional": both}
    return {"type": kind, **arguments}, (shape[0], hidden * (1 + both))


def _norm_over_groups(draw: Draw, shape: Shape) -> tuple[Layer, Shape]:
    groups = draw(st.sampled_from([n for n in range(1, shape[0] + 1) if shape[0] % n == 0]))
    return {"type": "GroupNorm", "num_groups": groups}, shape


def _flatten(draw: Draw, shape: Shape) -> tuple[Layer, Shape]:
    count = 1
    for size in shape:
        count *= size
    return "Flatten", (count,)


def _mean(draw: Draw, shape: Shape) -> tuple[Layer, Shape]:
    return {"type": "mean", "dim": 1}, shape[1:]


def _permute(draw: Draw, shape: Shape) -> tuple[Layer, Shape]:
    return {"type": "transpose", "dim0": 1, "dim1": 2}, (shape[1], shape[0], *shape[2:])


#: By the number of sizes of a value: what may follow.
STEPS: dict[int, list[Callable[[Draw, Shape], tuple[Layer, Shape]]]] = {
    1: [_linear, _same(*ELEMENTWISE), _same("BatchNorm1d", "LayerNorm")],
    2: [_linear, _recurrent, _permute, _mean, _flatten, _same(*ELEMENTWISE), _same("LayerNorm")],
    3: [_conv, _conv, _up, _pool, _adaptive, _pad, _flatten, _norm_over_groups, _same(*ELEMENTWISE),
        _same("BatchNorm2d", "Dropout2d")],
}  # fmt: skip


def _walk(draw: Draw, shape: Shape, most: int, prefix: str, keep: bool = False) -> tuple[dict[str, Layer], Shape]:
    """Up to `most` layers called `prefix` and a number; with `keep`, the shape stays what it is."""
    layers: dict[str, Layer] = {}
    for number in range(draw(st.integers(1, most))):
        steps = [_same(*ELEMENTWISE)] if keep else STEPS[len(shape)]
        layers[f"{prefix}{number}"], shape = draw(st.sampled_from(steps))(draw, shape)
    return layers, shape


def _branches(draw: Draw, shape: Shape, before: str, prefix: str) -> tuple[dict[str, Layer], Shape]:
    """A branch that keeps the shape, and its meeting with what it left: added, multiplied or concatenated."""
    layers, _ = _walk(draw, shape, 2, prefix, keep=True)
    first, last = next(iter(layers)), list(layers)[-1]
    only = layers[first]
    layers[first] = {**({"type": only} if isinstance(only, str) else only), "from": before}
    kind = draw(st.sampled_from(["add", "mul", "cat"]))
    layers[f"{prefix}_join"] = {"type": kind, "from": [last, before], **({"dim": 1} if kind == "cat" else {})}
    return layers, ((2 * shape[0], *shape[1:]) if kind == "cat" else shape)


def _body(draw: Draw, inputs: dict[str, Any], shape: Shape, blocks: dict[str, Any]) -> tuple[dict[str, Layer], Shape]:
    layers: dict[str, Layer] = {}
    before = next(iter(inputs))
    for part in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["walk", "walk", "branches", "block"]))
        if kind == "walk":
            more, shape = _walk(draw, shape, 3, f"w{part}_")
        elif kind == "branches":
            more, shape = _branches(draw, shape, before, f"b{part}_")
        else:
            inside, _ = _walk(draw, shape, 2, "in", keep=True)
            blocks[f"Block{part}"] = {"layers": inside}
            more = {f"block{part}": {"type": f"Block{part}", "repeat": draw(st.integers(1, 3))}}
        layers |= more
        before = list(layers)[-1]
    return layers, shape


@st.composite
def valid_specs(draw: Draw) -> Spec:
    """A spec that compiles, scripts, exports and verifies."""
    kind = draw(st.sampled_from(["image", "sequence", "features", "ids"]))
    size = st.integers(2, 9)
    layers: dict[str, Layer] = {}
    blocks: dict[str, Any] = {}
    if kind == "ids":
        inputs: dict[str, Any] = {"tokens": {"shape": ["N", draw(size)], "dtype": "int64"}}
        width = draw(size)
        layers["embed"] = {"type": "Embedding", "num_embeddings": 11, "embedding_dim": width}
        shape: Shape = (inputs["tokens"]["shape"][1], width)
    else:
        shape = tuple(draw(size) for _ in range({"image": 3, "sequence": 2, "features": 1}[kind]))
        inputs = {"x": ["N", *shape]}
    more, shape = _body(draw, {list(layers)[-1] if layers else next(iter(inputs)): None}, shape, blocks)
    layers |= more
    if len(shape) > 1:
        layers["end"], shape = _flatten(draw, shape)
    layers["out"], _ = _linear(draw, shape)
    spec: Spec = {"graphspec": 1, "name": "drawn", "inputs": inputs, "layers": layers}
    return spec | ({"blocks": blocks} if blocks else {})


#: What a change puts in place of a value. No size between a million and a trillion: those may be had on some machines.
EDGES = st.one_of(
    st.sampled_from([0, 1, -1, 2, 3, 7, 64, 1000, 10**13, 2**63, -(2**63), 0.0, -0.5, 0.5, 1e308, 3.0]),
    st.sampled_from([True, False, None, "", "x", "N", "out", "ReLU", "add", "cat", "LSTM", "Conv2d", "Flatten", "GRU"]),
    st.sampled_from(["${x.shape[1]}", "${i}", "${", "${1 // 0}", "a.b", "x.0", "__class__", "forward", "\u202e"]),
    st.sampled_from(["a" * 100, [], {}, [[]], [None], ["x", "x"], {"type": "ReLU", "from": "out"}, {"reuse": "out"}]),
    st.text(max_size=8),
)  # fmt: skip
KEYS = st.sampled_from(
    "type from repeat if reuse tie init freeze dim out_features kernel_size padding groups layers inputs x out".split()
)


def _places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    left = [value]
    while left:
        here = left.pop()
        for key in list(here) if isinstance(here, dict) else range(len(here)):
            found.append((here, key))
            if isinstance(here[key], dict | list):
                left.append(here[key])
    return found


@st.composite
def changed_specs(draw: Draw) -> Spec:
    """A valid spec in which one to three places were replaced, removed, renamed or copied."""
    spec = copy.deepcopy(draw(valid_specs()))
    for _ in range(draw(st.integers(1, 3))):
        container, key = draw(st.sampled_from(_places(spec)))
        if key not in (container if isinstance(container, dict) else range(len(container))):
            continue
        deed = draw(st.sampled_from(["replace", "replace", "remove", "rename", "copy"]))
        if deed == "replace":
            container[key] = copy.deepcopy(draw(EDGES))
        elif deed == "remove":
            del container[key]
        elif isinstance(container, list):
            container.append(copy.deepcopy(container[key]))
        else:
            value = container.pop(key) if deed == "rename" else copy.deepcopy(container[key])
            container[draw(KEYS)] = value
        if not spec:
            break
    return spec
