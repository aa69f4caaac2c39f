"""An operation in C that is torch's to the last bit on two batches is so on all others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.fx import GraphModule, Interpreter, Node

from graphspec.training.engine.native.operations import Call, Kind, call_of, library, proven, same
from graphspec.training.engine.recording import simplified
from graphspec.training.engine.tracing import traced

COMPILED = library()
if COMPILED is None:
    pytest.skip("no C compiler, or torch has other products and exponentials", allow_module_level=True)

ATEN = torch.ops.aten
Sizes = tuple[int, ...]


def floats(*shape: int) -> Tensor:
    """Of all magnitudes that weights, activations and gradients have, with zeros in between."""
    numbers = torch.randn(shape) * 10 ** (torch.rand(shape) * 6 - 4)
    return numbers * (torch.rand(shape) > 0.1)


def labels(rows: int, classes: int) -> Tensor:
    found = torch.randint(0, classes, (rows,))
    return torch.where(torch.rand(rows) < 0.1, -100, found)  # -100: not to be counted


def nll_backward(output: Tensor, label: Tensor, counted: Tensor) -> Tensor:
    return ATEN.nll_loss_backward.default(torch.ones(()), output, label, None, 1, -100, counted)


#: By name: the function, what it is called with, and sizes.
CASES: dict[str, tuple[Callable[..., Any], Callable[..., list[Tensor]], list[Sizes]]] = {
    "addmm": (
        lambda bias, x, weight: torch.addmm(bias, x, weight.t()),
        lambda n, k, m: [floats(m), floats(n, k), floats(m, k)],
        [(32, 784, 128), (32, 128, 10), (5, 12, 16), (1, 3, 2), (16, 1, 1), (100, 64, 37), (33, 7, 1)],
    ),
    "mm": (torch.mm, lambda n, k, m: [floats(n, k), floats(k, m)], [(32, 10, 128), (5, 4, 16), (1, 1, 9)]),
    "mm of a gradient": (
        lambda delta, x: torch.mm(delta.t(), x),
        lambda n, k, m: [floats(n, k), floats(n, m)],
        [(32, 128, 784), (32, 10, 128), (5, 16, 12), (1, 3, 4), (100, 37, 64)],
    ),
    "relu": (torch.relu, lambda *size: [floats(*size)], [(32, 128), (5, 16), (7,), (2, 3, 4, 5)]),
    "threshold_backward": (
        lambda gradient, output: ATEN.threshold_backward.default(gradient, output, 0),
        lambda *size: [floats(*size), floats(*size)],
        [(32, 128), (5, 3)],
    ),
    "tanh_backward": (
        ATEN.tanh_backward.default, lambda *size: [floats(*size), floats(*size).tanh()], [(32, 128), (5, 3)],
    ),
    "sigmoid_backward": (
        ATEN.sigmoid_backward.default, lambda *size: [floats(*size), floats(*size).sigmoid()], [(32, 128), (5, 3)],
    ),
    "sum": (
        lambda x: torch.sum(x, [0], True),
        lambda *size: [floats(*size)],
        [(32, 128), (32, 10), (5, 16), (16, 4), (17, 33), (31, 100), (300, 40), (1000, 3), (4, 7), (2, 2000), (257, 8)],
    ),
    "log_softmax": (
        lambda x: torch.log_softmax(x, 1), lambda *size: [floats(*size)], [(32, 10), (5, 4), (3, 1), (7, 16), (9, 100)],
    ),
    "log_softmax_backward": (
        lambda gradient, x: torch._log_softmax_backward_data(gradient, x.log_softmax(1), 1, torch.float32),
        lambda *size: [floats(*size), floats(*size)],
        [(32, 10), (5, 4), (7, 16), (9, 100), (3, 1)],
    ),
    "nll": (
        lambda x, label: ATEN.nll_loss_forward.default(x, label, None, 1, -100),
        lambda n, classes: [floats(n, classes), labels(n, classes)],
        [(32, 10), (5, 4), (16, 3), (100, 10), (3000, 7)],
    ),
    "nll_backward": (
        nll_backward,
        lambda n, classes: [floats(n, classes), labels(n, classes), torch.tensor(7.0)],
        [(32, 10), (5, 4)],
    ),
}  # fmt: skip


def seen(recording: GraphModule, arguments: list[Tensor]) -> dict[Node, Any]:
    interpreter = Interpreter(recording, garbage_collect_values=False)
    interpreter.run(*arguments)
    return interpreter.env


def last(recording: GraphModule, values: dict[Node, Any]) -> tuple[Node, Call | None]:
    """The last operation, and what it is in C."""
    node = [node for node in recording.graph.nodes if node.op == "call_function" and node.name[:7] != "getitem"][-1]
    return node, call_of(node, values)


@pytest.mark.parametrize(("name", "size"), [(name, size) for name, (*_, sizes) in CASES.items() for size in sizes])
def test_proven_on_two_batches_it_holds_on_others(name: str, size: Sizes) -> None:
    function, arguments, _ = CASES[name]
    torch.manual_seed(0)
    recording = simplified(traced(function, arguments(*size)))
    node, call = last(recording, seen(recording, arguments(*size)))
    assert call is not None
    found = proven(COMPILED, node, call, [seen(recording, arguments(*size)) for _ in range(2)])
    if not found and torch.backends.cpu.get_cpu_capability() != "AVX512":
        pytest.skip("torch has other bits on this processor: the operation stays torch's")
    assert found
    assert all(same(COMPILED, node, call, seen(recording, arguments(*size))) for _ in range(40))


def test_what_has_other_bits_is_not_proven() -> None:
    function, arguments, _ = CASES["tanh_backward"]
    recording = simplified(traced(function, arguments(5, 3)))
    node, call = last(recording, seen(recording, arguments(5, 3)))
    assert call is not None
    other = call._replace(kind=Kind.SIGMOID_BACKWARD)
    assert not proven(COMPILED, node, other, [seen(recording, arguments(5, 3)) for _ in range(2)])


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (torch.relu, [torch.arange(6)]),
        (torch.relu, [torch.rand(2, 6, dtype=torch.float64)]),
        (torch.relu, [torch.rand(4, 6).t()]),
        (torch.relu, [torch.rand(200, 200)]),
        (lambda x: torch.sum(x, [1], True), [torch.rand(3, 4)]),
        (lambda x: torch.sum(x, [0], True), [torch.rand(20, 1)]),
        (torch.mm, [torch.rand(1, 30), torch.rand(30, 1)]),
        (lambda x: torch.sum(x, [0], True), [torch.rand(3, 4, 5)]),
        (lambda g, x: ATEN.threshold_backward.default(g, x, 0.5), [torch.rand(4), torch.rand(4)]),
        (lambda x: torch.log_softmax(x, 0), [torch.rand(3, 4)]),
        (lambda b, x, w: torch.addmm(b, x, w, beta=2), [torch.rand(4), torch.rand(3, 5), torch.rand(5, 4)]),
        (lambda b, x, w: torch.addmm(b, x, w), [torch.rand(3, 4), torch.rand(3, 5), torch.rand(5, 4)]),
        (lambda x, y: ATEN.nll_loss_forward.default(x, y, None, 2, -100), [torch.rand(3, 4), torch.tensor([1, 2, 3])]),
        (
            lambda x, y, w: ATEN.nll_loss_forward.default(x, y, w, 1, -100),
            [torch.rand(3, 4), torch.tensor([1, 2, 3]), torch.rand(4)],
        ),
        (torch.sin, [torch.rand(3)]),
    ],
)
def test_another_operation_stays_torchs(function: Callable[..., Any], arguments: list[Tensor]) -> None:
    recording = simplified(traced(function, arguments))
    assert last(recording, seen(recording, arguments))[1] is None
