"""A step is recorded only where structure says that it stays the same; everything else ends with eager's bits."""

from __future__ import annotations

import copy
import itertools
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from graphspec import compiler, pipeline
from graphspec.ops.table import layer
from graphspec.training.engine.certain import own_code, uncertain
from graphspec.training.engine.choose import choose
from graphspec.training.loop import train_step
from graphspec.training.train import load_data, make_learner

SPEC: dict[str, Any] = {
    "graphspec": 1,
    "inputs": {"image": ["N", 1, 8, 8]},
    "layers": {"flatten": "Flatten", "fc1": {"type": "Linear", "out_features": 16}, "own": "ReLU",
               "fc2": {"type": "Linear", "out_features": 10}},
    "data": {"dataset": "digits", "batch_size": 32},
    "train": {"optimizer": {"type": "Adam", "lr": 0.01}},
}  # fmt: skip
STEPS = 130  # more than a layer that changes after 100 steps needs to show it


class Own(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.calls, self.total, self.limit = 0, 0.0, 1.0
        self.seen: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        return self.learn(x) if self.training else x

    def learn(self, x: Tensor) -> Tensor:
        raise NotImplementedError


class BranchesOnAValue(Own):
    def learn(self, x: Tensor) -> Tensor:
        return x * 0.5 if x.abs().max() > 2 else x.relu()


class ChangesAfterSomeSteps(Own):
    def learn(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x.relu() if self.calls < 100 else x.tanh()


class BranchesOnAnAttribute(Own):
    def learn(self, x: Tensor) -> Tensor:
        self.limit *= 1.001
        return x.clamp(max=self.limit)


class Prints(Own):
    def learn(self, x: Tensor) -> Tensor:
        print(end="")
        self.calls += 1
        return x.relu()


class KeepsState(Own):
    def learn(self, x: Tensor) -> Tensor:
        x = x if self.seen is None else x + 0.01 * self.seen
        self.seen = x.detach().mean(0)
        return x.relu()


class ReadsAnItem(Own):
    def learn(self, x: Tensor) -> Tensor:
        return x * (1 + x.detach().abs().max().item()) ** -1


class UsesNumpy(Own):
    def learn(self, x: Tensor) -> Tensor:
        return x * float(np.abs(x.detach().numpy()).mean())


class DrawsWithPython(Own):
    def learn(self, x: Tensor) -> Tensor:
        return x * random.random()


class HasAFunctionOfItsOwn(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.relu()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient * (2 if gradient.abs().max() > 0.01 else 1)


class CustomBackward(Own):
    def learn(self, x: Tensor) -> Tensor:
        return HasAFunctionOfItsOwn.apply(x)


class LeavesAParameterOut(Own):
    def __init__(self) -> None:
        super().__init__()
        self.weight, self.other = nn.Parameter(torch.ones(16)), nn.Parameter(torch.ones(16))

    def learn(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x * (self.weight if self.calls % 3 else self.other)


LAYERS = [
    BranchesOnAValue, ChangesAfterSomeSteps, BranchesOnAnAttribute, Prints, KeepsState, ReadsAnItem, UsesNumpy,
    DrawsWithPython, CustomBackward, LeavesAParameterOut,
]  # fmt: skip
for kind in LAYERS:
    layer(kind)


def halve(module: nn.Module, *values: Any) -> Tensor:
    return values[-1] * 0.5 if values[-1].abs().max() > 2 else values[-1]


def with_hook(module: nn.Module) -> None:
    module.get_submodule("own").register_forward_hook(halve)


def with_pre_hook(module: nn.Module) -> None:
    module.get_submodule("own").register_forward_pre_hook(lambda module, values: (halve(module, *values),))


def with_gradient_hook(module: nn.Module) -> None:
    module.get_parameter("fc1.weight").register_hook(lambda gradient: gradient.clamp(-0.001, 0.001))


def with_backward_hook(module: nn.Module) -> None:
    def double(module: nn.Module, inputs: Any, outputs: Any) -> Any:
        return tuple(value if value is None else 2 * value for value in inputs)

    module.get_submodule("own").register_full_backward_hook(double)


def with_forward(module: nn.Module) -> None:
    module.get_submodule("own").forward = lambda x: halve(module, x)  # type: ignore[method-assign]


def with_weight_norm(module: nn.Module) -> None:
    parametrizations.weight_norm(module.get_submodule("fc1"))


def with_spectral_norm(module: nn.Module) -> None:
    parametrizations.spectral_norm(module.get_submodule("fc1"))


CHANGES = [
    with_hook, with_pre_hook, with_gradient_hook, with_backward_hook, with_forward, with_weight_norm,
    with_spectral_norm,
]  # fmt: skip


def learned(spec: dict[str, Any], engine: str, change: Callable[[nn.Module], None] | None = None) -> tuple[Any, Any]:
    network = compiler.load(spec)
    shaped = network.shaped
    data, module = load_data(shaped.spec), compiler.build(shaped)
    if change is not None:
        change(module)
    learner, batches = make_learner(network.with_module(module), data, torch.device("cpu"), 1), data.batches("train")
    assert shaped.spec.train is not None
    learner.engine = choose(learner, shaped.spec.train.model_copy(update={"engine": engine}), batches, 1000).engine
    random.seed(0)
    every = itertools.chain.from_iterable(batches.shuffled(epoch) for epoch in itertools.count())
    losses = [train_step(learner, batch) for batch in itertools.islice(every, STEPS)]
    return learner, (losses, [value.clone() for value in module.state_dict().values()])


def assert_eager(spec: dict[str, Any], change: Callable[[nn.Module], None] | None = None) -> None:
    _, (losses, weights) = learned(spec, "eager", change)
    learner, (own_losses, own_weights) = learned(spec, "default", change)
    assert learner.engine.name == "eager"
    assert own_losses == losses
    assert all(map(torch.equal, own_weights, weights))


@pytest.mark.parametrize("kind", LAYERS)
def test_a_layer_of_ones_own_runs_as_it_is_written(kind: type[nn.Module]) -> None:
    spec = copy.deepcopy(SPEC)
    spec["layers"]["own"] = kind.__name__
    assert_eager(spec)


def test_nor_is_it_given_to_torch_compile() -> None:
    spec = copy.deepcopy(SPEC)
    spec["layers"]["own"] = ChangesAfterSomeSteps.__name__
    assert learned(spec, "compiled")[0].engine.name == "eager"


@pytest.mark.parametrize("change", CHANGES)
def test_torchs_layers_with_more_around_them_too(change: Callable[[nn.Module], None]) -> None:
    assert_eager(SPEC, change)


def test_without_them_the_step_is_recorded() -> None:
    assert learned(SPEC, "default")[0].engine.name in ("native", "recorded")


def module_of(**layers: Any) -> nn.Module:
    return pipeline.compile({"graphspec": 1, "inputs": {"x": ["N", 4, 6]}, "layers": layers})


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (lambda: module_of(a={"type": "Linear", "out_features": 3}, b="GELU", c={"type": "mean", "dim": 1}), ""),
        (lambda: module_of(a={"type": "BatchNorm1d", "momentum": None}), "other operations"),
        (lambda: module_of(a={"type": "LSTM", "hidden_size": 3}, b="Flatten"), "other operations"),
        (lambda: module_of(a={"type": "RReLU"}), "other operations"),
        (lambda: nn.Sequential(nn.Embedding(3, 3, max_norm=1.0)), "other operations"),
        (lambda: nn.Sequential(nn.Linear(2, 2), Prints()), 'layer "1" (Prints) has a forward that is not torch'),
    ],
)
def test_what_is_certain_and_why_not(network: Callable[[], nn.Module], reason: str) -> None:
    found = uncertain(network(), [nn.CrossEntropyLoss()])
    assert reason in found if reason else found == ""


def test_a_loss_that_looks_at_values_is_not_certain() -> None:
    """GaussianNLLLoss refuses a variance below 0, which a recording would not see."""
    assert "GaussianNLLLoss" in uncertain(nn.Linear(2, 2), [nn.GaussianNLLLoss()])


def test_hooks_of_all_modules_and_modes_around_all_operations_are_seen() -> None:
    handle = nn.modules.module.register_module_forward_hook(lambda *values: None)
    assert own_code(nn.Linear(2, 2))
    handle.remove()
    with torch.device("cpu"):
        assert own_code(nn.Linear(2, 2))
    assert not own_code(nn.Linear(2, 2))
