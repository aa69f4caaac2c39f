"""Functions that torch's own exporter writes wrongly, or not at all: onnxruntime gives what torch does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from graphspec import compiler
from graphspec.diagnostics import GraphspecError
from graphspec.exporting.capture import capture
from graphspec.exporting.onnx import write_onnx
from graphspec.exporting.sampler import Sampler

INF, NAN = float("inf"), float("nan")
ENDS = torch.tensor([0.0, -0.0, 1.0, -1.0, 2.5, -1e-30, 1e38, INF, -INF, NAN])


def of(line: dict[str, Any], **inputs: Any) -> compiler.Network:
    return compiler.load({"graphspec": 1, "inputs": inputs, "layers": {"y": line}})


def in_onnxruntime(network: compiler.Network, path: Path, *given: Tensor) -> np.ndarray:
    write_onnx(capture(network), path / "model.onnx", 20, {})
    session = onnxruntime.InferenceSession(path / "model.onnx", providers=["CPUExecutionProvider"])
    feeds = dict(zip(network.shaped.inputs, (value.numpy() for value in given), strict=True))
    return np.asarray(session.run(None, feeds)[0])


def test_an_angle_is_in_the_quadrant_of_its_signs(tmp_path: Path) -> None:
    """Of 0 and −1 it is π, not −π."""
    network = of({"type": "atan2", "from": ["a", "b"]}, a=["N"], b=["N"])
    a, b = (grid.flatten() for grid in torch.meshgrid(ENDS, ENDS, indexing="ij"))
    found, wanted = in_onnxruntime(network, tmp_path, a, b), torch.atan2(a, b).numpy()
    assert np.allclose(found, wanted, rtol=1e-6, atol=1e-7, equal_nan=True)


@pytest.mark.parametrize("p", [0.0, 1.0, 2.0, 3.0])
def test_distances_are_written(p: float, tmp_path: Path) -> None:
    network = of({"type": "cdist", "from": ["a", "b"], "p": p}, a=["N", "T", 3], b=["N", "S", 3])
    a, b = torch.randn(2, 5, 3), torch.randn(2, 7, 3)
    assert np.allclose(in_onnxruntime(network, tmp_path, a, b), torch.cdist(a, b, p).numpy(), atol=1e-5)


@pytest.mark.parametrize("name", ["scatter", "scatter_add"])
def test_of_more_values_than_indices_the_first_are_put(name: str, tmp_path: Path) -> None:
    index = {"shape": ["N", 2], "dtype": "int64"}
    network = of({"type": name, "from": ["x", "i", "s"], "dim": 1}, x=["N", 6], i=index, s=["N", 4])
    x, i, s = torch.randn(3, 6), torch.tensor([[1, 0], [5, 2], [3, 4]]), torch.randn(3, 4)
    assert np.allclose(in_onnxruntime(network, tmp_path, x, i, s), getattr(x, name)(1, i, s).numpy())


@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
@pytest.mark.parametrize("dtype", ["float32", "int64"])
@pytest.mark.parametrize("own", [True, False])
def test_what_is_put_at_one_place_is_one_number(reduce: str, dtype: str, own: bool, tmp_path: Path) -> None:
    """Of whole numbers the mean is rounded down; where none is put, the input stands."""
    inputs = {name: {"shape": ["N", 4], "dtype": kind} for name, kind in (("x", dtype), ("i", "int64"), ("s", dtype))}
    line = {"type": "scatter_reduce", "from": ["x", "i", "s"], "dim": 1, "reduce": reduce, "include_self": own}
    x, i, s = torch.randn(3, 4) * 9, torch.tensor([[1, 0, 1, 1], [2, 2, 2, 2], [0, 1, 2, 3]]), torch.randn(3, 4) * 9
    x, s = x.to(getattr(torch, dtype)), s.to(getattr(torch, dtype))
    found = in_onnxruntime(of(line, **inputs), tmp_path, x, i, s)
    assert np.allclose(found, x.scatter_reduce(1, i, s, reduce, include_self=own).numpy(), rtol=1e-6)


@pytest.mark.parametrize("row", [["N", 5], [5], ["K"]])
@pytest.mark.parametrize("right", [True, False])
def test_the_place_in_an_order_is_found(row: list[Any], right: bool, tmp_path: Path) -> None:
    network = of({"type": "searchsorted", "from": ["o", "x"], "right": right}, o=row, x=["N", 7])
    order = torch.tensor([-2.0, 0.0, 0.0, 1.5, INF])
    order, x = order.expand(2, 5).contiguous() if len(row) == 2 else order, ENDS[torch.arange(14) % 10].view(2, 7)
    assert np.array_equal(
        in_onnxruntime(network, tmp_path, order, x), torch.searchsorted(order, x, right=right).numpy()
    )


@pytest.mark.parametrize("name", ["remainder", "fmod", "floor_divide"])
def test_a_divisor_is_not_drawn_as_0(name: str, tmp_path: Path) -> None:
    whole = {"shape": ["N", 3], "dtype": "int64"}
    network = of({"type": name, "from": ["a", "b"]}, a=whole, b=whole)
    sampler = Sampler.of(network)
    assert sampler.divisors == {"b"}
    assert sampler.draw()["b"].min() >= 1
    a, b = torch.tensor([[-7, 7, 2**53 + 1]]), torch.tensor([[2, -2, 3]])
    assert np.array_equal(in_onnxruntime(network, tmp_path, a, b), getattr(torch, name)(a, b).numpy())


def test_an_operator_into_which_a_layer_is_decomposed_names_the_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = of({"type": "cdist", "from": ["a", "b"]}, a=["N", "T", 3], b=["N", "S", 3])
    monkeypatch.setattr("graphspec.exporting.onnx.translations.translations", dict)
    with pytest.raises(GraphspecError, match=r'layer "y" \(cdist\) cannot be written as ONNX'):
        write_onnx(capture(network), tmp_path / "model.onnx", 20, {})


@pytest.mark.parametrize("dim", [0, 1, 2, -1, None])
def test_elements_are_repeated_as_often_as_a_size_says(dim: int | None, tmp_path: Path) -> None:
    line = {"type": "repeat_interleave", "repeats": "${x.shape[2]}"} | ({} if dim is None else {"dim": dim})
    network = of(line, x=["N", "T", "S"])
    x = torch.randn(2, 3, 4)
    assert np.array_equal(in_onnxruntime(network, tmp_path, x), x.repeat_interleave(4, dim).numpy())


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
def test_whole_numbers_are_divided_by_a_fraction(dtype: str, tmp_path: Path) -> None:
    network = of({"type": "floor_divide", "other": 2.5}, x={"shape": ["N"], "dtype": dtype})
    x = torch.tensor([0, 1, 2, 3, 5, 7, 100]).to(getattr(torch, dtype))
    x = x if dtype == "uint8" else torch.cat([x, -x])
    assert np.array_equal(in_onnxruntime(network, tmp_path, x), (x // 2.5).numpy())


def test_a_dim_that_is_open_is_not_dropped(tmp_path: Path) -> None:
    """As torch keeps one that is not 1; ONNX's Squeeze refuses it."""
    network = of({"type": "squeeze", "dim": 1}, x=["N", "T", 1])
    assert network.shaped.dims["T"][0] == 2
    x = torch.randn(2, 3, 1)
    assert np.array_equal(in_onnxruntime(network, tmp_path, x), x.numpy())


