"""A pass with its operations in C is the module's own, whatever stands between them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from graphspec import pipeline
from graphspec.spec.base import Component
from graphspec.training.engine.native import operations
from graphspec.training.engine.native.operations import Run, library
from graphspec.training.engine.native.rewriting import in_c
from graphspec.training.engine.recording import Recording, record
from graphspec.training.optim.build_objective import Target, build_objective
from graphspec.training.optim.objective import Objective

CPU = torch.device("cpu")
CLASSES = 10


def linear(width: int, **arguments: Any) -> dict[str, Any]:
    return {"type": "Linear", "out_features": width, **arguments}


#: Layers between the input, ``N × 3 × 4``, and the classes; how many calls of C a pass then has.
NETWORKS: dict[str, tuple[dict[str, Any], int]] = {
    "one hidden": ({"fc1": linear(128), "relu": "ReLU"}, 1),
    "no hidden": ({}, 1),
    "deep": ({f"{name}{i}": linear(18) if name == "fc" else "ReLU" for i in range(4) for name in ("fc", "relu")}, 1),
    "no bias": ({"fc1": linear(16, bias=False), "relu": "ReLU"}, 1),
    "widths that fill no vector": ({"fc1": linear(37), "relu1": "ReLU", "fc2": linear(7), "relu2": "ReLU"}, 1),
    "frozen": ({"fc1": {**linear(8), "freeze": True}, "relu": "ReLU"}, 1),
    "tanh, which stays torch's": ({"fc1": linear(32), "tanh": "Tanh"}, 1),
    "dropout": ({"fc1": linear(32), "relu": "ReLU", "drop": {"type": "Dropout", "p": 0.4}}, 3),
    "batch normalisation": ({"fc1": linear(16, bias=False), "bn": "BatchNorm1d", "relu": "ReLU"}, 1),
    "residual": ({"fc1": linear(12), "relu": "ReLU", "sum": {"type": "add", "from": ["relu", "flatten"]}}, 2),
}
SIZES = (1, 5, 16, 32, 33, 100)


def compiled(name: str) -> nn.Module:
    torch.manual_seed(0)
    layers = {"flatten": "Flatten", **NETWORKS[name][0], "logits": linear(CLASSES)}
    return pipeline.compile({"graphspec": 1, "inputs": {"x": ["N", 3, 4]}, "layers": layers})


def objective(**arguments: Any) -> Objective:
    loss = Component(type="CrossEntropyLoss", **arguments)
    return build_objective(loss, {"logits": "t"}, {"t": Target(CLASSES)}, ("logits",), CPU)


def batches(size: int, count: int) -> list[tuple[list[Tensor], Tensor]]:
    draw = torch.Generator().manual_seed(1)
    return [
        ([torch.randn(size, 3, 4, generator=draw)], torch.randint(0, CLASSES, (size,), generator=draw))
        for _ in range(count)
    ]


def calls(recorded: Recording) -> int:
    """How many calls of C the pass makes."""
    function = getattr(recorded.run, "__wrapped__", recorded.run)
    found = sum(isinstance(node.target, Run) for node in function.__self__.graph.nodes)
    assert recorded.calls_of_c == found
    return found


def agree(name: str, loss: Objective, size: int) -> Recording:
    """Train for some steps by the recording and as written; every number is the same."""
    ours = compiled(name)
    theirs = copy.deepcopy(ours)
    given = batches(size, 12)
    recorded = record(ours, loss, given[:2], rewrite=in_c)
    assert recorded is not None
    optimizers = [torch.optim.Adam(module.parameters(), lr=0.01) for module in (ours, theirs)]
    for step, (inputs, target) in enumerate(given):
        torch.manual_seed(step)
        output = theirs(*inputs)
        expected = loss(output, target)
        expected.backward()
        torch.manual_seed(step)
        found, own = recorded(inputs, target)
        assert torch.equal(found, expected)
        assert torch.equal(own, output)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        assert all(map(torch.equal, ours.state_dict().values(), theirs.state_dict().values()))
    return recorded


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("size", SIZES)
def test_every_bit_is_the_modules_own(name: str, size: int) -> None:
    if size == 1 and "normalisation" in name:
        pytest.skip("BatchNorm wants more than one value")
    recorded = agree(name, objective(), size)
    if library() is not None and torch.backends.cpu.get_cpu_capability() == "AVX512":
        assert calls(recorded) == NETWORKS[name][1]


@pytest.mark.parametrize("arguments", [{"label_smoothing": 0.1}, {"weight": [1.0] * 5 + [2.0] * 5}])
def test_other_losses(arguments: dict[str, Any]) -> None:
    agree("one hidden", objective(**arguments), 32)


@pytest.mark.skipif(library() is None, reason="operations.c cannot be had here")
class TestOneCall:
    """What holds where the whole pass is in C."""

    def test_labels_are_checked(self) -> None:
        (inputs, target), *_ = given = batches(32, 2)
        recorded = record(compiled("one hidden"), objective(), given, rewrite=in_c)
        assert recorded is not None
        with pytest.raises(IndexError, match="out of bounds"):
            recorded(inputs, target + CLASSES)

    def test_another_layout_of_a_batch_is_read_as_what_it_is(self) -> None:
        (inputs, target), *_ = given = batches(32, 2)
        recorded = record(compiled("one hidden"), objective(), given, rewrite=in_c)
        assert recorded is not None
        loss = recorded(inputs, target)[0].item()
        other = inputs[0].transpose(1, 2).contiguous().transpose(1, 2)
        assert not other.is_contiguous()
        assert recorded([other], target)[0].item() == loss

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
    def test_a_loss_that_is_not_finite_is_not_hidden(self, value: float) -> None:
        module, (batch, *_) = compiled("one hidden"), batches(32, 2)
        recorded = record(module, objective(), batches(32, 2))
        assert recorded is not None
        with torch.no_grad():
            module.get_parameter("fc1.weight")[3, 5] = value
        expected = objective()(module(*batch[0]), batch[1])
        assert torch.equal(recorded(*batch)[0].isfinite(), expected.isfinite())

    def test_large_passes_stay_torchs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from graphspec.training.engine.native import rewriting

        monkeypatch.setattr(rewriting, "_LARGE", 100)
        recorded = record(compiled("one hidden"), objective(), batches(32, 2), rewrite=in_c)
        assert recorded is not None
        assert calls(recorded) == 0


def test_without_a_compiler_the_pass_is_torchs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(operations, "_SOURCE", tmp_path / "operations.c")
    (tmp_path / "operations.c").write_text("no C")
    operations._found.cache_clear()
    try:
        assert library() is None
        assert "C compiler" in operations.obstacle()
        assert calls(agree("one hidden", objective(), 32)) == 0
    finally:
        monkeypatch.undo()
        operations._found.cache_clear()
