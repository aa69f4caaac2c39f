"""The engines compute one training: to the last bit by default, within 1e-6 where asked to be faster."""

from __future__ import annotations

import copy
import itertools
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from graphspec import compiler
from graphspec.diagnostics import GraphspecWarning
from graphspec.training.engine.choose import choose
from graphspec.training.engine.native import operations
from graphspec.training.loop import train_step
from graphspec.training.prepare import load_data, make_learner
from graphspec.training.run.reporter import Silent

SPEC: dict[str, Any] = {
    "graphspec": 1,
    "inputs": {"image": ["N", 1, 8, 8]},
    "layers": {"flatten": "Flatten", "fc1": {"type": "Linear", "out_features": 16}, "relu": "ReLU",
               "fc2": {"type": "Linear", "out_features": 10}},
    "data": {"dataset": "digits", "batch_size": 16},
    "train": {"epochs": 9, "optimizer": {"type": "Adam", "lr": 0.005}},
}  # fmt: skip


class Losses(Silent):
    def __init__(self) -> None:
        self.values: list[float] = []
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def step(self, loss: float) -> None:
        self.values.append(loss)


def losses(fit: Any, tmp_path: Path, engine: str, **arguments: Any) -> tuple[list[float], dict[str, torch.Tensor]]:
    reporter, run = Losses(), tmp_path / engine
    fit(SPEC, run, overrides=[f'train.engine="{engine}"'], reporter=reporter, **arguments)
    return reporter.values, load_file(run / "last.safetensors")


def test_by_default_the_bits_are_those_of_the_loop_as_written(fit: Any, tmp_path: Path) -> None:
    (eager, theirs), (default, ours) = (losses(fit, tmp_path, engine) for engine in ("eager", "default"))
    assert len(eager) > 500
    assert default == eager
    assert all(torch.equal(theirs[name], ours[name]) for name in theirs)


HIDDEN = ["ReLU", "ReLU", "Tanh", "Sigmoid", "GELU", {"type": "Dropout", "p": 0.3}, "BatchNorm1d", "LayerNorm", None]
OPTIMIZERS = [
    {"type": "Adam", "lr": 0.003},
    {"type": "Adam", "lr": 0.003, "betas": [0.4, 0.9]},
    {"type": "AdamW", "lr": 0.002, "weight_decay": 0.1},
    {"type": "SGD", "lr": 0.05},
    {"type": "SGD", "lr": 0.05, "momentum": 0.9},
    {"type": "RMSprop", "lr": 0.001},
]


def random_network(chance: random.Random) -> dict[str, Any]:
    """Dense layers of widths around those of vectors, 1 among them, with anything between them."""
    layers: dict[str, Any] = {"flatten": "Flatten"}
    for i in range(chance.randint(0, 4)):
        width = chance.choice([1, 1, 1, 1, 3, 7, 8, 16, 17, 32, 33, 64, 100])
        layers[f"fc{i}"] = {"type": "Linear", "out_features": width, "bias": chance.random() < 0.8}
        if chance.random() < 0.15:
            layers[f"fc{i}"]["freeze"] = True
        if chance.random() < 0.2:
            layers |= {f"relu{i}": "ReLU", f"again{i}": {"type": "Linear", "out_features": width}}
            layers[f"sum{i}"] = {"type": "add", "from": [f"relu{i}", f"again{i}"]}
        elif (hidden := chance.choice(HIDDEN)) is not None:
            layers[f"hidden{i}"] = hidden
    layers["logits"] = {"type": "Linear", "out_features": 10}
    train = {"optimizer": chance.choice(OPTIMIZERS)}
    train |= {"loss": {"type": "CrossEntropyLoss", "label_smoothing": 0.1}} if chance.random() < 0.2 else {}
    train |= {"clip_grad_norm": 1.0} if chance.random() < 0.2 else {}
    data = {"dataset": "digits", "batch_size": chance.choice([2, 5, 16, 31, 32, 64, 100])}
    return {"graphspec": 1, "inputs": SPEC["inputs"], "layers": layers, "data": data, "train": train}


