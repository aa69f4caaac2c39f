"""Data given in Python: arrays, tensors, data sets, loaders and dicts of parts train as the same data in a file do."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

import graphspec
from graphspec.diagnostics import GraphspecError, GraphspecWarning

SPEC = """
graphspec = 1
[inputs]
x = ["N", 4]
[layers]
fc = { type = "Linear", out_features = 3 }
[train]
epochs    = 2
loss      = "CrossEntropyLoss"
optimizer = { type = "SGD", lr = 0.1 }
metrics   = ["accuracy"]
"""
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4)).astype(np.float32)
Y = np.arange(60) % 3


class Pairs(Dataset):
    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return torch.from_numpy(X[index]), int(Y[index])


WAYS = {
    "arrays": (X, Y),
    "float64": (X.astype(np.float64), Y),
    "tensors": (torch.from_numpy(X), torch.from_numpy(Y)),
    "lists": (X.tolist(), Y.tolist()),
    "by name": ({"x": X}, {"y": Y}),
    "a data set": TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)),
    "a data set of one's own": Pairs(),
}


@pytest.fixture(scope="module")
def of_a_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("file")
    np.savez(folder / "data.npz", x=X, y=Y)
    text = SPEC + '[data]\ndataset = { type = "npz", file = "data.npz" }\n'
    return graphspec.train(text, run=folder / "run", data=folder)


@pytest.mark.parametrize("way", WAYS)
def test_it_trains_as_a_file_does(way, of_a_file, tmp_path) -> None:
    report = graphspec.train(SPEC, run=tmp_path / "run", data=WAYS[way])
    assert [row["train_loss"] for row in report.history] == [row["train_loss"] for row in of_a_file.history]
    assert report.evaluation.parts == of_a_file.evaluation.parts


def test_a_loader_is_its_data_set(of_a_file, tmp_path) -> None:
    loader = DataLoader(TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)), batch_size=7)
    with pytest.warns(GraphspecWarning, match="its data set is read"):
        report = graphspec.train(SPEC, run=tmp_path / "run", data=loader)
    assert report.evaluation.parts == of_a_file.evaluation.parts


def test_parts_are_taken_as_they_are(tmp_path) -> None:
    parts = {"train": (X[:40], Y[:40]), "validation": (X[40:50], Y[40:50]), "test": (X[50:], Y[50:])}
    data = graphspec.data(SPEC, parts)
    assert (len(data.train), len(data.validation), len(data.test.open())) == (40, 10, 10)
    assert torch.equal(data.train.inputs["x"], torch.from_numpy(X[:40]))


def test_a_spec_keeps_its_own_section_but_for_the_data_set(tmp_path) -> None:
    text = SPEC + '[data]\ndataset = "iris"\nbatch_size = 5\nvalidation = 0.5\ntransforms = ["StandardScaler"]\n'
    data = graphspec.data(text, (X, Y))
    assert (data.batch_size, data.name) == (5, "arrays")
    assert len(data.validation) == len(data.train)


def test_a_run_says_that_its_data_were_given_and_wants_them_again(tmp_path) -> None:
    text = SPEC + '[data]\ndataset = "iris"\n'
    report = graphspec.train(text, run=tmp_path / "run", data=(X, Y))
    assert graphspec.load(tmp_path / "run" / "spec.toml").spec.data.dataset.type == "arrays"
    with pytest.raises(GraphspecError, match=r"were given in Python.*data=\(x, y\)"):
        graphspec.evaluate(report)
    assert graphspec.evaluate(report, data=(X, Y)).parts["test"] == report.evaluation.parts["test"]
    assert report.evaluate(data=(X, Y)).parts["test"] == report.evaluation.parts["test"]
    found = graphspec.predict(report, data=(X, Y), count=2)
    assert len(found) == 2


def test_resume_takes_the_same_data_alone(tmp_path) -> None:
    whole = graphspec.train(SPEC, run=tmp_path / "whole", data=(X, Y))
    graphspec.train(SPEC, run=tmp_path / "run", data=(X, Y), epochs=1)
    report = graphspec.train(SPEC, run=tmp_path / "run", data=(X, Y), resume=True)
    assert report.history[-1]["train_loss"] == whole.history[-1]["train_loss"]
    graphspec.train(SPEC, run=tmp_path / "other", data=(X, Y), epochs=1)
    with pytest.raises(GraphspecError, match="checkpoint-mismatch"):
        graphspec.train(SPEC, run=tmp_path / "other", data=(X + 1, Y), resume=True)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ((X, Y[:10]), "differ in their number of samples: x 60, y 10"),
        ({"training": (X, Y)}, "the parts of data are train, validation and test"),
        ({"train": 3}, "data of type int is neither"),
        ((X, [1, "a"]), '"y" of data is no array of numbers'),
        ((X, np.where(Y == 0, -1, Y)), "classes count from 0"),
        ((X, np.where(Y == 1, 5, Y)), "no label is 1"),
        (([[1.0], [1.0, 2.0]], [0, 1]), '"x" of data is no array'),
    ],
)
def test_what_is_wrong_is_said(data, said) -> None:
    with pytest.raises(GraphspecError, match=said):
        graphspec.data(SPEC, data)


def test_the_input_alone_is_enough_where_it_is_the_target() -> None:
    text = SPEC.replace('"CrossEntropyLoss"', '"MSELoss"').replace('metrics   = ["accuracy"]', "")
    text += '[data]\ndataset = { type = "iris", targets = "input" }\n'
    data = graphspec.data(text, X)
    assert data.copied is not None
    assert not data.labels
