"""The step in C is torch's step up to rounding, for every kind of network and optimiser that it takes."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from graphspec import pipeline
from graphspec.diagnostics import GraphspecWarning
from graphspec.shared_library import BuildError, shared_library
from graphspec.training.engine import equip
from graphspec.training.loop import train_step
from graphspec.training.native import dense
from graphspec.training.train import load_data, make_learner

CPU = torch.device("cpu")
try:
    dense.library()
except BuildError as error:
    pytest.skip(str(error), allow_module_level=True)


def spec(layers: dict[str, Any] | None = None, **train: Any) -> dict[str, Any]:
    hidden = layers or {"fc1": {"type": "Linear", "out_features": 32}, "relu": "ReLU"}
    return {
        "graphspec": 1,
        "inputs": {"image": ["N", 1, 8, 8]},
        "layers": {"flatten": "Flatten", **hidden, "logits": {"type": "Linear", "out_features": 10}},
        "data": {"dataset": "digits", "batch_size": 32},
        "train": {"optimizer": {"type": "Adam", "lr": 0.002}, "epochs": 2, **train},
    }


def linear(width: int, **arguments: Any) -> dict[str, Any]:
    return {"type": "Linear", "out_features": width, **arguments}


NETWORKS: dict[str, dict[str, Any]] = {
    "one hidden": {"fc1": linear(32), "relu": "ReLU"},
    "widths that fill no block": {"fc1": linear(37), "tanh": "Tanh", "fc2": linear(7), "act": "Sigmoid"},
    "no bias": {"fc1": linear(16, bias=False), "relu": "ReLU"},
    "deep": {f"{name}{i}": linear(18) if name == "fc" else "ReLU" for i in range(4) for name in ("fc", "relu")},
    "no activation": {"fc1": linear(5)},
}
OPTIMIZERS: list[dict[str, Any]] = [
    {"type": "Adam", "lr": 0.002, "betas": [0.8, 0.99], "weight_decay": 0.01},
    {"type": "AdamW", "lr": 0.002, "weight_decay": 0.1},
    {"type": "SGD", "lr": 0.1},
    {"type": "SGD", "lr": 0.05, "momentum": 0.9, "weight_decay": 0.001},
    {"type": "SGD", "lr": 0.05, "momentum": 0.9, "dampening": 0.0, "nesterov": True},
]


def learners(model: dict[str, Any]) -> tuple[Any, Any, Any]:
    """One that steps as the loop is written, one that steps in C, and the batches."""
    shaped = pipeline.shape(pipeline.load(model))
    data = load_data(shaped.spec)
    start = pipeline.build(shaped)
    theirs, ours = (make_learner(copy.deepcopy(start), shaped, data, CPU, 1) for _ in range(2))
    assert shaped.spec.train is not None
    native = shaped.spec.train.model_copy(update={"engine": "native"})
    equip(ours, native, data.batches("train"), steps=10)
    return theirs, ours, list(data.batches("train").shuffled(0))


def agree(model: dict[str, Any], steps: int = 25) -> None:
    theirs, ours, batches = learners(model)
    assert isinstance(ours.direct, dense.DenseStep)
    for batch in [*batches[: steps - 1], batches[-1]]:  # the last one is shorter
        assert train_step(ours, batch) == pytest.approx(train_step(theirs, batch), abs=2e-5)
    pairs = zip(theirs.module.state_dict().values(), ours.module.state_dict().values(), strict=True)
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in pairs)
    assert ours.metrics.compute() == pytest.approx(theirs.metrics.compute(), abs=1e-4)
    steps_taken = [state["step"] for state in ours.state_dict()["optimizer"]["state"].values() if "step" in state]
    assert all(step == steps for step in steps_taken)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name: str) -> None:
    agree(spec(NETWORKS[name]))


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_optimizers(optimizer: dict[str, Any]) -> None:
    agree(spec(optimizer=optimizer))


def test_it_is_taken_from_the_second_step_on() -> None:
    """The optimiser makes its state in the first."""
    _, ours, batches = learners(spec())
    taken = []
    for batch in batches[:3]:
        taken.append(ours.recorded.fits(ours.fields.inputs_of(batch), ours.fields.targets_of(batch)))
        train_step(ours, batch)
    assert taken == [False, True, True]


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (spec({"drop": "Dropout"}), r"chains of Linear layers"),
        (spec(loss={"type": "CrossEntropyLoss", "label_smoothing": 0.1}), r"with CrossEntropyLoss"),
        (spec(optimizer="RMSprop"), r"Adam, AdamW and SGD"),
        (spec(clip_grad_norm=1.0), r"without clip_grad_norm"),
        (spec({"fc1": {**linear(8), "freeze": True}}), r"chains of Linear layers"),
    ],
)
def test_what_it_does_not_take_is_traced(model: dict[str, Any], reason: str) -> None:
    with pytest.warns(GraphspecWarning, match=reason):
        _, ours, _ = learners(model)
    assert ours.recorded is not None
    assert not isinstance(ours.recorded, dense.DensePass)


def test_a_run_resumes_to_the_same_bits(fit: Any, tmp_path: Path) -> None:
    model = spec(engine="native")
    report = fit(model, tmp_path / "whole", epochs=4)
    assert report.figures["test"]["accuracy"] > 0.85
    fit(model, tmp_path / "parts", epochs=1)
    fit(model, tmp_path / "parts", epochs=4, resume=True)
    whole, parts = (load_file(tmp_path / run / "last.safetensors") for run in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_without_a_compiler_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for cached in (dense.library, shared_library):
        cached.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(BuildError, match="there is no C compiler"):
        dense.library()
