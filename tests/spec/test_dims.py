"""Dynamic dims: how multiples are written and read, what [dims] may say, and what is refused at its place."""

from __future__ import annotations

from typing import Any

import pytest

import graphspec
from graphspec.spec import dump, load
from graphspec.spec.dims import DimRange, NamedDim

MULTIPLES = [
    ("H", NamedDim("H"), "H"),
    ("16*H", NamedDim("H", 16), "16*H"),
    ("H*16", NamedDim("H", 16), "16*H"),
    (" 4 * H ", NamedDim("H", 4), "4*H"),
    ("1*H", NamedDim("H"), "H"),
    ("${2 * k}*H", NamedDim("H", 8), "8*H"),
]

#: The dim, what is said, and of which code.
NO_DIMS = [
    ("0*H", "bad-value", 'a dim of 0 times "H"'),
    ("2147483648*H", "too-large", "at most 2147483647"),
    ("16*", "bad-name", "cannot be a dim name"),
    ("16H", "bad-name", "or a multiple: 16*H"),
    ("-2*H", "bad-name", '"-2*H" cannot be a dim name'),
    ("2*3*H", "bad-name", '"3*H" cannot be a dim name'),
    ("H*W", "bad-name", '"H*W" cannot be a dim name'),
    (1.5, "wrong-type", 'not an integer or a dynamic dim: "H" or "16*H"'),
    ({"name": "H"}, "wrong-type", 'is a table, not an integer or a dynamic dim: "H" or "16*H"'),
]

RANGES: list[tuple[dict[str, Any], str, tuple[str, ...]]] = [
    ({"K": {}}, "unknown-reference", ("dims", "K")),
    ({"H": {"min": 3, "max": 2}}, "bad-value", ("dims", "H", "max")),
    ({"H": {"min": 0}}, "bad-value", ("dims", "H", "min")),
    ({"H": {"max": 2**31}}, "too-large", ("dims", "H", "max")),
    ({"H": {"low": 1}}, "unknown-key", ("dims", "H", "low")),
    ({"H": {"max": 1.5}}, "wrong-type", ("dims", "H", "max")),
    ({"H": 3}, "wrong-type", ("dims", "H")),
]


def spec(size: Any = "16*H", **more: Any) -> dict[str, Any]:
    image = {"image": ["N", 3, size]}
    return {"graphspec": 1, "vars": {"k": 4}, "inputs": image, "layers": {"relu": "ReLU"}, **more}


@pytest.mark.parametrize(("text", "dim", "shown"), MULTIPLES)
def test_a_multiple_is_read_in_either_order_and_written_in_one(text: str, dim: NamedDim, shown: str) -> None:
    loaded = load(spec(text))
    assert loaded.inputs["image"].shape == (NamedDim("N"), 3, dim)
    assert f'["N", 3, "{shown}"]' in dump(loaded)
    assert load(dump(loaded)).inputs == loaded.inputs


@pytest.mark.parametrize(("size", "code", "says"), NO_DIMS)
def test_what_is_no_dim_is_refused_at_its_place(size: Any, code: str, says: str) -> None:
    with pytest.raises(graphspec.GraphspecError) as raised:
        load(spec(size))
    (fault,) = raised.value.diagnostics
    assert (fault.code, fault.at) == (code, ("inputs", "image", 2))
    assert says in str(fault)


def test_a_range_bounds_a_name_wherever_it_stands() -> None:
    loaded = load(spec(dims={"H": {"min": 2, "max": "${16 * k}"}, "N": {}}))
    assert loaded.dims == {"H": DimRange(min=2, max=64), "N": DimRange()}
    assert load(dump(loaded)).dims == loaded.dims
    assert load(spec(), overrides=["dims.H={ max = 8 }"]).dims == {"H": DimRange(max=8)}


@pytest.mark.parametrize(("dims", "code", "at"), RANGES)
def test_a_wrong_range_is_refused_at_its_place(dims: dict[str, Any], code: str, at: tuple[str, ...]) -> None:
    with pytest.raises(graphspec.GraphspecError) as raised:
        load(spec(dims=dims))
    assert [(fault.code, fault.at) for fault in raised.value.diagnostics] == [(code, at)]


def test_shapes_know_multiples_and_ranges() -> None:
    from graphspec.compiler import shape

    layers = {"patches": {"type": "Conv1d", "out_channels": 8, "kernel_size": 16, "stride": 16}}
    shaped = shape(load(spec(layers=layers, dims={"H": {"min": 2, "max": 64}})))
    assert str(shaped.output_types["output"]) == "N × 8 × H"
    assert shaped.dims == {"N": (1, None), "H": (2, 64)}
