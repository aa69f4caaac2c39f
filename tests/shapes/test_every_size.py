"""What compile says of a shape holds at every size that the dims allow, and it says which those are."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import graphspec
from graphspec.diagnostics import GraphspecError
from graphspec.shapes import ShapedGraph
from graphspec.shapes.evaluate import value_at

MAPS, ROWS = {"x": ["N", 4, "H", "W"]}, {"x": ["N", "T", 4]}
EVEN, SIXTEENTHS = {"x": ["N", 4, "2*H", "2*W"]}, {"x": ["N", 4, "16*H", "16*W"]}
HALF = {"type": "Conv2d", "out_channels": 4, "kernel_size": 3, "stride": 2, "padding": 1}
UP = {"type": "Upsample", "scale_factor": 2.0}
TABLE = {"type": "Parameter", "shape": [1, 64, 4]}
MAX2 = {"type": "MaxPool2d", "kernel_size": 2}
LENGTH = "${x.shape[1]}"
Layers = dict[str, Any]


def shaped(inputs: dict[str, Any], layers: Layers, **sections: Any) -> ShapedGraph:
    return graphspec.shape(graphspec.load({"graphspec": 1, "inputs": inputs, "layers": layers, **sections}))


def at(sizes: dict[str, int], graph: ShapedGraph) -> tuple[list[int], list[int] | None]:
    """The output's shape as stated, and as the module gives it; None where it refuses."""
    (kind,) = graph.output_types.values()
    stated = [int(value_at(dim, sizes)) for dim in kind.shape]
    inputs = [torch.zeros([int(value_at(dim, sizes)) for dim in given.shape]) for given in graph.inputs.values()]
    try:
        return stated, [*graphspec.build(graph).eval()(*inputs).shape]
    except (RuntimeError, ValueError, IndexError, AssertionError):
        return stated, None


