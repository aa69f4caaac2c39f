"""Convolutions by shifts give what torch's own give in float64, and torch's are asked for all others."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from graphspec.exporting import convolution
from graphspec.exporting.convolution import by_fours, by_shifts, transposed
from graphspec.exporting.reference import in_float64

SEEDED = torch.Generator().manual_seed(0)


def drawn(*shape, dtype=torch.float64):
    return torch.randn(shape, generator=SEEDED, dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 3)])
@pytest.mark.parametrize("padding", [(0, 0), (1, 1), (2, 0), (3, 5)])
@pytest.mark.parametrize("window", [(1, 3), (3, 3), (5, 2)])
def test_shifts_give_the_convolution(window, padding, dilation, bias):
    value, weight, own = drawn(2, 3, 60, 70), drawn(4, 3, *window), drawn(4) if bias else None
    found = by_shifts(value, weight, own, padding, dilation)
    torch.testing.assert_close(
        found, functional.conv2d(value, weight, own, 1, padding, dilation), rtol=1e-13, atol=1e-12
    )


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("padding", [(0, 0), (1, 1), (2, 0), (0, 3)])
@pytest.mark.parametrize("size", [(3, 3), (4, 7), (41, 30), (33, 64)])
def test_four_columns_at_once_give_the_convolution(size, padding, bias):
    value, weight, own = drawn(2, 5, *size), drawn(4, 5, 3, 3), drawn(4) if bias else None
    found = by_fours(value, weight, own, padding)
    torch.testing.assert_close(found, functional.conv2d(value, weight, own, 1, padding), rtol=1e-13, atol=1e-12)


@pytest.mark.parametrize(
    ("window", "arguments", "by_us"),
    [
        ((2, 2), {"stride": 2}, True),
        ((3, 2), {"stride": (3, 2), "bias": False}, True),
        ((3, 3), {"stride": 2}, False),
        ((2, 2), {"stride": 2, "padding": 1}, False),
        ((2, 2), {"stride": 2, "output_padding": 1}, False),
        ((2, 2), {"stride": 2, "dilation": 2}, False),
        ((2, 2), {"stride": 2, "groups": 2}, False),
    ],
)
def test_transposed_convolutions_whose_windows_do_not_overlap(window, arguments, by_us):
    layer, value, asked = torch.nn.ConvTranspose2d(4, 6, window, **arguments).double(), drawn(2, 4, 5, 7), []
    with torch.no_grad():
        own = layer(value)
        with in_float64():
            torch.testing.assert_close(layer(value), own, rtol=1e-13, atol=1e-12)
        given = (value, layer.weight, layer.bias, layer.stride, layer.padding, layer.output_padding, layer.groups)
        transposed(lambda *rest: asked.append(rest), (*given, layer.dilation), {})
    assert bool(asked) is not by_us


@pytest.mark.parametrize(
    ("shape", "kernel", "arguments", "by_us"),
    [
        ((1, 4, 64, 64), (4, 4, 3, 3), {}, True),
        ((1, 128, 64, 64), (4, 128, 5, 3), {}, True),
        ((1, 128, 64, 64), (4, 128, 3, 3), {"dilation": 2}, True),
        ((1, 128, 32, 32), (4, 128, 5, 3), {}, False),
        ((1, 4, 64, 64), (4, 4, 3, 3), {"padding": "same"}, False),
        ((1, 4, 64, 64), (4, 4, 3, 3), {"stride": 2}, False),
        ((1, 4, 64, 64), (4, 1, 3, 3), {"groups": 4}, False),
        ((1, 4, 64, 64), (4, 4, 1, 1), {}, False),
        ((1, 4, 8, 8), (4, 4, 3, 3), {}, False),
        ((4, 64, 64), (4, 4, 3, 3), {}, False),
    ],
)
def test_what_is_not_faster_is_left_to_torch(shape, kernel, arguments, by_us, monkeypatch):
    calls = []
    monkeypatch.setattr(convolution, "by_shifts", lambda *given: calls.append(given) or by_shifts(*given))
    groups = arguments.get("groups", 1)
    layer = torch.nn.Conv2d(kernel[1] * groups, kernel[0], kernel[2:], **arguments).double()
    value = drawn(*shape)
    with torch.no_grad(), in_float64():
        found = layer(value)
    with torch.no_grad():
        torch.testing.assert_close(found, layer(value), rtol=1e-13, atol=1e-12)
    assert bool(calls) is by_us
    with in_float64():
        layer(value).sum().backward()  # gradients are torch's own
    assert layer.weight.grad is not None
    assert len(calls) == by_us
