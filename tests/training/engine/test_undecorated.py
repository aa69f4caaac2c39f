"""torch.compile is not imported for an optimiser, which is torch's own all the same."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from graphspec.spec.base import Component
from graphspec.training.engine.undecorated import undecorated
from graphspec.training.optim.optimizer import build_optimizer, optimizer_table

SCRIPT = """
import sys
import torch
from graphspec.spec.base import Component
from graphspec.training.optim.optimizer import build_optimizer
from graphspec.training.engine.undecorated import undecorated
module = torch.nn.Linear(3, 2)
optimizer = build_optimizer(Component.model_validate({"type": "Adam"}), module)
module(torch.ones(1, 3)).sum().backward()
with torch.no_grad():
    undecorated(optimizer.step)()
print(len(undecorated(optimizer.state_dict)()["state"]), "torch._dynamo" in sys.modules)
"""


def test_torch_compile_stays_away() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.stdout == "2 False\n", done.stderr


@pytest.mark.parametrize("name", sorted(set(optimizer_table()) - {"SparseAdam", "Muon", "Adafactor"}))
def test_an_optimizer_is_torchs_own(name: str) -> None:
    torch.manual_seed(0)
    ours, theirs = nn.Linear(3, 2), nn.Linear(3, 2)
    theirs.load_state_dict(ours.state_dict())
    one = build_optimizer(Component.model_validate({"type": name, "lr": 0.25}), ours)
    other = optimizer_table()[name](theirs.parameters(), lr=0.25)
    assert type(one) is type(other)
    assert vars(one).keys() == vars(other).keys()
    for module, optimizer in ((ours, one), (theirs, other)):
        loss = module(torch.ones(4, 3)).square().mean()
        loss.backward()
        with torch.no_grad():
            step = undecorated(optimizer.step) if module is ours else optimizer.step
            step(lambda loss=loss: loss)
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))
    assert undecorated(one.state_dict)()["param_groups"] == other.state_dict()["param_groups"]


def test_a_scheduler_keeps_its_hold_on_the_step() -> None:
    optimizer = torch.optim.SGD(nn.Linear(3, 2).parameters(), lr=0.1)
    torch.optim.lr_scheduler.StepLR(optimizer, 1)
    assert undecorated(optimizer.step) is optimizer.step
