"""``type`` in a group of an optimiser: Muon for matrices and AdamW for the rest, as torch's own two side by side."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.optim import lr_scheduler

from graphspec import compiler
from graphspec.data import load_data
from graphspec.diagnostics import GraphspecError
from graphspec.spec.base import Component
from graphspec.training.optim.optimizer import build_optimizer
from graphspec.training.optim.several import SeveralOptimizers, parts_of

MUON = {"kinds": "matrix", "type": "Muon", "lr": 0.02, "weight_decay": 0.01}


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(5, 6), nn.Linear(6, 8), nn.LayerNorm(8), nn.Linear(8, 3))


def built(*groups: dict[str, Any], **args: Any) -> tuple[nn.Module, torch.optim.Optimizer]:
    module = network()
    component = Component.model_validate({"type": "AdamW", "lr": 1e-3, "groups": list(groups), **args})
    return module, build_optimizer(component, module)


def test_matrices_are_those_of_layers_that_no_table_is() -> None:
    module, optimizer = built(MUON)
    names = {parameter: name for name, parameter in module.named_parameters()}
    adamw, muon = parts_of(optimizer)
    found = [{names[p] for group in part.param_groups for p in group["params"]} for part in (adamw, muon)]
    assert found == [{"0.weight", "1.bias", "2.weight", "2.bias", "3.bias"}, {"1.weight", "3.weight"}]
    assert isinstance(adamw, torch.optim.AdamW)
    assert isinstance(muon, torch.optim.Muon)
    assert (muon.param_groups[0]["lr"], muon.param_groups[0]["momentum"]) == (0.02, 0.95)


def test_the_rate_of_a_group_that_decays_by_depth_is_its_own_optimisers() -> None:
    module, optimizer = built({"kinds": "matrix", "type": "Muon"}, layer_decay=0.5, lr=0.1)
    names = {parameter: name for name, parameter in module.named_parameters()}
    rates = {names[p]: group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert rates == {
        "0.weight": 0.0125, "1.weight": 0.25e-3, "1.bias": 0.025, "2.weight": 0.05, "2.bias": 0.05,
        "3.weight": 1e-3, "3.bias": 0.1,
    }  # fmt: skip


def test_a_state_of_both_comes_back() -> None:
    """Steps after a load are those of one that never stopped, and schedules reach the groups that were loaded."""
    draw = torch.Generator().manual_seed(0)
    batches = [torch.randint(5, (4,), generator=draw) for _ in range(6)]

    def steps(module: nn.Module, optimizer: Any, schedule: Any, some: list[torch.Tensor]) -> None:
        for batch in some:
            optimizer.zero_grad()
            module(batch).square().mean().backward()
            optimizer.step()
            schedule.step()

    module, optimizer = built(MUON)
    schedule = lr_scheduler.StepLR(optimizer, 2)
    steps(module, optimizer, schedule, batches[:3])
    states = copy.deepcopy([part.state_dict() for part in (module, optimizer, schedule)])
    other, fresh = built(MUON)
    again = lr_scheduler.StepLR(fresh, 2)
    for part, state in zip((other, fresh, again), states, strict=True):
        part.load_state_dict(state)
    steps(module, optimizer, schedule, batches[3:])
    steps(other, fresh, again, batches[3:])
    assert isinstance(fresh, SeveralOptimizers)
    assert all(torch.equal(a, b) for a, b in zip(module.parameters(), other.parameters(), strict=True))
    assert [part.param_groups[0]["lr"] for part in fresh.parts] == pytest.approx([1e-6, 2e-5])


@pytest.mark.parametrize(
    ("groups", "args", "message"),
    [
        ([MUON | {"type": "Moun"}], {}, 'unknown optimizer "Moun"'),
        ([MUON | {"betas": [0.9, 0.99]}], {}, 'Muon has no argument "betas"'),
        ([MUON | {"adjust_lr_fn": "other"}], {}, "Adjust learning rate function other"),
        ([{"layers": "2", "type": "Muon"}], {}, "Muon moves matrices alone, and a parameter of shape .8,. is none"),
        ([], {"type": "Muon"}, "Muon moves matrices alone"),
        ([{"kinds": "matrix", "type": "LBFGS"}], {}, "LBFGS moves all parameters at once"),
    ],
)
def test_mistakes(groups: list[dict[str, Any]], args: dict[str, Any], message: str) -> None:
    with pytest.raises(GraphspecError, match=message):
        built(*groups, **args)


def test_a_schedule_of_momentum_wants_one_name_for_it(digits: Any, fit: Any) -> None:
    digits["train"]["optimizer"] = {"type": "AdamW", "groups": [MUON]}
    with pytest.raises(GraphspecError, match="OneCycleLR moves momentum too") as caught:
        fit(digits)
    assert caught.value.diagnostics[0].hint == "cycle_momentum = false"


def spec(digits: dict[str, Any], **train: Any) -> dict[str, Any]:
    for name in ("dropout", "logits"):
        digits["layers"].pop(name, None)
    digits["layers"] |= {
        "hidden": {"type": "Linear", "from": "flatten", "out_features": 16},
        "logits": {"type": "Linear", "from": "hidden", "out_features": 10},
    }
    digits["data"] |= {"augment": []}
    digits["train"] = {
        "epochs": 6, "metrics": ["accuracy"], "scheduler": {"type": "CosineAnnealingLR", "T_max": 6}, "warmup": 7,
        "optimizer": {"type": "AdamW", "lr": 0.01, "groups": [MUON]}, **train,
    }  # fmt: skip
    return digits


def test_it_is_torchs_own_two_side_by_side(digits: Any, fit: Any) -> None:
    """To the last bit, in the steps as they are written and in those that a run takes by itself."""
    raw = spec(digits, warmup=0)
    report = fit(raw)
    network = compiler.load(raw)
    torch.manual_seed(0)
    module, data = network.build(), load_data(network.spec)
    matrices = [module.hidden.weight, module.logits.weight]
    rest = [p for p in module.parameters() if all(p is not matrix for matrix in matrices)]
    optimizers = [torch.optim.AdamW(rest, lr=0.01), torch.optim.Muon(matrices, lr=0.02, weight_decay=0.01)]
    schedules = [lr_scheduler.CosineAnnealingLR(optimizer, 6) for optimizer in optimizers]
    for epoch in range(6):
        for batch in data.batches("train").shuffled(epoch):
            (x,), (y,) = batch.inputs.values(), batch.targets.values()
            module.zero_grad()
            nn.functional.cross_entropy(module(x), y).backward()
            for optimizer in optimizers:
                optimizer.step()
        for schedule in schedules:
            schedule.step()
    last = load_file(report.run / "last.safetensors")
    assert all(torch.equal(value, last[name]) for name, value in module.state_dict().items())


def test_a_run_goes_on_bit_for_bit(digits: Any, fit: Any, tmp_path: Path) -> None:
    raw = spec(digits, engine="eager")
    expected = (fit(raw, tmp_path / "whole").run / "last.safetensors").read_bytes()
    fit(spec(digits), tmp_path / "stopped", epochs=2)
    fit(spec(digits), tmp_path / "stopped", resume=True)
    assert (tmp_path / "stopped" / "last.safetensors").read_bytes() == expected
