"""A weighted mean is over the weights of all samples, however they are cut: into batches, pieces, evaluations."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from graphspec import compiler
from graphspec.training.engine.choose import choose
from graphspec.training.evaluate.measure import measure
from graphspec.training.loop import halving_step, train_step
from graphspec.training.prepare import load_data, make_learner

CPU = torch.device("cpu")
WEIGHT = [1.0, 5.0, 10.0]
#: Loss → the loss of all samples at once. Of the last two terms only one is weighted.
LOSSES: dict[str, Any] = {
    "weight": {"type": "CrossEntropyLoss", "weight": WEIGHT},
    "balanced": {"type": "CrossEntropyLoss", "weight": "balanced"},
    "ignored": {"type": "CrossEntropyLoss", "ignore_index": 0},
    "both": {"type": "CrossEntropyLoss", "ignore_index": 1, "weight": WEIGHT, "label_smoothing": 0.1},
    "margin": {"type": "MultiMarginLoss", "weight": WEIGHT},
    "two": [{"type": "CrossEntropyLoss", "weight": WEIGHT}, {"type": "MultiMarginLoss", "factor": 0.5}],
}


@pytest.fixture
def unequal(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a spec of 60 samples sorted by class, 40 of them of one, and of `loss`."""
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [40, 15, 5])
    np.savez(tmp_path / "unequal.npz", x=random.normal(size=(60, 3)).astype("float32") + labels[:, None], y=labels)
    monkeypatch.chdir(tmp_path)

    def spec(loss: Any, **train: Any) -> dict[str, Any]:
        return {
            "graphspec": 1, "inputs": {"x": ["N", 3]}, "layers": {"fc": {"type": "Linear", "out_features": 3}},
            "data": {"dataset": {"type": "npz", "file": "unequal.npz"}, "root": ".", "validation": 0, "test": 0,
                     "batch_size": train.pop("batch_size", 60)},
            "train": {"epochs": 1, "loss": loss, "optimizer": {"type": "SGD", "lr": 1.0}, **train},
        }  # fmt: skip

    return spec


def whole(name: str, learner: Any, data: Any) -> torch.Tensor:
    """The loss of all samples at once."""
    samples = data.train
    return learner.objective(learner.module(samples.inputs["x"]), samples.targets["y"])


