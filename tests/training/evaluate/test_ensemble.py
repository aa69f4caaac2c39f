"""``--ensemble``: several runs measured, and asked, as one; the mean of probabilities computed by hand beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score

import graphspec
from graphspec.compiler import Network
from graphspec.data import load_data
from graphspec.diagnostics import GraphspecError, GraphspecWarning
from graphspec.probability import EXP, ITSELF, SIGMOID, SOFTMAX, Probability
from graphspec.training import read_weights


def spec(**change: Any) -> dict[str, Any]:
    return {
        "graphspec": 1,
        "inputs": {"x": ["N", 4]},
        "layers": {"hidden": {"type": "Linear", "out_features": 8}, "relu": "ReLU", "head": HEAD},
        "data": {"dataset": "iris", "validation": 0.2, "transforms": ["StandardScaler"]},
        "train": {"epochs": 5, "optimizer": {"type": "Adam", "lr": 0.02}, "metrics": ["accuracy"]},
        **change,
    }


HEAD = {"type": "Linear", "out_features": 3}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two runs of one data set with other networks and other preprocessing, a fold, and a regression."""
    folder = tmp_path_factory.mktemp("runs")
    wide = spec(layers={"hidden": {"type": "Linear", "out_features": 20}, "act": "Tanh", "head": HEAD})
    plain = spec()
    plain["data"] = {**plain["data"], "transforms": []}
    other = spec()
    other["train"] = {**other["train"], "seed": 1}
    other["layers"] = {**other["layers"], "log": {"type": "LogSoftmax", "dim": 1}}
    other["train"]["loss"] = "NLLLoss"
    made = []
    for name, raw in (("wide", wide), ("plain", plain), ("other", other)):
        graphspec.train(raw, run=folder / name, device="cpu")
        made.append(folder / name)
    return made


def probabilities(run: Path, part: str) -> tuple[torch.Tensor, torch.Tensor]:
    network = Network.open(run, "run")
    module, data = network.build().eval(), load_data(network.spec)
    module.load_state_dict(read_weights(run))
    (batch,) = data.batches(part).in_order(1000)  # type: ignore[arg-type]
    ((x,), (y,)) = batch.inputs.values(), batch.targets.values()
    with torch.no_grad():
        return module(x).softmax(1), y


def test_the_mean_of_probabilities_is_measured(runs: list[Path]) -> None:
    report = graphspec.evaluate(runs[0], ensemble=[runs[1]], device="cpu")
    assert list(report.parts) == ["train", "validation", "test"]
    for part, metrics in report.parts.items():
        (one, y), (two, _) = (probabilities(run, part) for run in runs[:2])
        mean = (one + two) / 2
        loss = -mean.gather(1, y[:, None]).log().mean().item()
        assert metrics["loss"] == pytest.approx(loss, abs=1e-6)
        assert metrics["accuracy"] == accuracy_score(y, mean.argmax(1))
    assert not report.files


def test_it_predicts_by_the_mean(runs: list[Path], tmp_path: Path) -> None:
    np.save(
        tmp_path / "x.npy", load_data(Network.open(runs[1], "run").spec).batch(5, "test").inputs["features"].numpy()
    )
    for files in ([], [tmp_path / "x.npy"]):
        one, two = (graphspec.predict(run, files) for run in runs[:2])
        both = graphspec.predict(runs[0], files, ensemble=runs[1:2])
        for a, b, mean in zip(one, two, both, strict=True):
            shares = [torch.tensor(each.outputs["output"]).softmax(0) for each in (a, b)]
            expected = (shares[0] + shares[1]) / 2
            assert torch.allclose(torch.tensor(mean.outputs["output"]).softmax(0), expected, atol=1e-6)
            assert mean.probability == pytest.approx(expected.max().item(), abs=1e-6)
            assert (mean.sample, mean.target) == (a.sample, a.target)


def test_what_does_not_fit_is_refused(runs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(GraphspecError, match="is not read in one way"):
        graphspec.predict(runs[0], ensemble=[runs[2]])
    with pytest.raises(GraphspecError, match="do not read their outputs in one way"):
        graphspec.evaluate(runs[0], ensemble=[runs[2]], device="cpu")
    seeded = spec()
    seeded["train"] = {**seeded["train"], "seed": 5, "epochs": 1}
    graphspec.train(seeded, run=tmp_path / "seeded", device="cpu")
    with pytest.raises(GraphspecError, match="no part in common"), pytest.warns(GraphspecWarning, match="not the same"):
        graphspec.evaluate(runs[0], ensemble=[tmp_path / "seeded"], device="cpu")
    named = spec(inputs={"z": ["N", 4]})
    graphspec.train(named, run=tmp_path / "named", device="cpu")
    with pytest.raises(GraphspecError, match="differ in their inputs: x and z"):
        graphspec.predict(runs[0], ensemble=[tmp_path / "named"])


@pytest.mark.parametrize(
    ("probability", "outputs"),
    [
        (SOFTMAX, torch.randn(3, 4, 5)),
        (EXP, torch.randn(3, 4, 5).log_softmax(2)),
        (SIGMOID, 5 * torch.randn(3, 4, 5)),
        (ITSELF, torch.rand(3, 4, 5)),
    ],
    ids=["softmax", "exp", "sigmoid", "itself"],
)
def test_an_output_has_the_mean_probability(probability: Probability, outputs: torch.Tensor) -> None:
    expected = torch.stack([probability.tensors(each) for each in outputs]).mean(0)
    assert torch.allclose(probability.tensors(probability.mean(outputs)), expected, atol=1e-6)
