"""Trials in one pass: the numbers of trials one after the other, or a word on why not."""

from __future__ import annotations

import csv
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from graphspec import compiler, pipeline
from graphspec.tuning.tune_report import TuneReport

Tune = Callable[..., TuneReport]
#: How far a trial's loss may be from the same trial's alone: sums in another order, over 30 updates.
TOLERANCE = 1e-5
LOGITS = {"type": "Linear", "out_features": 3}


@pytest.fixture
def search(iris: dict[str, Any]) -> dict[str, Any]:
    """Six learning rates and no pruning: nothing that is drawn depends on how earlier trials ended."""
    iris["train"] |= {"epochs": 5}
    iris["tune"] = {
        "space": {"train.optimizer.lr": {"low": 0.001, "high": 0.1, "log": True}},
        "trials": 6,
        "sampler": "RandomSampler",
        "pruner": "NopPruner",
        "metric": "loss",
    }
    return iris


@pytest.mark.parametrize(
    "change",
    [
        {"optimizer": {"type": "Adam", "lr": 0.01}},
        {"optimizer": {"type": "SGD", "lr": 0.01, "momentum": 0.9, "nesterov": True}},
        {"optimizer": {"type": "AdamW", "lr": 0.01, "weight_decay": 0.1}, "scheduler": "CosineAnnealingLR"},
        {"optimizer": {"type": "RMSprop", "lr": 0.01}, "scheduler": {"type": "StepLR", "step_size": 2}, "warmup": 4},
    ],
    ids=["adam", "sgd", "adamw-cosine", "rmsprop-step"],
)
def test_one_pass_gives_the_numbers_of_each_trial(
    search: dict[str, Any], tune: Tune, tmp_path: Path, change: dict[str, Any]
) -> None:
    search["train"] |= change
    alone = tune(search, run=tmp_path / "alone")
    search["tune"]["vmap"] = 4  # six trials are a pass of four and one of two
    said: list[str] = []
    joined = tune(search, run=tmp_path / "joined", say=said.append)
    assert not [line for line in said if "one trial at a time" in line]
    assert [trial.values for trial in joined.trials] == [trial.values for trial in alone.trials]
    for one, other in zip(joined.trials, alone.trials, strict=True):
        assert one.value == pytest.approx(other.value, abs=TOLERANCE)
        rows = [(tmp_path / run / "trials" / str(one.number) / "metrics.csv").open() for run in ("joined", "alone")]
        for a, b in zip(*map(csv.DictReader, rows), strict=True):
            assert a.keys() == b.keys()
            assert {k: float(a[k]) for k in a if k != "seconds"} == pytest.approx(
                {k: float(b[k]) for k in b if k != "seconds"}, abs=TOLERANCE
            )


def test_a_trial_of_a_pass_is_a_run(search: dict[str, Any], tune: Tune, tmp_path: Path) -> None:
    search["tune"]["vmap"] = 6
    report = tune(search)
    assert report.evaluation.parts["validation"]["loss"] == pytest.approx(
        report.trials[report.best].value, abs=TOLERANCE
    )
    weights = load_file(report.best_run / "best.safetensors")
    assert weights.keys() == pipeline.compile(search).state_dict().keys()
    assert compiler.load(report.best_run / "spec.toml").spec.train.optimizer.args == {
        "lr": report.trials[report.best].values["train.optimizer.lr"]
    }


def test_a_trial_that_fails_or_is_pruned_leaves_the_others_alone(search: dict[str, Any], tune: Tune) -> None:
    search["train"]["optimizer"] = {"type": "SGD", "lr": 0.1}
    search["tune"] |= {
        "space": {"train.optimizer.momentum": {"choices": [0.5, 1e30, 0.0]}},
        "sampler": "GridSampler",
        "pruner": {"type": "ThresholdPruner", "upper": 1e6},
        "vmap": 3,
    }
    report = tune(search)
    by_momentum = {trial.values["train.optimizer.momentum"]: trial.state for trial in report.trials}
    assert by_momentum == {0.5: "complete", 1e30: "failed", 0.0: "complete"}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"layers": {"fc1": {**LOGITS, "bias": False}, "norm": "BatchNorm1d"}}, '"norm" keeps running statistics'),
        ({"layers": {"drop": "Dropout", "logits": LOGITS}}, "random"),
        ({"train": {"epochs": 1, "optimizer": "Adam", "clip_grad_norm": 1.0}}, "clip_grad_norm is for one trial"),
        ({"train": {"epochs": 1, "optimizer": "Adam", "scheduler": "ReduceLROnPlateau"}}, "ReduceLROnPlateau"),
    ],
)
def test_what_cannot_be_one_pass_is_trained_one_by_one(
    search: dict[str, Any], tune: Tune, change: dict[str, Any], why: str
) -> None:
    said: list[str] = []
    search["tune"] |= {"vmap": 2, "trials": 2}
    report = tune(search | change, say=said.append)
    assert report.counts == {"complete": 2}
    assert [line for line in said if line.startswith("one trial at a time: ") and why in line], said


def test_trials_that_differ_in_more_are_trained_one_by_one(search: dict[str, Any], tune: Tune) -> None:
    said: list[str] = []
    search["tune"] |= {"vmap": 2, "trials": 2, "space": {"vars.width": {"choices": [4, 8]}}}
    tune(search, say=said.append)
    assert said[0] == "one trial at a time: vars.width changes more than the optimiser's numbers"


def test_too_little_memory_for_several_trials_is_said(tmp_path: Path) -> None:
    """A batch of each trial gives 85 MB of activations; a fork may have 150 MB."""
    layers = {
        "conv": {"type": "Conv2d", "out_channels": 256, "kernel_size": 1},
        "pool": {"type": "AdaptiveAvgPool2d", "output_size": 1},
        "flatten": "Flatten",
        "logits": {"type": "Linear", "out_features": 10},
    }
    spec = {
        "graphspec": 1,
        "inputs": {"image": ["N", 1, 8, 8]},
        "layers": layers,
        "data": {"dataset": "digits", "batch_size": 1200},
        "train": {"epochs": 1, "optimizer": {"type": "SGD", "lr": 0.1}},
        "tune": {"space": {"train.optimizer.lr": {"low": 0.1, "high": 0.2}}, "trials": 4, "vmap": 4, "metric": "loss"},
    }
    child = os.fork()
    if child == 0:
        try:
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + (150 << 20), resource.RLIM_INFINITY))
            pipeline.tune(spec, run=tmp_path / "study", device="cpu")
        except BaseException as error:
            (tmp_path / "said").write_text(f"{type(error).__name__}: {error}")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    said = (tmp_path / "said").read_text()
    assert said.startswith("GraphspecError: "), said
    assert "error[out-of-memory]: memory is too small for 4 trials at once; a smaller vmap" in said
