"""``groups`` and ``layer_decay`` of an optimiser: torch's parameter groups by layer, by kind and by depth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from graphspec.diagnostics import GraphspecError
from graphspec.spec.base import Component
from graphspec.training.optim.optimizer import build_optimizer


def network() -> nn.Module:
    torch.manual_seed(0)
    return Net(nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten()))


class Net(nn.Module):
    """A backbone, an embedding beside it, and a head."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone, self.embed, self.head = backbone, nn.Embedding(3, 5), nn.Linear(5, 2)


def rows(args: dict[str, Any]) -> list[tuple[set[str], dict[str, Any]]]:
    """The names of the parameters in each group, with its options."""
    module = network()
    names = {parameter: name for name, parameter in module.named_parameters()}
    optimizer = build_optimizer(Component.model_validate({"type": "AdamW", "lr": 1e-3, **args}), module)
    return [({names[p] for p in group["params"]}, group) for group in optimizer.param_groups]


def test_a_group_is_chosen_by_layer() -> None:
    (rest, first), (backbone, second) = rows({"groups": [{"layers": "backbone", "lr": 1e-5}]})
    assert rest == {"embed.weight", "head.weight", "head.bias"}
    assert backbone == {"backbone.0.weight", "backbone.0.bias", "backbone.1.weight", "backbone.1.bias"}
    assert (first["lr"], second["lr"], second["weight_decay"]) == (1e-3, 1e-5, 1e-2)


@pytest.mark.parametrize(
    ("kinds", "names"),
    [
        (["norm"], {"backbone.1.weight", "backbone.1.bias"}),
        (["bias"], {"backbone.0.bias", "backbone.1.bias", "head.bias"}),
        (["norm", "bias"], {"backbone.0.bias", "backbone.1.weight", "backbone.1.bias", "head.bias"}),
        ("embedding", {"embed.weight"}),
    ],
)
def test_a_group_is_chosen_by_kind(kinds: Any, names: set[str]) -> None:
    _, (found, group) = rows({"groups": [{"kinds": kinds, "weight_decay": 0.0}]})
    assert (found, group["weight_decay"]) == (names, 0.0)


def test_the_first_group_that_names_a_parameter_has_it() -> None:
    groups = [{"layers": ["backbone"], "kinds": ["norm"], "weight_decay": 0.0}, {"layers": "backbone", "lr": 1e-4}]
    _, (norms, _), (rest, _) = rows({"groups": groups})
    assert norms == {"backbone.1.weight", "backbone.1.bias"}
    assert rest == {"backbone.0.weight", "backbone.0.bias"}


def test_rates_decay_by_depth() -> None:
    """The head has the whole rate, each layer before it half of the next one's: copies of a repeat count each."""
    found = {name: group["lr"] for names, group in rows({"layer_decay": 0.5}) for name in names}
    assert found["head.weight"] == 1e-3
    assert found["embed.weight"] == 0.5e-3
    assert (found["backbone.1.bias"], found["backbone.0.weight"]) == (0.25e-3, 0.125e-3)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"groups": [{"layers": "backbon", "lr": 1.0}]}, 'no layer "backbon" has parameters'),
        ({"groups": [{"kinds": ["norms"], "lr": 1.0}]}, 'unknown kind of parameters "norms"'),
        ({"groups": [{"layers": "head", "lrr": 1.0}]}, 'AdamW has no argument "lrr"'),
        ({"groups": [{"layers": "head", "lr": -1.0}]}, "lr must be above 0"),
        ({"groups": [{"lr": 1.0}]}, "a group says of which parameters it is"),
        ({"groups": [{"layers": "head"}]}, "a group has an option of its own"),
        ({"groups": [{"layers": "embed", "kinds": "norm", "lr": 1.0}]}, "the group is of no parameter"),
        ({"groups": "backbone"}, "groups is a list of tables"),
        ({"layer_decay": 1.5}, "layer_decay must be above 0 and at most 1"),
    ],
)
def test_mistakes(args: dict[str, Any], message: str) -> None:
    with pytest.raises(GraphspecError, match=message):
        rows(args)


def grouped(digits: dict[str, Any], engine: str) -> dict[str, Any]:
    digits["data"] |= {"augment": [], "batch_size": 32}
    digits["layers"].pop("dropout", None)
    groups = [{"layers": "conv", "lr": 1e-3}, {"kinds": ["norm", "bias"], "weight_decay": 0.0}]
    optimizer = {"type": "AdamW", "lr": 1e-2, "weight_decay": 0.1, "groups": groups}
    digits["train"] |= {"optimizer": optimizer, "engine": engine, "epochs": 6, "metrics": ["accuracy"]}
    digits["train"].pop("scheduler", None)
    return digits


@pytest.mark.slow
def test_every_engine_gives_eagers_bits_and_a_run_goes_on(digits: Any, fit: Any, tmp_path: Path) -> None:
    eager = fit(grouped(digits, "eager"), tmp_path / "eager")
    fast = fit(grouped(digits, "default"), tmp_path / "default")
    fit(grouped(digits, "default"), tmp_path / "stopped", epochs=2)
    resumed = fit(grouped(digits, "default"), tmp_path / "stopped", resume=True)
    weights = [(run.run / "last.safetensors").read_bytes() for run in (eager, fast, resumed)]
    assert weights[0] == weights[1] == weights[2]


def test_it_is_torchs_own_training(digits: Any, fit: Any) -> None:
    """The losses of plain PyTorch with the same groups, written out."""
    from graphspec import compiler
    from graphspec.training.prepare import load_data

    spec = grouped(digits, "default")
    report = fit(spec)
    network = compiler.load(spec)
    torch.manual_seed(0)
    module, data = network.build(), load_data(network.spec)
    norms = [*module.norm.parameters(), module.logits.bias]
    optimizer = torch.optim.AdamW(
        [
            {"params": [module.logits.weight]},
            {"params": [module.conv.weight], "lr": 1e-3},
            {"params": norms, "weight_decay": 0.0},
        ],
        lr=1e-2,
        weight_decay=0.1,
    )
    batches = data.batches("train")
    for epoch in range(6):
        total = 0.0
        for batch in batches.shuffled(epoch):
            (x,), (y,) = batch.inputs.values(), batch.targets.values()
            loss = nn.functional.cross_entropy(module(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)
        assert report.history[epoch]["train_loss"] == pytest.approx(total / len(data.train), abs=1e-9)
