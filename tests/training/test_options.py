"""What ``[train]`` can ask for around the loop, each against its definition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from graphspec import compiler, pipeline
from graphspec.diagnostics import GraphspecError, GraphspecWarning
from graphspec.training.checks import step_memory as memory
from graphspec.training.evaluate.measure import measure
from graphspec.training.loop import train_step
from graphspec.training.prepare import load_data, make_learner
from graphspec.training.run.reporter import Silent

SPEC: dict[str, Any] = {
    "graphspec": 1,
    "inputs": {"image": ["N", 1, 8, 8]},
    "layers": {"flatten": "Flatten", "fc1": {"type": "Linear", "out_features": 16}, "norm": "BatchNorm1d",
               "relu": "ReLU", "fc2": {"type": "Linear", "out_features": 10}},
    "data": {"dataset": "digits", "batch_size": 128},
    "train": {"epochs": 2, "optimizer": {"type": "SGD", "lr": 0.5}},
}  # fmt: skip


def learner_of(**train: Any) -> Any:
    """A learner and the batches of its first epoch."""
    network = compiler.load(SPEC | {"train": SPEC["train"] | train})
    shaped = network.shaped
    data = load_data(shaped.spec)
    learner = make_learner(network, data, torch.device("cpu"), epochs=1)
    return learner, list(data.batches("train").shuffled(0)), data


def flat(module: torch.nn.Module) -> torch.Tensor:
    return torch.cat([value.detach().double().flatten() for value in module.state_dict().values()])


def test_warmup_grows_the_rate_linearly() -> None:
    """With plain SGD the length of an update is the rate times that of the gradient."""
    learner, batches, _ = learner_of(warmup=4)
    rates = []
    for batch in batches[:6]:
        weight = learner.module.get_parameter("fc2.bias")
        before = weight.detach().clone()
        gradient = torch.autograd.grad(
            learner.objective(learner.module(*learner.binding.inputs_of(batch)), learner.binding.targets_of(batch)),
            weight,
        )[0]
        train_step(learner, batch)
        rates.append(((before - weight.detach()).norm() / gradient.norm()).item())
    assert rates == pytest.approx([0.125, 0.25, 0.375, 0.5, 0.5, 0.5], rel=1e-3)
    assert learner.schedule.lr == 0.5


def test_the_average_is_validated_and_kept() -> None:
    learner, batches, data = learner_of(ema=0.9)
    expected = None
    for batch in batches:
        train_step(learner, batch)
        now = {name: value.detach().clone() for name, value in learner.module.named_parameters()}
        expected = now if expected is None else {name: 0.9 * expected[name] + 0.1 * now[name] for name in now}
    own = flat(learner.module)
    with learner.averaged():
        inside = dict(learner.module.named_parameters())
        assert all(torch.allclose(inside[name], value, atol=1e-6) for name, value in (expected or {}).items())
        validated = measure(learner, data.batches("validation")).metrics
    assert torch.equal(flat(learner.module), own)
    assert measure(learner, data.batches("validation")).metrics != validated


def test_a_run_keeps_the_averages_as_best(fit: Any, tmp_path: Path) -> None:
    """With a decay near 1 the average stays where training began."""
    fit(SPEC, overrides=["train.ema=0.999999"])
    best, last = (load_file(tmp_path / "run" / f"{name}.safetensors") for name in ("best", "last"))
    start = pipeline.compile(SPEC).state_dict()
    distance = {name: (best[name] - start[name]).norm() / (last[name] - start[name]).norm() for name in ("fc1.weight",)}
    assert distance["fc1.weight"] < 0.5


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_learns_the_same_within_its_rounding(precision: str) -> None:
    full, batches, data = learner_of()
    half, *_ = learner_of(precision=precision)
    for batch in batches:
        assert train_step(half, batch) == pytest.approx(train_step(full, batch), rel=0.05)
    assert all(value.dtype == torch.float32 for value in half.module.parameters())
    assert not torch.equal(flat(full.module), flat(half.module))
    validation = data.batches("validation")
    assert measure(half, validation).metrics["loss"] == pytest.approx(
        measure(full, validation).metrics["loss"], rel=0.05
    )


@pytest.mark.parametrize(
    "options",
    [{"ema": 0.9, "warmup": 20}, {"precision": "bf16"}, {"precision": "fp16"}, {"engine": "traced"}],
    ids=lambda options: "-".join(options),
)
def test_options_resume_to_the_same_bits(options: dict[str, Any], fit: Any, tmp_path: Path) -> None:
    spec = SPEC | {"train": SPEC["train"] | {"optimizer": "Adam"} | options}
    fit(spec, tmp_path / "whole", epochs=4)
    fit(spec, tmp_path / "parts", epochs=2)
    fit(spec, tmp_path / "parts", epochs=4, resume=True)
    for name in ("best", "last"):
        whole, parts = (load_file(tmp_path / run / f"{name}.safetensors") for run in ("whole", "parts"))
        assert all(torch.equal(whole[key], parts[key]) for key in whole), name


def test_weights_to_start_from(fit: Any, tmp_path: Path) -> None:
    """Names and shapes that fit are taken, from a file or another run; a last layer of another width stays new."""
    fit(SPEC, tmp_path / "base", epochs=1)
    wider = SPEC | {"layers": SPEC["layers"] | {"fc2": {"type": "Linear", "out_features": 10, "bias": False}}}
    notes: list[str] = []

    class Notes(Silent):
        def note(self, text: str) -> None:
            notes.extend([] if text.startswith("engine: ") else [text])

    frozen = ["train.optimizer.lr=1e-9"]
    fit(wider, tmp_path / "tuned", epochs=1, init=tmp_path / "base", overrides=frozen, reporter=Notes())
    base, tuned = (
        load_file(tmp_path / run / f"{name}.safetensors") for run, name in (("base", "best"), ("tuned", "last"))
    )
    assert torch.allclose(base["fc1.weight"], tuned["fc1.weight"], atol=1e-6)
    assert notes == []
    save_file({"fc1.weight": base["fc1.weight"]}, tmp_path / "one.safetensors")
    fit(SPEC, tmp_path / "one", epochs=1, init=tmp_path / "one.safetensors", overrides=frozen, reporter=Notes())
    assert notes[0].startswith("new weights, which the file has not, or in another shape: fc1.bias, norm.weight")


@pytest.mark.parametrize(
    ("init", "expected"),
    [("../x.safetensors", r"outside.*leads out of the working directory"), ("no.pt", r"no-such-file"),
     ("other.safetensors", r"checkpoint-mismatch.*nothing in")],
)  # fmt: skip
def test_a_start_that_is_none(
    init: str, expected: str, fit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_file({"else": torch.zeros(2)}, "other.safetensors")
    with pytest.raises(GraphspecError, match=expected):
        fit(SPEC, overrides=[f'train.init="{init}"'])
    assert not (tmp_path / "run").exists()


def test_deterministic_is_for_the_run_alone(fit: Any) -> None:
    seen = []

    class Asks(Silent):
        def epoch(self, row: Any, epochs: int, best_epoch: int) -> None:
            seen.append(torch.are_deterministic_algorithms_enabled())

    fit(SPEC, overrides=["train.deterministic=true"], reporter=Asks())
    assert seen == [True, True]
    assert not torch.are_deterministic_algorithms_enabled()


def test_too_much_for_memory_is_said_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The estimate counts weights, gradients, the optimiser's state and what the forward pass keeps."""
    network = compiler.load(SPEC)
    shaped = network.shaped
    module = network.module
    weights = 4 * sum(parameter.numel() for parameter in module.parameters())
    per_sample = 4 * (64 + 16 + 16 + 16 + 10)
    sgd, adam = torch.optim.SGD(module.parameters()), torch.optim.Adam(module.parameters())
    assert memory.estimate(shaped, sgd, 128) == 2 * weights + 128 * per_sample
    assert memory.estimate(shaped, adam, 1) == 4 * weights + per_sample
    memory.check_memory(shaped, adam, 128, torch.device("cpu"))
    with pytest.warns(GraphspecWarning, match=r"out-of-memory.*needs about \d+.\d GB, .* are free"):
        memory.check_memory(shaped, adam, 10**10, torch.device("cpu"))