#: Inputs, layers, what the dims of the output are, and the ranges other than "from 1 on".
HOLDING: dict[str, tuple[dict[str, Any], Layers, str, dict[str, tuple[int, int | None]]]] = {
    "a pool's last window": (MAPS, {"y": {**MAX2, "stride": 2, "padding": 1, "ceil_mode": True}},
                             "N × 4 × H//2 + 1 × W//2 + 1", {}),
    "a mean's last window": (MAPS, {"y": {"type": "AvgPool2d", "kernel_size": 3, "padding": 1, "ceil_mode": True}},
                             "N × 4 × H//3 + 1 × W//3 + 1", {}),
    "a window without padding": (MAPS, {"y": {"type": "MaxPool2d", "kernel_size": 3, "stride": 2, "ceil_mode": True}},
                                 "N × 4 × H//2 × W//2", {"H": (2, None), "W": (2, None)}),
    "an end": (ROWS, {"y": {"type": "slice", "dim": 1, "end": 8}}, "N × min(T, 8) × 4", {}),
    "the last ones": (ROWS, {"y": {"type": "slice", "dim": 1, "start": -8}}, "N × min(T, 8) × 4", {}),
    "a start, an end and a step": (ROWS, {"y": {"type": "slice", "dim": 1, "start": 1, "end": 20, "step": 3}},
                                   "N × min((T + 1)//3, 7) × 4", {"T": (2, None)}),
    "from the end to a place": (ROWS, {"y": {"type": "slice", "dim": 1, "start": -4, "end": 11, "step": 2}},
                                "N × ((-T//2 + 8 if T >= 11 else 2) if T >= 4 else (T + 1)//2) × 4", {"T": (1, 14)}),
    "positions, cut": (ROWS, {"p": TABLE, "r": {"type": "slice", "dim": 1, "end": LENGTH},
                              "y": {"type": "add", "from": ["x", "r"], "broadcast": True}},
                       "N × T × 4", {"T": (1, 64)}),
    "positions, narrowed": (ROWS, {"p": TABLE, "r": {"type": "narrow", "dim": 1, "start": 0, "length": LENGTH},
                                   "y": {"type": "add", "from": ["x", "r"], "broadcast": True}},
                            "N × T × 4", {"T": (1, 64)}),
    "a crop": (MAPS, {"y": {"type": "narrow", "dim": 2, "start": 2, "length": 30}}, "N × 4 × 30 × W",
               {"H": (32, None)}),
    "one row": (ROWS, {"y": {"type": "select", "dim": 1, "index": -4}}, "N × 4", {"T": (4, None)}),
    "halves": (ROWS, {"y": {"type": "chunk", "chunks": 2, "dim": 1}}, "N × (T + 1)//2 × 4", {"T": (2, None)}),
    "a dim of 1 that is kept": (ROWS, {"y": {"type": "squeeze", "dim": 1}}, "N × T × 4", {"T": (2, None)}),
    "a mirrored edge": (MAPS, {"y": {"type": "ReflectionPad2d", "padding": [2, 1, 3, 0]}},
                        "N × 4 × H + 3 × W + 3", {"H": (4, None), "W": (3, None)}),
    "a wrapped edge": (MAPS, {"y": {"type": "CircularPad2d", "padding": 2}},
                       "N × 4 × H + 4 × W + 4", {"H": (2, None), "W": (2, None)}),
    "patches": (MAPS, {"y": {"type": "Unfold", "kernel_size": 16, "stride": 16}}, "N × 1024 × (H//16)*(W//16)",
                {"H": (16, None), "W": (16, None)}),
    "pixels to channels": (EVEN, {"y": {"type": "PixelUnshuffle", "downscale_factor": 2}}, "N × 16 × H × W", {}),
    "a U-Net": (SIXTEENTHS, {"a": HALF, "b": HALF, "u": UP, "y": {"type": "cat", "from": ["a", "u"], "dim": 1}},
                "N × 8 × 8*H × 8*W", {}),
    "a residual of even sizes": (EVEN, {"a": MAX2, "u": UP, "y": {"type": "add", "from": ["u", "x"]}},
                                 "N × 4 × 2*H × 2*W", {}),
    "1.8 times": (MAPS, {"y": {"type": "Upsample", "scale_factor": 1.8}}, "N × 4 × 9*H//5 × 9*W//5", {}),
    "a third": (MAPS, {"y": {"type": "Upsample", "scale_factor": 1 / 3}},
                "N × 4 × H//3 × W//3", {"H": (3, None), "W": (3, None)}),
    "0.29, which is rounded": (MAPS, {"y": {"type": "Upsample", "scale_factor": [0.29, 1.0]}},
                               "N × 4 × 29*H//100 × W", {"H": (4, 99)}),
    "as small as another": (MAPS, {"a": {**MAX2, "padding": 1, "ceil_mode": True},
                                   "y": {"type": "interpolate", "from": "x",
                                         "size": ["${a.shape[2]}", "${a.shape[3]}"]},
                                   "z": {"type": "add", "from": ["a", "y"]}},
                            "N × 4 × H//2 + 1 × W//2 + 1", {}),
    "rolled by a number that may be below 0": (
        ROWS, {"y": {"type": "roll", "shifts": ["${x.shape[1] - 9}"], "dims": [1]}}, "N × T × 4", {}),
    "cut by 3, filled by 2": (ROWS, {"y": {"type": "pad", "pad": [0, 0, -3, 2]}}, "N × T - 1 × 4", {"T": (3, None)}),
    "cut at both ends": (ROWS, {"y": {"type": "pad", "pad": [0, 0, -2, -3]}}, "N × T - 5 × 4", {"T": (6, None)}),
    "more than one pixel": (MAPS, {"y": "InstanceNorm2d"}, "N × 4 × H × W", {"W": (2, None)}),
    "two bounds": (ROWS, {"a": {"type": "narrow", "dim": 1, "start": 0, "length": 8}, "p": TABLE,
                          "r": {"type": "narrow", "dim": 1, "start": 0, "length": LENGTH},
                          "s": {"type": "add", "from": ["x", "r"], "broadcast": True},
                          "y": {"type": "cat", "from": ["s", "a"], "dim": 1}}, "N × T + 8 × 4", {"T": (8, 64)}),
    "a choice that a later layer settles": (
        ROWS, {"y": {"type": "slice", "from": "x", "dim": 1, "end": 8},
               "z": {"type": "narrow", "from": "x", "dim": 1, "start": 0, "length": 8},
               "w": {"type": "add", "from": ["y", "z"]}}, "N × 8 × 4", {"T": (8, None)}),
}  # fmt: skip


@pytest.mark.parametrize("name", HOLDING)
def test_the_stated_shape_is_the_real_one_throughout_the_stated_range(name: str) -> None:
    inputs, layers, shape, ranges = HOLDING[name]
    graph = shaped(inputs, layers)
    (kind,) = graph.output_types.values()
    assert str(kind) == shape
    assert graph.dims == {name: ranges.get(name, (1, None)) for name in graph.dims}
    ordinary = {name: min(least + 5, most or least + 5) for name, (least, most) in graph.dims.items()}
    for name, (least, most) in graph.dims.items():
        for size in {*range(least, min(least + 9, (most or least + 9) + 1)), most or 37}:
            stated, real = at({**ordinary, name: size}, graph)
            assert real == stated, (name, size)
        for size in {least - 1, (most or -1) + 1} - {0}:
            stated, real = at({**ordinary, name: size}, graph)
            assert real != stated or 0 in stated or of_others(layers), (name, size)


