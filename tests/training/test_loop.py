"""The loop computes what the textbook's loop computes, to the last bit."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.utils.data import DataLoader, Subset
from torchvision import datasets
from torchvision.transforms import Compose, Normalize, ToTensor

import graphspec
from graphspec import compiler, pipeline
from graphspec.compiler import Network
from graphspec.data import load
from graphspec.diagnostics import GraphspecError
from graphspec.training import RunOptions, train
from graphspec.training.loop import train_step
from graphspec.training.prepare import load_data, make_learner
from graphspec.training.run.reporter import Silent

SPEC: dict[str, Any] = {
    "graphspec": 1,
    "inputs": {"image": ["N", 1, 28, 28]},
    "layers": {
        "flatten": "Flatten",
        "fc1": {"type": "Linear", "out_features": 32},
        "relu": "ReLU",
        "fc2": {"type": "Linear", "out_features": 10},
    },
    "data": {
        "dataset": "FashionMNIST",
        "validation": 0,
        "batch_size": 16,
        "transforms": [{"type": "Normalize", "mean": [0.2860], "std": [0.3530]}],
    },
    "train": {"epochs": 3, "optimizer": {"type": "Adam", "lr": 0.01}},
}


class Losses(Silent):
    """Keeps every step's loss."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def step(self, loss: float) -> None:
        self.values.append(loss)


def test_losses_and_weights_are_those_of_the_textbook_loop(fashion_root: Path, tmp_path: Path) -> None:
    """torchvision's set → PIL → ToTensor → Normalize → DataLoader → forward, loss, backward, step; same order."""
    network = compiler.load(SPEC)
    shaped = network.shaped
    module = network.module
    textbook = copy.deepcopy(module)
    reporter = Losses()
    train(network, RunOptions(folder=tmp_path / "run", device="cpu"), fashion_root, reporter)

    assert shaped.spec.data is not None
    order = load(shaped.spec.data, fashion_root).batches("train").order
    images = datasets.FashionMNIST(fashion_root, transform=Compose([ToTensor(), Normalize((0.2860,), (0.3530,))]))
    optimizer, loss_function, losses = torch.optim.Adam(textbook.parameters(), lr=0.01), nn.CrossEntropyLoss(), []
    for epoch in range(3):
        for image, label in DataLoader(Subset(images, order(epoch).tolist()), batch_size=16):
            optimizer.zero_grad()
            loss = loss_function(textbook(image), label)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())

    assert reporter.values == losses
    weights = load_file(tmp_path / "run" / "last.safetensors")
    assert sorted(weights) == sorted(textbook.state_dict())
    for name, value in textbook.state_dict().items():
        assert torch.equal(weights[name], value), name


def test_a_loss_that_is_not_finite_stops_before_the_update(digits: dict[str, Any], fit: Any, tmp_path: Path) -> None:
    digits["layers"]["square"] = {"type": "mul", "from": ["logits", "logits"]}
    digits["layers"]["fourth"] = {"type": "mul", "from": ["square", "square"]}
    digits["train"]["optimizer"] = {"type": "SGD", "lr": 100.0}
    del digits["train"]["scheduler"]
    with pytest.raises(GraphspecError, match=r'non-finite.*the loss is (nan|inf) at step \d+ .*: layer "\w+" gives'):
        fit(digits)
    for file in (tmp_path / "run").glob("*.safetensors"):
        assert all(value.isfinite().all() for value in load_file(file).values())


def test_losses_may_be_looked_at_every_few_steps(digits: dict[str, Any]) -> None:
    """As on a GPU: the same training, its loss seen later, and no loss that is not finite gets past a look."""
    del digits["train"]["scheduler"]
    found = {}
    for every in (1, 4):
        network = compiler.load(digits)
        shaped = network.shaped
        data = load_data(shaped.spec)
        learner = make_learner(network, data, torch.device("cpu"), epochs=1)
        learner.watch.every = every
        seen = [train_step(learner, batch) for batch in data.batches("train").shuffled(0)][:8]
        learner.look_at_losses()
        found[every] = seen, learner.metrics.compute(), learner.module.state_dict()
    assert found[4][0] == [0.0] * 7 + [found[1][0][3]]  # sent for after four steps, looked at after eight
    assert found[4][1] == pytest.approx(found[1][1])
    assert all(torch.equal(a, b) for a, b in zip(found[1][2].values(), found[4][2].values(), strict=True))

    with torch.no_grad():
        learner.module.get_parameter("logits.bias").fill_(float("nan"))
    train_step(learner, next(data.batches("train").in_order()))
    with pytest.raises(GraphspecError, match=r"non-finite.*is nan in one of the last 8 steps before step 1[23]"):
        learner.look_at_losses()


