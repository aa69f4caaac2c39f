"""``freeze = true`` leaves a layer as it was: its parameters, and what BatchNorm follows; in every engine."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from graphspec import compiler
from graphspec.checking import check
from graphspec.data import load_data
from graphspec.diagnostics import GraphspecError, GraphspecWarning
from graphspec.training.optim.frozen import Frozen, frozen_layers
from graphspec.training.run.reporter import Silent

BLOCKS = {
    "Base": {"layers": {"fc": {"type": "Linear", "out_features": 6}, "bn": "BatchNorm1d", "drop": "Dropout"}},
}


def spec(**train: Any) -> dict[str, Any]:
    return {
        "graphspec": 1,
        "inputs": {"x": ["N", 4]},
        "layers": {
            "base": {"type": "Base", "freeze": True},
            "norm": "BatchNorm1d",
            "head": {"type": "Linear", "out_features": 3},
        },
        "blocks": BLOCKS,
        "data": {"dataset": "iris", "batch_size": 8},
        "train": {"epochs": 20, **train},
    }


@pytest.mark.parametrize(
    "train",
    [{"engine": "default"}, {"engine": "eager"}, {"engine": "traced"}, {"accumulate": 3}, {"ema": 0.9}],
    ids=lambda train: next(iter(train.items())).__str__(),
)
def test_running_statistics_stay(train: dict[str, Any], fit: Any, tmp_path: Any) -> None:
    fit(spec(**train))
    for name in ("best", "last"):
        state = load_file(tmp_path / "run" / f"{name}.safetensors")
        assert torch.equal(state["base.bn.running_mean"], torch.zeros(6))
        assert torch.equal(state["base.bn.running_var"], torch.ones(6))
        assert state["base.bn.num_batches_tracked"] == 0
        assert state["norm.num_batches_tracked"] > 0


def test_dropout_goes_on() -> None:
    shaped = compiler.shape(compiler.load(spec()))
    module = compiler.build(shaped)
    Frozen(frozen_layers(shaped)).train_mode(module)
    modes = {name: layer.training for name, layer in module.named_modules() if not list(layer.children())}
    assert {name for name, training in modes.items() if not training} == {"base.bn"}


def thawing(engine: str = "default", **train: Any) -> dict[str, Any]:
    """A block that learns from epoch 3 on, one layer of it from epoch 5 on, with Dropout, in groups."""
    blocks = {"Base": {"layers": {"fc": LINEAR, "bn": "BatchNorm1d", "relu": "ReLU", "fc2": LINEAR}}}
    groups = [{"layers": "base", "lr": 0.002}, {"kinds": ["bias"], "weight_decay": 0.0}]
    optimizer = {"type": "AdamW", "lr": 0.01, "weight_decay": 0.1, "groups": groups}
    return {
        **spec(),
        "layers": {
            "base": {"type": "Base", "freeze": True}, "drop": "Dropout", "head": {"type": "Linear", "out_features": 3}
        },
        "blocks": blocks,
        "train": {
            "epochs": 40, "engine": engine, "optimizer": optimizer,
            "scheduler": {"type": "CosineAnnealingLR", "T_max": 40},
            "unfreeze": {"base": 20, "base.fc": 25}, **train,
        },
    }  # fmt: skip


LINEAR = {"type": "Linear", "out_features": 6}


class Notes(Silent):
    """What a run says."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


def test_what_is_unfrozen_learns_as_in_plain_pytorch(fit: Any) -> None:
    """requires_grad and BatchNorm's mode switched by hand, with one optimiser from the start."""
    raw, notes = thawing(), Notes()
    report = fit(raw, reporter=notes)
    network = compiler.load(raw)
    torch.manual_seed(0)
    module, data = network.build(), load_data(network.spec)
    torch.manual_seed(0)
    base, head = module.base, module.head
    weights, biases = [base.fc.weight, base.fc.bias, *base.bn.parameters(), *base.fc2.parameters()], [head.bias]
    optimizer = torch.optim.AdamW(
        [{"params": [head.weight]}, {"params": weights, "lr": 0.002}, {"params": biases, "weight_decay": 0.0}],
        lr=0.01, weight_decay=0.1,
    )  # fmt: skip
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 40)
    for epoch in range(40):
        base.requires_grad_(epoch >= 20)
        base.fc.requires_grad_(epoch >= 25)
        base.bn.train(epoch >= 20)
        total = 0.0
        for batch in data.batches("train").shuffled(epoch):
            (x,), (y,) = batch.inputs.values(), batch.targets.values()
            loss = torch.nn.functional.cross_entropy(module(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)
        schedule.step()
        assert report.history[epoch]["train_loss"] == pytest.approx(total / len(data.train), abs=1e-12)
    last = load_file(report.run / "last.safetensors")
    assert all(torch.equal(value, last[name]) for name, value in module.state_dict().items())
    assert [line for line in notes.said if "learns from" in line] == [
        next(line for line in notes.said if line.startswith("base learns from epoch 21 on; engine: ")),
        next(line for line in notes.said if line.startswith("base.fc learns from epoch 26 on; engine: ")),
    ]


@pytest.mark.slow
def test_every_engine_gives_eagers_bits_and_a_run_goes_on_before_at_and_after(fit: Any, tmp_path: Path) -> None:
    eager = fit(thawing("eager"), tmp_path / "eager")
    expected = (eager.run / "last.safetensors").read_bytes()
    assert (fit(thawing(), tmp_path / "default").run / "last.safetensors").read_bytes() == expected
    for epochs in (19, 20, 21, 25, 30):
        run = tmp_path / f"stopped-{epochs}"
        with warnings.catch_warnings(action="ignore"):  # a shorter run does not come to what is unfrozen
            fit(thawing(), run, epochs=epochs)
        fit(thawing(), run, resume=True)
        assert (run / "last.safetensors").read_bytes() == expected, epochs


def test_statistics_are_held_up_to_the_epoch(fit: Any, tmp_path: Path) -> None:
    with pytest.warns(GraphspecWarning, match='"base" learns after epoch 20: this run ends before'):
        fit(thawing(), tmp_path / "before", epochs=20)
    assert load_file(tmp_path / "before" / "last.safetensors")["base.bn.num_batches_tracked"] == 0
    report = fit(thawing(), tmp_path / "after")
    steps = report.steps // 40
    assert load_file(report.run / "last.safetensors")["base.bn.num_batches_tracked"] == 20 * steps


@pytest.mark.parametrize(
    ("unfreeze", "code", "message"),
    [
        ({"bace": 2}, "unknown-reference", 'no layer "bace" has parameters'),
        ({"head": 2}, "bad-value", 'the layer "head" is not frozen'),
        ({"base": 40}, "bad-value", '"base" learns after epoch 40, and the run ends after epoch 40'),
        ({"base": 0}, "bad-value", "unfreeze.base"),
        ({"base.drop": 2}, "unknown-reference", 'no layer "base.drop" has parameters'),
    ],
)
def test_mistakes(unfreeze: dict[str, int], code: str, message: str) -> None:
    with pytest.raises(GraphspecError, match=message) as caught:
        check(compiler.load(thawing(unfreeze=unfreeze)))
    (fault,) = caught.value.diagnostics
    assert fault.code == code
    assert fault.at[:2] == ("train", "unfreeze")


def test_something_learns_from_the_start() -> None:
    raw = thawing()
    raw["layers"]["head"]["freeze"] = True
    with pytest.raises(GraphspecError, match="every layer is frozen: nothing learns before epoch 21"):
        check(compiler.load(raw))