def of_others(layers: Layers) -> bool:
    """Whether the range comes from another value, or gives up single sizes at an edge."""
    return layers["y"] == "InstanceNorm2d" or layers["y"]["type"] == "chunk"


REFUSED: dict[str, tuple[dict[str, Any], Layers, str, str]] = {
    "odd pixels to channels": (
        MAPS, {"y": {"type": "PixelUnshuffle", "downscale_factor": 2}}, "is invalid for input of size",
        'breaks at H = 1, W = 1; dims that are multiples work: "2*H", "2*W"'),
    "a U-Net of any size": (
        MAPS, {"a": HALF, "b": HALF, "u": UP, "y": {"type": "cat", "from": ["a", "u"], "dim": 1}},
        "Sizes of tensors must match", '"4*H", "4*W"'),
    "branches that agree for even sizes": (
        MAPS, {"a": MAX2, "u": UP, "y": {"type": "add", "from": ["u", "x"]}}, "must match", '"2*H", "2*W"'),
    "branches that agree for odd sizes": (
        ROWS, {"a": {"type": "slice", "from": "x", "dim": 1, "step": 2},
               "b": {"type": "slice", "from": "x", "dim": 1, "start": 1, "step": 2},
               "y": {"type": "add", "from": ["a", "b"]}}, "(T + 1)//2", '"2*T"'),
    "rows in eights": (ROWS, {"y": {"type": "reshape", "shape": [-1, 8]}}, "input of size 4*N*T", '"2*T"'),
    "thirds": (ROWS, {"y": {"type": "chunk", "chunks": 3, "dim": 1}}, "another number of values", '"3*T"'),
    "a table that is not cut": (
        ROWS, {"p": TABLE, "y": {"type": "add", "from": ["x", "p"], "broadcast": True}},
        "size of tensor a (T) must match the size of tensor b (64)", "breaks at N = 2, T = 2"),
    "pieces of one size": (
        ROWS, {"y": {"type": "split", "split_size_or_sections": [3, 5], "dim": 1}}, "add up to 8", "only where T is 8"),
    "T against half of it": (
        ROWS, {"a": {"type": "slice", "from": "x", "dim": 1, "step": 2}, "y": {"type": "add", "from": ["a", "x"]}},
        "((T + 1)//2)", "only where T is 1"),
    "a size to the power of 40": (
        ROWS, {"y": {"type": "reshape", "shape": ["${" + "*".join(["x.shape[1]"] * 40) + "}", -1]}},
        "no formula of whole numbers", ""),
    "two dims": ({"x": ["N", "T"], "z": ["N", "S"]}, {"y": {"type": "add", "from": ["x", "z"]}}, "(T)", "T = 3, S = 2"),
    "bounds that leave nothing": (
        ROWS, {"a": {"type": "narrow", "dim": 1, "start": 0, "length": 100}, "p": TABLE,
               "y": {"type": "narrow", "from": "p", "dim": 1, "start": 0, "length": LENGTH},
               "z": {"type": "cat", "from": ["a", "y"], "dim": 0}}, "start", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_holds_for_some_sizes_is_refused_with_sizes_and_the_way_out(name: str) -> None:
    inputs, layers, message, hint = REFUSED[name]
    with pytest.raises(GraphspecError) as caught:
        shaped(inputs, layers)
    (fault,) = caught.value.diagnostics
    assert fault.code == "shape-mismatch"
    assert fault.at == ("layers", "y")
    assert message in fault.message
    assert hint in fault.hint
    assert "§" not in fault.message + fault.hint


def test_a_declared_range_is_taken_into_account() -> None:
    layers = {"y": {"type": "chunk", "chunks": 3, "dim": 1}}
    assert shaped(ROWS, layers, dims={"T": {"min": 5, "max": 80}}).dims["T"] == (5, 80)
    head = {"y": {"type": "slice", "dim": 1, "end": 8}}
    (kind,) = shaped(ROWS, head, dims={"T": {"min": 8}}).output_types.values()
    assert str(kind) == "N × 8 × 4"
    (kind,) = shaped(ROWS, head, dims={"T": {"max": 8}}).output_types.values()
    assert str(kind) == "N × T × 4"


def test_a_custom_layer_is_run_along_its_branches() -> None:
    class Halved(nn.Module):
        """Every other row of a long sequence."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x[:, ::2] if x.shape[1] > 100 else x

    class Counted(nn.Module):
        """Makes a number of a size."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.reshape(int(x.shape[0]), int(x.shape[1]) * 4)

    graphspec.layer(Halved)
    graphspec.layer(Counted)
    (kind,) = shaped(ROWS, {"y": "Halved"}).output_types.values()
    assert str(kind) == "N × ((T + 1)//2 if T > 100 else T) × 4"
    (kind,) = shaped(ROWS, {"y": "Counted"}).output_types.values()
    assert str(kind) == "N × 4*T"
