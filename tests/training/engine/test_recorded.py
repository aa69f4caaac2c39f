"""A recorded pass gives the module's own losses, gradients and statistics, to the last bit."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from graphspec import pipeline
from graphspec.spec.base import Component
from graphspec.training.engine.recording import Recording, record
from graphspec.training.optim.build_objective import Target, build_objective
from graphspec.training.optim.objective import Objective

CPU = torch.device("cpu")
IMAGE = {"x": ["N", 3, 8, 8]}
TOKENS = {"x": {"shape": ["N", 6], "dtype": "int64"}}
HEAD = {"flatten": "Flatten", "logits": {"type": "Linear", "out_features": 4}}


def conv(channels: int, **arguments: Any) -> dict[str, Any]:
    return {"type": "Conv2d", "out_channels": channels, "kernel_size": 3, **arguments}


NETWORKS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "mlp": ({"x": ["N", 12]}, {"fc": {"type": "Linear", "out_features": 16}, "relu": "ReLU", **HEAD}),
    "cnn with BatchNorm and Dropout": (
        IMAGE,
        {"conv": conv(6, bias=False), "bn": "BatchNorm2d", "relu": {"type": "ReLU", "inplace": True},
         "pool": {"type": "MaxPool2d", "kernel_size": 2}, "drop": {"type": "Dropout", "p": 0.4}, **HEAD},
    ),
    "residual": (
        IMAGE,
        {"conv": conv(3, padding=1), "gelu": "GELU", "sum": {"type": "add", "from": ["gelu", "x"]},
         "gn": {"type": "GroupNorm", "num_groups": 3}, **HEAD},
    ),
    "frozen": (IMAGE, {"conv": conv(5, freeze=True), "silu": "SiLU", **HEAD}),
    "attention": (
        TOKENS,
        {"embed": {"type": "Embedding", "num_embeddings": 11, "embedding_dim": 8},
         "encoder": {"type": "TransformerEncoderLayer", "nhead": 2, "dim_feedforward": 16, "batch_first": True},
         **HEAD},
    ),
}  # fmt: skip


def batches(inputs: dict[str, Any], count: int = 3, size: int = 5) -> Iterator[tuple[list[Tensor], Tensor]]:
    generator = torch.Generator().manual_seed(0)
    for _ in range(count):
        if inputs is TOKENS:
            x = torch.randint(0, 11, (size, 6), generator=generator)
        else:
            x = torch.rand(size, *inputs["x"][1:], generator=generator)
        yield [x], torch.randint(0, 4, (size,), generator=generator)


class Recurrent(nn.Module):
    """oneDNN's LSTM keeps a workspace for its backward pass only where autograd is on."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.fc = nn.LSTM(3, 8), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.lstm(x.reshape(-1, 4, 3))[0][:, -1])


def cross_entropy() -> Objective:
    return build_objective(Component(type="CrossEntropyLoss"), {"y": "t"}, {"t": Target(4)}, ("y",), CPU)


def compiled(name: str) -> nn.Module:
    inputs, layers = NETWORKS[name]
    return pipeline.compile({"graphspec": 1, "inputs": inputs, "layers": layers})


def losses(module: nn.Module, step: Callable[[list[Tensor], Tensor], Tensor], given: Any) -> list[float]:
    """Three plain updates, so that a wrong gradient shows in the next loss."""
    torch.manual_seed(7)
    found = []
    for inputs, target in given:
        found.append(step(inputs, target).item())
        with torch.no_grad():
            for parameter in module.parameters():
                if parameter.grad is not None:
                    parameter -= 0.1 * parameter.grad
                    parameter.grad = None
    return found


@pytest.mark.parametrize("name", NETWORKS)
def test_a_recorded_pass_is_the_modules_own(name: str) -> None:
    objective = cross_entropy()
    ours = compiled(name)
    theirs = copy.deepcopy(ours)
    given = list(batches(NETWORKS[name][0]))
    recorded = record(ours, objective, given[:2])
    assert recorded is not None
    assert all(torch.equal(a, b) for a, b in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True))

    def textbook(inputs: list[Tensor], target: Tensor) -> Tensor:
        loss = objective(theirs(*inputs), target)
        loss.backward()
        return loss

    assert losses(ours, lambda i, t: recorded(i, t)[0], given) == losses(theirs, textbook, given)
    for key, value in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[key], value), key


def test_it_fits_batches_of_its_shapes_alone() -> None:
    module, objective = compiled("mlp"), cross_entropy()
    (inputs, target), *_ = batches(NETWORKS["mlp"][0])
    recorded = Recording(module, objective, [(inputs, target)])
    assert recorded.fits(inputs, target)
    assert not recorded.fits([inputs[0][:2]], target[:2])
    assert not recorded.fits([inputs[0].double()], target)
    assert not recorded.fits(inputs, {"y": target, "z": target})


TWO_HEADS = {
    "graphspec": 1, "inputs": {"x": ["N", 12]}, "outputs": {"kind": "kind", "size": "size"},
    "layers": {"fc": {"type": "Linear", "out_features": 8}, "kind": {"type": "Linear", "out_features": 4},
               "size": {"type": "Linear", "out_features": 1, "from": "fc"}},
}  # fmt: skip


def test_outputs_and_targets_keep_their_names() -> None:
    named = {"CrossEntropyLoss": "kind", "MSELoss": "size"}
    losses = tuple(Component.model_validate({"type": loss, "output": output}) for loss, output in named.items())
    fields = {"kind": Target(4), "size": Target(None)}
    objective = build_objective(losses, {name: name for name in fields}, fields, ("kind", "size"), CPU)
    module = pipeline.compile(TWO_HEADS)
    given: list[Any] = [(x, {"size": x[0][:, :1], "kind": y}) for x, y in batches({"x": ["N", 12]})]
    recorded = record(module, objective, given[:2])
    assert recorded is not None
    inputs, target = given[2]
    loss, output = recorded(inputs, target)
    expected = module(*inputs)
    assert isinstance(output, dict)
    assert torch.equal(loss, objective(expected, target))
    assert all(torch.equal(output[name], expected[name]) for name in ("kind", "size"))


class HasSpareWeights(nn.Module):
    """Not all of its parameters reach the loss."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.spare = nn.Linear(12, 4), nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x)


def test_what_the_loss_does_not_see_gets_no_gradient() -> None:
    module = HasSpareWeights()
    given = list(batches({"x": ["N", 12]}))
    recorded = record(module, cross_entropy(), given[:2])
    assert recorded is not None
    recorded(*given[2])
    assert (module.fc.weight.grad is None, module.spare.weight.grad is None) == (False, True)


def test_to_record_draws_no_number_of_the_caller_s() -> None:
    name = "cnn with BatchNorm and Dropout"
    module, given = compiled(name), list(batches(NETWORKS[name][0], 2))
    before = torch.get_rng_state()
    assert record(module, cross_entropy(), given) is not None
    assert torch.equal(torch.get_rng_state(), before)


class TakesItsMeanFromTheFirstBatch(nn.Module):
    """Bakes a number of the recorded batch into the recording."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x) * float(x.detach().mean())


@pytest.mark.parametrize("network", [TakesItsMeanFromTheFirstBatch, Recurrent])
def test_what_cannot_be_recorded_is_not(network: type[nn.Module]) -> None:
    objective = cross_entropy()
    assert record(network(), objective, list(batches({"x": ["N", 12]}, 2))) is None