def made(spec: Any) -> tuple[Any, Any]:
    network = compiler.load(spec)
    shaped = network.shaped
    data = load_data(shaped.spec)
    return make_learner(network, data, CPU, 1), data


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(("batch_size", "accumulate"), [(7, 9), (1, 60), (20, 3)])
def test_batches_of_one_update_are_one_batch(
    name: str, batch_size: int, accumulate: int, unequal: Any, fit: Any, tmp_path: Any
) -> None:
    """The last of 7 batches has 4 samples; of 1, most hold a class that is ignored and nothing else."""
    fit(unequal(LOSSES[name]), tmp_path / "one")
    fit(unequal(LOSSES[name], batch_size=batch_size, accumulate=accumulate), tmp_path / "many")
    one, many = (load_file(tmp_path / run / "last.safetensors") for run in ("one", "many"))
    for key in one:
        torch.testing.assert_close(one[key], many[key], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_a_part_is_measured_as_at_once(name: str, unequal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["graphspec.training.evaluate.measure"], "_AT_ONCE", 8)
    learner, data = made(unequal(LOSSES[name], batch_size=8))
    found = measure(learner, data.batches("train")).metrics["loss"]
    assert found == pytest.approx(whole(name, learner, data).item(), rel=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_pieces_of_a_batch_are_the_batch(name: str, unequal: Any) -> None:
    (one, data), (cut, _) = made(unequal(LOSSES[name])), made(unequal(LOSSES[name]))
    cut.pieces = 7
    batch = next(data.batches("train").in_order())
    train_step(one, batch)
    halving_step(cut, batch, 1.0, True)
    for a, b in zip(one.module.parameters(), cut.module.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)
    assert one.metrics.compute() == pytest.approx(cut.metrics.compute(), rel=1e-6)


def test_a_batch_of_nothing_but_what_is_ignored_changes_nothing(unequal: Any, fit: Any, tmp_path: Any) -> None:
    """Batches of one sample, two thirds of which are ignored: torch's mean of none is not a number."""
    report = fit(unequal(LOSSES["ignored"], batch_size=1))
    assert report.steps == 60
    assert np.isfinite(report.history[-1]["train_loss"])


def test_the_loss_of_an_epoch_is_over_its_weights(unequal: Any, fit: Any) -> None:
    """At a rate that changes nothing, batches of 7 give what all samples at once give."""
    spec = unequal(LOSSES["weight"], batch_size=7, optimizer={"type": "SGD", "lr": 1e-12})
    learner, data = made(spec)
    assert fit(spec).history[0]["train_loss"] == pytest.approx(whole("weight", learner, data).item(), rel=1e-5)


def test_a_loss_without_weights_takes_the_way_it_took(unequal: Any) -> None:
    learner, data = made(unequal("CrossEntropyLoss"))
    assert not learner.objective.weighed
    assert not made(unequal({"type": "BCEWithLogitsLoss", "weight": [1.0, 2.0, 3.0]}))[0].objective.weighed
    batches = data.batches("train")
    settings = compiler.load(unequal("CrossEntropyLoss")).spec.train
    assert choose(learner, settings, batches, 1000).engine.name in ("native", "recorded")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [(1, {"weight": [10 / 16], "pos_weight": [8 / 2]}), (2, {"weight": [10 / 4, 10 / 16], "pos_weight": [2 / 8, 4]})],
)
def test_balanced_columns_weigh_samples_as_scikit_learn_does(columns: int, expected: Any) -> None:
    from sklearn.utils.class_weight import compute_sample_weight

    from graphspec.losses import LOSSES as ROWS

    labels = torch.tensor([0] * 8 + [1] * 2)
    found = ROWS["BCEWithLogitsLoss"].balanced(torch.bincount(labels), columns)
    assert {name: value.tolist() for name, value in found.items()} == {k: pytest.approx(v) for k, v in expected.items()}
    output = torch.randn(10, columns, generator=torch.Generator().manual_seed(0))
    target = labels[:, None].float() if columns == 1 else F.one_hot(labels, 2).float()
    ours = F.binary_cross_entropy_with_logits(output, target, **found, reduction="none")
    plain = F.binary_cross_entropy_with_logits(output, target, reduction="none")
    weights = torch.tensor(compute_sample_weight("balanced", labels.numpy()), dtype=torch.float32)
    assert torch.allclose(ours, plain * weights[:, None])


def test_each_of_several_labels_is_balanced_by_itself(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss of a run's training part is the mean over labels that scikit-learn's weights give; one never applies."""
    from sklearn.utils.class_weight import compute_sample_weight

    draw = torch.Generator().manual_seed(0)
    labels = (torch.rand(120, 4, generator=draw) < torch.tensor([0.1, 0.5, 0.9, 0.0])).to(torch.int64)
    labels[0, :3], labels[1, :3] = 1, 0
    np.savez(tmp_path / "x.npz", x=torch.randn(120, 5, generator=draw).numpy(), y=labels.numpy())
    spec = {
        "graphspec": 1, "inputs": {"x": ["N", 5]}, "layers": {"fc": {"type": "Linear", "out_features": 4}},
        "data": {"dataset": {"type": "npz", "file": "x.npz", "targets": ["y"]}, "root": ".", "validation": 0,
                 "test": 0},
        "train": {"epochs": 1, "loss": {"type": "BCEWithLogitsLoss", "weight": "balanced"}},
    }  # fmt: skip
    monkeypatch.chdir(tmp_path)
    learner, data = made(spec)
    output = torch.randn(120, 4, generator=draw)
    plain = F.binary_cross_entropy_with_logits(output, data.train.targets["y"], reduction="none")
    truth = data.train.targets["y"].numpy()
    weights = np.stack([compute_sample_weight("balanced", column) for column in truth.T], 1)
    weights[:, 3] = 0.5  # of one class: half of what scikit-learn, which knows no other, gives
    found = learner.objective(output, data.train.targets["y"]).item()
    assert found == pytest.approx(float((plain * weights).mean()), rel=1e-5)
