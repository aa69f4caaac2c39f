"""``freeze = true`` leaves a layer as it was: its parameters, and what BatchNorm follows; in every engine."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from graphspec import compiler
from graphspec.training.optim.frozen import frozen_layers, train_mode

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
    train_mode(module, frozen_layers(shaped))
    modes = {name: layer.training for name, layer in module.named_modules() if not list(layer.children())}
    assert {name for name, training in modes.items() if not training} == {"base.bn"}