def test_lbfgs_asks_for_the_loss_several_times(fit: Any, tmp_path: Path) -> None:
    """On a line's mean squared error with all samples in one batch it is where least squares are, at once."""
    spec = {
        "graphspec": 1,
        "inputs": {"x": ["N", 1]},
        "layers": {"fc": {"type": "Linear", "out_features": 1}},
        "data": {"dataset": {"type": "line", "samples": 100, "noise": 0.5}, "validation": 0, "batch_size": 80},
        "train": {"epochs": 3, "loss": "MSELoss", "optimizer": {"type": "LBFGS", "lr": 1.0}},
    }
    report = fit(spec)
    data = load_data(compiler.load(spec).spec).train
    x, y = data.inputs["x"].double(), data.targets["y"].double()
    ones = torch.cat([x, torch.ones_like(x)], 1)
    least = (ones @ torch.linalg.lstsq(ones, y).solution - y).square().mean().item()
    assert report.metrics["train"]["loss"] == pytest.approx(least, rel=1e-4)


def test_the_caller_keeps_random_state_and_threads(digits: dict[str, Any], fit: Any) -> None:
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    fit(digits, epochs=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_the_test_part_is_opened_only_after_training(fashion_root: Path, tmp_path: Path) -> None:
    """With a test file that cannot be read, training runs to its last step and fails in evaluation."""
    (fashion_root / "FashionMNIST/raw/t10k-labels-idx1-ubyte").write_bytes(b"")
    network = compiler.load(SPEC)
    with pytest.raises(GraphspecError, match="bad-data"):
        train(network, RunOptions(folder=tmp_path / "run"), fashion_root, Silent())
    assert len((tmp_path / "run" / "metrics.csv").read_text().splitlines()) == 4


def weights(run: Path) -> torch.Tensor:
    return torch.cat([value.double().flatten() for _, value in sorted(load_file(run / "last.safetensors").items())])


def test_accumulated_batches_are_one_batch(fashion_root: Path, fit: Any, tmp_path: Path) -> None:
    """Also at the end of the epoch, where 60 samples leave a group and a batch that are not full."""
    for size, accumulate in ((24, 1), (6, 4), (5, 5), (25, 1)):
        sgd = 'train.optimizer={ type = "SGD", lr = 0.1 }'  # Adam would blow rounding errors up
        overrides = [f"data.batch_size={size}", f"train.accumulate={accumulate}", sgd]
        report = fit(SPEC, tmp_path / f"{size}", data=fashion_root, overrides=overrides, epochs=2)
        assert report.steps == 6
    assert torch.allclose(weights(tmp_path / "6"), weights(tmp_path / "24"), atol=1e-6, rtol=0)
    assert torch.allclose(weights(tmp_path / "5"), weights(tmp_path / "25"), atol=1e-6, rtol=0)
    assert not torch.allclose(weights(tmp_path / "24"), weights(tmp_path / "25"), atol=1e-4, rtol=0)


def test_the_gradient_is_no_longer_than_asked(fashion_root: Path, fit: Any, tmp_path: Path) -> None:
    """With plain SGD at rate 1 an update is the gradient itself."""
    sgd = ['train.optimizer={ type = "SGD", lr = 1.0 }', "data.batch_size=60"]
    fit(SPEC, data=fashion_root, overrides=[*sgd, "train.clip_grad_norm=0.01"], epochs=1)
    start = torch.cat([v.double().flatten() for _, v in sorted(pipeline.compile(SPEC).state_dict().items())])
    assert (weights(tmp_path / "run") - start).norm().item() == pytest.approx(0.01, rel=1e-3)


def test_early_stopping(digits: dict[str, Any], fit: Any) -> None:
    digits["train"] |= {"early_stopping": 2, "monitor": "loss", "optimizer": {"type": "SGD", "lr": 5.0}}
    del digits["train"]["scheduler"]
    report = fit(digits, epochs=50)
    assert report.epochs == report.best_epoch + 2
    best = report.history[report.best_epoch - 1]
    assert report.metrics["validation"]["loss"] == best["validation_loss"] < report.history[-1]["validation_loss"]


def test_weights_that_are_not_finite_are_never_saved(
    digits: dict[str, Any], fit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An update can overflow though the loss before it was finite, and nobody computes another."""
    run = tmp_path / "run"
    del digits["train"]["scheduler"]
    fit(digits, epochs=2)
    before = {path.name: path.read_bytes() for path in run.glob("**/*") if path.is_file()}
    network = compiler.load(digits)
    module = network.build()
    monkeypatch.setattr(Network, "build", lambda self, start=True: module)

    class Overflow(Silent):
        def epoch(self, row: Any, epochs: int, best_epoch: int) -> None:
            nn.init.constant_(module.get_parameter("logits.bias"), float("nan"))

    with pytest.raises(GraphspecError, match=r'non-finite.*"logits.bias" is not finite after step 33'):
        train(network, RunOptions(folder=run, resume=True, epochs=3, device="cpu"), reporter=Overflow())
    assert {path.name: path.read_bytes() for path in run.glob("**/*") if path.is_file()} == before


def test_an_epoch_of_less_than_a_millisecond_has_its_time(tmp_path: Path) -> None:
    """Rounded to milliseconds, every second epoch took none, or less than none."""
    line = Path(__file__).parents[2] / "specs" / "linear_regression.toml"
    report = graphspec.train(line, run=tmp_path / "run", overrides=["train.epochs=20"], reporter=Silent())
    assert all(epoch["seconds"] > 0 for epoch in report.history)
