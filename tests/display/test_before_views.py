"""What stands before a run shows itself too: in at most ten lines, and as a page."""

from __future__ import annotations

import pytest
import torch

import graphspec

SPEC = """
graphspec = 1
[inputs]
x = ["N", 4]
[layers]
fc = { type = "Linear", out_features = 3 }
[data]
dataset = "iris"
[train]
epochs    = 2
loss      = "CrossEntropyLoss"
optimizer = { type = "Adam", lr = 0.1 }
[tune]
trials = 2
[tune.space]
"train.optimizer.lr" = { low = 0.001, high = 0.1 }
"""
#: What makes it, how its text begins, and what stands on its page.
CASES = {
    "data": (lambda: graphspec.data(SPEC), "DataSet iris: 108 train, 12 validation, a sealed test part", "versicolor"),
    "find_lr": (lambda: graphspec.find_lr(SPEC), "The loss falls fastest at lr = ", "falls fastest"),
    "overfit_batch": (lambda: graphspec.overfit_batch(SPEC), "The loss of one batch of 32 falls from ", "can learn"),
    "tune": (lambda: graphspec.tune(SPEC, run="study"), "TuneReport study: 2 complete", "train.optimizer.lr"),
    "from_module": (
        lambda: graphspec.from_module(torch.nn.Sequential(torch.nn.Linear(4, 3)), {"x": torch.zeros(2, 4)}),
        "Imported sequential: a spec of ", "out_features = 3",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_shows_itself(name: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    make, begins, shown = CASES[name]
    made = make()
    assert repr(made).startswith(begins)
    assert len(repr(made).splitlines()) <= 10
    assert shown in made._repr_html_()