@pytest.mark.parametrize("count", [1, 2, 5, 8])
@pytest.mark.parametrize(("start", "end"), [(0.0, 1.0), (3.0, -1.0)])
def test_places_at_equal_distances_are_as_many_as_a_size_says(
    start: float, end: float, count: int, tmp_path: Path
) -> None:
    line = {"type": "linspace", "from": [], "start": start, "end": end, "steps": "${x.shape[1]}"}
    network = compiler.load({
        "graphspec": 1, "inputs": {"x": ["N", "T"]},
        "layers": {"p": line, "y": {"type": "add", "from": ["x", "p"], "broadcast": True}},
    })  # fmt: skip
    x = torch.zeros(2, count)
    found = in_onnxruntime(network, tmp_path, x)
    assert np.allclose(found, torch.linspace(start, end, count).expand(2, count).numpy(), atol=1e-6)


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_what_is_no_number_is_the_greatest_and_the_least(name: str, keepdim: bool, tmp_path: Path) -> None:
    """The first NaN, also after an infinity; onnxruntime's operators pass over it."""
    network = of({"type": name, "dim": 1, "keepdim": keepdim}, x=["N", 4])
    x = torch.tensor([[1, NAN, INF, NAN], [INF, NAN, 2, 3], [-INF, 1, NAN, 0], [3, 1, 3, 1], [NAN] * 4])
    assert np.array_equal(in_onnxruntime(network, tmp_path, x), getattr(torch, name)(x, 1, keepdim).numpy())