@pytest.mark.filterwarnings("ignore::graphspec.GraphspecWarning")
@pytest.mark.parametrize("seed", [*range(30), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(30, 300))])
def test_of_any_dense_network_by_default_too(seed: int) -> None:
    network = compiler.load(random_network(random.Random(seed)))
    shaped = network.shaped
    data, start = load_data(shaped.spec), compiler.build(shaped)
    assert shaped.spec.train is not None
    found = []
    for engine in ("eager", "default"):
        learner = make_learner(network.with_module(copy.deepcopy(start)), data, torch.device("cpu"), 1)
        batches = data.batches("train")
        learner.engine = choose(learner, shaped.spec.train.model_copy(update={"engine": engine}), batches, 1000).engine
        torch.manual_seed(0)
        losses = [train_step(learner, batch) for batch in itertools.islice(batches.shuffled(0), 60)]
        found.append((losses, learner.metrics.compute(), list(learner.module.state_dict().values())))
    (theirs, figures, weights), (ours, own_figures, own_weights) = found
    assert learner.engine.name in ("native", "recorded")
    assert ours == theirs
    assert own_figures == figures
    assert all(map(torch.equal, own_weights, weights))


def test_traced_stays_within_a_millionth(fit: Any, tmp_path: Path) -> None:
    """Rounding grows as training goes on, so the first hundred steps are compared."""
    (eager, _), (traced, _) = (losses(fit, tmp_path, engine, epochs=2) for engine in ("eager", "traced"))
    assert eager[:100] == pytest.approx(traced[:100], rel=1e-6, abs=1e-6)


FASTEST = "recorded" if operations.obstacle() else "native"


@pytest.mark.parametrize(
    ("overrides", "steps", "name", "reason"),
    [
        ([], 1000, FASTEST, "torch's own layers alone; proven on two batches"),
        ([], 10, "eager", "10 steps are too few to gain by a recording"),
        (['train.engine="traced"'], 10, FASTEST, "torch's own layers alone"),
        (['train.engine="eager"'], 1000, "eager", "as [train] engine says"),
        (['train.precision="bf16"'], 1000, "eager", "steps are recorded on the CPU in fp32 only"),
        (['layers.relu="RReLU"'], 1000, "eager", 'layer "relu" (RReLU) may take other operations in another step'),
        (['train.optimizer={type="LBFGS"}'], 1000, "eager", "LBFGS asks for the loss several times a step"),
        (["data.batch_size=5000"], 1000, "eager", "there is no whole batch to record"),
    ],
)
def test_which_engine_is_chosen_and_why(overrides: list[str], steps: int, name: str, reason: str) -> None:
    network = compiler.load(SPEC, overrides=overrides)
    shaped = network.shaped
    data = load_data(shaped.spec)
    learner = make_learner(network, data, torch.device("cpu"), 1)
    assert shaped.spec.train is not None
    choice = choose(learner, shaped.spec.train, data.batches("train"), steps)
    assert choice.engine.name == name
    assert reason in choice.reason


def test_the_choice_is_said_once_and_kept(fit: Any, tmp_path: Path) -> None:
    reporter = Losses()
    fit(SPEC, tmp_path / "run", reporter=reporter, epochs=1)
    said = "engine: eager (81 steps are too few to gain by a recording)"
    assert reporter.notes == [said]
    kept = json.loads((tmp_path / "run" / "environment.json").read_text())["engine"]
    assert said == f"engine: {kept['name']} ({kept['reason']})"


def test_an_engine_that_was_asked_for_and_cannot_be_had_is_a_warning(fit: Any, tmp_path: Path) -> None:
    with pytest.warns(GraphspecWarning, match=r"\(RReLU\) may take other .*: every step runs as it is written"):
        fit(SPEC, tmp_path / "run", overrides=['train.engine="traced"', 'layers.relu="RReLU"'], epochs=1)


@pytest.mark.slow
def test_without_a_compiler_the_step_is_recorded_and_the_reason_names_it(tmp_path: Path) -> None:
    """In a process of its own: what a compiler has made is kept by the process."""
    (tmp_path / "spec.json").write_text(json.dumps(SPEC))
    command = [sys.executable, "-m", "graphspec", "train", "spec.json", "--run", "run"]
    environment = {**os.environ, "CC": "/nonexistent", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert "engine: recorded (torch's own layers alone" in done.stderr
    assert 'there is no C compiler "/nonexistent", which CC names' in done.stderr


@pytest.mark.slow
def test_compiled_learns_the_same(fit: Any, tmp_path: Path) -> None:
    (eager, _), (compiled, _) = (losses(fit, tmp_path, engine, epochs=1) for engine in ("eager", "compiled"))
    assert eager == pytest.approx(compiled, rel=1e-4, abs=1e-4)