TWO_HEADS: dict[str, Any] = {
    "graphspec": 1,
    "inputs": {"x": ["N", 6]},
    "layers": {"body": {"type": "Linear", "out_features": 16}, "relu": "ReLU",
               "fc1": {"type": "Linear", "out_features": 3, "from": "relu"},
               "fc2": {"type": "Linear", "out_features": 1, "from": "relu"}},
    "outputs": {"kind": "fc1", "size": "fc2"},
    "data": {"dataset": {"type": "npz", "file": "two.npz", "targets": ["kind", "size"]}, "batch_size": 16,
             "root": "."},
    "train": {
        "epochs": 30, "optimizer": {"type": "Adam", "lr": 0.02},
        "loss": [{"type": "CrossEntropyLoss", "output": "kind"}, {"type": "MSELoss", "output": "size", "factor": 0.5}],
        "metrics": ["accuracy", {"type": "r2", "output": "size"}],
    },
}  # fmt: skip


def test_two_heads_learn_together(fit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    x = random.normal(size=(300, 6)).astype(np.float32)
    kind, size = x[:, :3].argmax(1), (x[:, 3:4] + 0.5 * x[:, 4:5]).astype(np.float32)
    np.savez("two.npz", x=x, kind=kind, size=size)
    report = fit(TWO_HEADS)
    assert report.metrics["test"]["accuracy"] > 0.85
    assert report.metrics["test"]["size_r2"] > 0.9
    assert report.evaluation.confusion is not None
