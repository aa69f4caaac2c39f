"""Every optimiser and scheduler of torch runs, and goes on from its state."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from graphspec.diagnostics import GraphspecError
from graphspec.spec.base import Component
from graphspec.training.optim.optimizer import Schedule, build_optimizer, optimizer_table, scheduler_table
from graphspec.training.run.form import check_form, check_optimizer
from graphspec.training.run.state_tree import pack, unpack

NEEDED: dict[str, dict[str, Any]] = {
    "LambdaLR": {"lr_lambda": "0.9 ** epoch"},
    "MultiplicativeLR": {"lr_lambda": "0.9"},
    "StepLR": {"step_size": 2}, "MultiStepLR": {"milestones": [2, 4]}, "ExponentialLR": {"gamma": 0.9},
    "CosineAnnealingWarmRestarts": {"T_0": 3}, "CyclicLR": {"base_lr": 0.01, "max_lr": 0.1},
    "OneCycleLR": {"max_lr": 0.1},
    "SequentialLR": {"schedulers": ["ConstantLR", {"type": "CosineAnnealingLR"}], "milestones": [2]},
    "ChainedScheduler": {"schedulers": [{"type": "StepLR", "step_size": 2}, {"type": "ExponentialLR", "gamma": 0.9}]},
}  # fmt: skip


def named(kind: str, **arguments: Any) -> Component:
    return Component.model_validate({"type": kind, **arguments})


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(3, 2, bias=False)


def again(module: nn.Module, optimizer: Any) -> torch.Tensor:
    optimizer.zero_grad()
    loss = module(torch.ones(4, 3)).square().sum()
    loss.backward()
    return loss


def steps(module: nn.Module, optimizer: Any, schedule: Schedule | None, count: int) -> list[float]:
    rates = []
    for i in range(count):
        module(torch.ones(4, 3)).square().sum().backward()
        if isinstance(optimizer, torch.optim.LBFGS):
            optimizer.step(lambda: again(module, optimizer))
        else:
            optimizer.step()
        optimizer.zero_grad()
        if schedule:
            schedule.after_step()
            schedule.after_epoch(1.0 / (i + 1))
            rates.append(schedule.lr)
    return rates


@pytest.mark.parametrize("name", sorted(set(optimizer_table()) - {"SparseAdam"}))
def test_optimisers_go_on_from_their_state(name: str) -> None:
    component = Component(type=name)
    whole, first, second = network(), network(), network()
    optimizers = [build_optimizer(component, module) for module in (whole, first, second)]
    steps(whole, optimizers[0], None, 6)
    steps(first, optimizers[1], None, 3)
    tensors: dict[str, torch.Tensor] = {}
    packed = pack({"o": optimizers[1].state_dict(), "m": dict(first.state_dict())}, tensors)
    state = unpack(packed, {key: value.clone() for key, value in tensors.items()})
    check_optimizer(optimizers[2], state["o"])
    optimizers[2].load_state_dict(state["o"])
    second.load_state_dict(state["m"])
    steps(second, optimizers[2], None, 3)
    assert not torch.equal(whole.weight, network().weight)
    assert torch.equal(whole.weight, second.weight)


@pytest.mark.parametrize("name", sorted(scheduler_table()))
def test_schedulers_go_on_from_their_state(name: str) -> None:
    component = named(name, **NEEDED.get(name, {}))

    def fresh() -> tuple[nn.Module, Any, Schedule]:
        module = network()
        optimizer = build_optimizer(named("SGD", lr=0.1, momentum=0.9), module)
        return module, optimizer, Schedule(component, optimizer, 6, 1, False)

    rates = steps(*fresh(), 6)
    module, optimizer, schedule = fresh()
    steps(module, optimizer, schedule, 3)
    tensors: dict[str, torch.Tensor] = {}
    packed = pack({"s": schedule.state_dict(), "o": optimizer.state_dict()}, tensors)
    state = unpack(packed, tensors)
    other, optimizer, schedule = fresh()
    check_form(schedule.state_dict(), state["s"], name)
    other.load_state_dict(module.state_dict())
    check_optimizer(optimizer, state["o"])
    optimizer.load_state_dict(state["o"])
    schedule.load_state_dict(state["s"])
    assert steps(other, optimizer, schedule, 3) == rates[3:]


def test_what_follows_from_the_run_is_filled_in() -> None:
    optimizer = build_optimizer(Component(type="SGD"), network())
    assert Schedule(Component(type="CosineAnnealingLR"), optimizer, 7, 10, False).scheduler.T_max == 7
    assert Schedule(named("CosineAnnealingLR", T_max=3), optimizer, 7, 10, False).scheduler.T_max == 3
    assert Schedule(named("OneCycleLR", max_lr=1.0), optimizer, 7, 10, False).scheduler.total_steps == 70
    assert Schedule(Component(type="ReduceLROnPlateau"), optimizer, 7, 10, True).scheduler.mode == "max"


def test_schedulers_in_a_row_plan_for_their_epochs() -> None:
    optimizer = build_optimizer(named("SGD", lr=1.0), network())
    parts = ["LinearLR", "CosineAnnealingLR"]
    schedule = Schedule(named("SequentialLR", schedulers=parts, milestones=[2]), optimizer, 7, 10, False)
    assert schedule.scheduler._schedulers[1].T_max == 5


@pytest.mark.parametrize(
    ("kind", "text", "function"),
    [
        ("LambdaLR", "0.95 ** epoch", lambda epoch: 0.95**epoch),
        ("LambdaLR", "(epoch + 1) / 5 if epoch < 5 else 1.0", lambda epoch: (epoch + 1) / 5 if epoch < 5 else 1.0),
        ("MultiplicativeLR", "1 - 1 / (epoch + 2)", lambda epoch: 1 - 1 / (epoch + 2)),
        ("MultiplicativeLR", "1 / epoch", lambda epoch: 1 / epoch),
    ],
)
def test_a_function_of_the_epoch_is_an_expression(kind: str, text: str, function: Any) -> None:
    theirs, ours = (build_optimizer(named("SGD", lr=0.5), network()) for _ in range(2))
    reference = getattr(lr_scheduler, kind)(theirs, function)
    schedule = Schedule(named(kind, lr_lambda=text), ours, 7, 10, False)
    rates = set()
    for _ in range(7):
        assert schedule.lr == theirs.param_groups[0]["lr"]
        rates.add(schedule.lr)
        for optimizer in (theirs, ours):
            optimizer.step()
        reference.step()
        schedule.after_epoch(0.0)
    assert len(rates) > 3
    resumed = Schedule(named(kind, lr_lambda=text), ours, 7, 10, False)
    resumed.load_state_dict(schedule.state_dict())
    assert resumed.scheduler.last_epoch == 7


def test_frozen_parameters_are_left_out() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    module[0].requires_grad_(False)
    assert len(build_optimizer(Component(type="SGD"), module).param_groups[0]["params"]) == 2
    module[1].requires_grad_(False)
    with pytest.raises(GraphspecError, match="no parameters to train"):
        build_optimizer(Component(type="SGD"), module)


@pytest.mark.parametrize(
    ("component", "expected"),
    [
        ({"type": "Adamm"}, r'unknown optimizer "Adamm"; did you mean "Adam'),
        ({"type": "Adam", "learning_rate": 0.1}, r'Adam has no argument "learning_rate"'),
        ({"type": "Adam", "lr": 0}, r"lr must be above 0"),
        ({"type": "Adam", "lr": -0.1}, r"lr must be above 0"),
        ({"type": "Adam", "lr": 1e30}, r"lr must be above 0 and at most 1000"),
        ({"type": "Adam", "lr": "0.1"}, r"lr must be a number"),
        ({"type": "AdamW", "weight_decay": 1e308}, r"weight_decay is at most 1e\+30"),
        ({"type": "Adafactor", "eps": [1e-30, -1e300]}, r"eps is at most 1e\+30"),
        ({"type": "Muon", "ns_steps": 0.5}, r"ns_steps must be a whole number, not 0.5"),
        ({"type": "LBFGS", "history_size": 0}, r"history_size is 1 to 10,000, not 0"),
        ({"type": "LBFGS", "max_eval": "x"}, r"bad-value.*LBFGS: '>=' not supported"),
        ({"type": "SGD", "differentiable": True}, r"bad-value.*SGD: a leaf Variable that requires grad"),
        ({"type": "Rprop", "capturable": True}, r"bad-value.*Rprop: If capturable=True"),
        ({"type": "LBFGS", "max_iter": 10**12}, r"max_iter is 1 to 10,000, not 10"),
        ({"type": "LBFGS", "max_eval": 10**12}, r"max_eval is 1 to 10,000, not 10"),
        ({"type": "Adam", "lr": True}, r"lr must be a number"),
        ({"type": "Adam", "betas": [0.9]}, r"betas must be a list of 2"),
        ({"type": "Adam", "betas": [0.9, 1.5]}, r"bad-value.*[Ii]nvalid beta"),
        ({"type": "Adam", "params": []}, r'has no argument "params"'),
    ],
)
def test_a_wrong_optimiser_is_said(component: Any, expected: str) -> None:
    with pytest.raises(GraphspecError, match=expected):
        build_optimizer(Component.model_validate(component), network())


@pytest.mark.parametrize(
    ("component", "expected"),
    [
        ({"type": "CosineLR"}, r"unknown scheduler"),
        ({"type": "StepLR"}, r'StepLR needs "step_size"'),
        ({"type": "StepLR", "stepsize": 2}, r'did you mean "step_size"'),
        ({"type": "LambdaLR"}, r'LambdaLR needs "lr_lambda"'),
        ({"type": "LambdaLR", "lr_lambda": 3}, r"must be an expression such as"),
        ({"type": "LambdaLR", "lr_lambda": "0.9 ** epok"}, r'no variable "epok"'),
        ({"type": "LambdaLR", "lr_lambda": "x.shape[0]"}, r"has no shape here"),
        ({"type": "LambdaLR", "lr_lambda": "1 / epoch"}, r"bad-expression.*1 / epoch"),
        ({"type": "LambdaLR", "lr_lambda": "2 - epoch"}, r"gives -1 in epoch 3"),
        ({"type": "LambdaLR", "lr_lambda": "epoch < 3"}, r"gives True in epoch 0"),
        ({"type": "MultiplicativeLR", "lr_lambda": "__import__('os')"}, r"bad-expression"),
        ({"type": "LambdaLR", "lr_lambda": "'%q' % 'x'"}, r"bad-expression"),
        ({"type": "LambdaLR", "lr_lambda": "-'a'"}, r"bad-expression"),
        ({"type": "StepLR", "step_size": 0}, r"bad-value.*StepLR"),
        ({"type": "CyclicLR", "base_lr": 0.1, "max_lr": 0.2, "step_size_up": 0}, r"bad-value.*CyclicLR"),
        ({"type": "OneCycleLR", "max_lr": 0.1, "pct_start": 1.0}, r"bad-value.*OneCycleLR"),
        ({"type": "ExponentialLR", "gamma": 1e308}, r"bad-value.*gamma is at most 1e\+30"),
        (
            {"type": "ExponentialLR", "gamma": 1e30},
            r"bad-value.*ExponentialLR makes the .*rate 1e\+27, .*at most 1000",
        ),
        ({"type": "CosineAnnealingLR", "eta_min": 1e29}, r"bad-value.*CosineAnnealingLR makes the learning rate"),
        (
            {"type": "MultiplicativeLR", "lr_lambda": "1e9"},
            r"bad-value.*MultiplicativeLR makes the .*rate 1e\+06",
        ),
        ({"type": "LambdaLR", "lr_lambda": "1e9"}, r"LambdaLR makes the .*rate 1e\+06"),
        ({"type": "SequentialLR", "schedulers": []}, r"needs a list of schedulers"),
        (
            {"type": "SequentialLR", "schedulers": ["LinearLR", "ConstantLR"]},
            r"2 schedulers have 1 epochs",
        ),
        (
            {"type": "ChainedScheduler", "schedulers": [{"type": "OneCycleLR", "max_lr": 1}]},
            r"cannot be one of",
        ),
    ],
)
def test_a_wrong_scheduler_is_said(component: Any, expected: str) -> None:
    with pytest.raises(GraphspecError, match=expected):
        Schedule(Component.model_validate(component), build_optimizer(Component(type="SGD"), network()), 5, 5, False)


ODD: list[Any] = [0, -1, 3, 0.5, 1e308, "x", "linear", [], [0], [0.5, 0.5], {}, True]


def odd_components(table: dict[str, Any], needed: dict[str, dict[str, Any]]) -> list[Component]:
    """Each with its needed arguments, and any one of all its arguments odd."""
    return [
        named(name, **{**needed.get(name, {}), argument: value})
        for name, function in table.items()
        for argument in inspect.signature(function).parameters
        if argument not in ("optimizer", "params")
        for value in ODD
    ]


def test_odd_arguments_of_schedulers_are_served_or_refused() -> None:
    refused = 0
    for component in odd_components(scheduler_table(), NEEDED):
        optimizer = build_optimizer(named("SGD", lr=0.1, momentum=0.9), network())
        try:
            schedule = Schedule(component, optimizer, 6, 5, False)
            for _ in range(5 if schedule.per_step else 1):
                steps(network(), optimizer, schedule, 6)
        except GraphspecError:
            refused += 1
    assert refused > 100


def test_odd_arguments_of_optimisers_are_served_or_refused() -> None:
    refused = 0
    for component in odd_components(optimizer_table(), {}):
        module = network()
        try:
            optimizer = build_optimizer(component, module)
            if component.type != "SparseAdam":
                steps(module, optimizer, None, 3)
        except GraphspecError:
            refused += 1
    assert refused > 100
