"""A search: values drawn, trained as any spec, the best one kept; failures are results."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from graphspec import compiler, pipeline
from graphspec.diagnostics import GraphspecError
from graphspec.tuning.tune_report import TuneReport

Tune = Callable[..., TuneReport]


def test_what_a_search_leaves(iris: dict[str, Any], tune: Tune, tmp_path: Path) -> None:
    report, folder = tune(iris), tmp_path / "study"
    assert report.counts == {"complete": 4}
    assert {"best.toml", "trials.csv", "study.png", "spec.toml", "journal.log"} <= {p.name for p in folder.iterdir()}
    rows = list(csv.DictReader((folder / "trials.csv").open()))
    assert [float(row["accuracy"]) for row in rows] == [trial.value for trial in report.trials]
    assert min(Image.open(folder / "study.png").size) > 300
    best = report.trials[report.best]
    assert best.value == max(trial.value for trial in report.trials)
    assert compiler.load(folder / "spec.toml").spec.model_dump() == compiler.load(iris).spec.model_dump()
    assert sum(report.importances.values()) == pytest.approx(1)


def test_values_go_where_set_puts_them_and_the_best_spec_has_them(
    iris: dict[str, Any], tune: Tune, tmp_path: Path
) -> None:
    report = tune(iris)
    best = compiler.load(tmp_path / "study" / "best.toml").spec
    values = report.trials[report.best].values
    assert best.tune is None
    assert best.vars["width"] == values["vars.width"]
    assert best.train.optimizer.args["lr"] == values["train.optimizer.lr"]
    assert pipeline.compile(best).fc1.out_features == values["vars.width"]


def test_a_trial_is_the_run_that_its_spec_makes_alone(iris: dict[str, Any], tune: Tune, tmp_path: Path) -> None:
    report = tune(iris)
    alone = pipeline.train(tmp_path / "study" / "best.toml", run=tmp_path / "alone", device="cpu")
    assert alone.history[alone.best_epoch - 1]["validation_accuracy"] == report.trials[report.best].value
    assert report.evaluation.parts == alone.metrics
    weights = [path / "best.safetensors" for path in (report.best_run, tmp_path / "alone")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_a_metric_is_searched_by_the_name_that_it_has_in_a_run(iris: dict[str, Any], tune: Tune) -> None:
    """Also one that names the only output, and one of two that share a name."""
    iris["outputs"] = {"kind": list(iris["layers"])[-1]}
    iris["train"]["metrics"] = [{"type": "accuracy", "output": "kind"}, "f1", {"type": "f1", "average": "weighted"}]
    iris["tune"]["metric"] = "f1_weighted"
    assert tune(iris).metric == "f1_weighted"


@pytest.mark.parametrize(
    ("space", "possible"),
    [
        ({"vars.width": {"low": 2, "high": 6, "step": 2}}, {2, 4, 6}),
        ({"data.batch_size": {"choices": [8, 32]}}, {8, 32}),
        ({"layers.relu": {"choices": ["Tanh", {"type": "ELU", "alpha": 0.5}]}}, {"Tanh", "ELU"}),
        ({"train.optimizer": {"choices": [{"type": "SGD", "lr": 0.1}, {"type": "Adam", "lr": 0.1}]}}, {"SGD", "Adam"}),
        ({"train": {"optimizer": {"lr": {"low": 0.5, "high": 1.0, "step": 0.25}}}}, {0.5, 0.75, 1.0}),
    ],
)
def test_a_grid_tries_everything_once(
    iris: dict[str, Any], tune: Tune, space: Any, possible: set[Any], tmp_path: Path
) -> None:
    """The last one is a dotted key without quotes, as TOML reads it."""
    iris["tune"] = {"space": space, "sampler": "GridSampler", "trials": 50}
    report = tune(iris)
    assert report.counts == {"complete": len(possible)}
    values = [next(iter(trial.values.values())) for trial in report.trials]
    found = {next((name for name in possible if str(name) in str(value)), value) for value in values}
    assert found == possible


def test_a_trial_that_fails_is_a_result(iris: dict[str, Any], tune: Tune) -> None:
    iris["tune"] = {"space": {"vars.width": {"choices": [0, 8]}}, "sampler": "GridSampler"}
    report = tune(iris)
    assert report.counts == {"complete": 1, "failed": 1}
    failed = next(trial for trial in report.trials if trial.state == "failed")
    assert "out_features" in failed.error
    assert report.trials[report.best].values == {"vars.width": 8}


def test_a_loss_that_is_not_finite_is_a_failed_trial(iris: dict[str, Any], tune: Tune) -> None:
    iris["train"] = {"epochs": 2, "optimizer": {"type": "SGD", "lr": 0.1}}
    iris["tune"] = {"space": {"train.optimizer.momentum": {"choices": [0.5, 1e30]}}, "sampler": "GridSampler"}
    report = tune(iris)
    assert report.counts == {"complete": 1, "failed": 1}


def test_a_search_in_which_nothing_works_is_an_error(iris: dict[str, Any], tune: Tune) -> None:
    iris["tune"] = {"space": {"vars.width": {"choices": [0, -1]}}, "trials": 2}
    with pytest.raises(GraphspecError, match=r"no trial of the search was complete(.|\n)*trial 0: .*out_features"):
        tune(iris)


def test_a_trial_that_cannot_win_is_pruned(iris: dict[str, Any], tune: Tune) -> None:
    iris["train"]["epochs"] = 4
    iris["tune"] |= {
        "space": {"train.optimizer.lr": {"choices": [0.2, 1e-9]}},
        "sampler": "GridSampler",
        "metric": "loss",
        "pruner": {"type": "ThresholdPruner", "upper": 1.0},
    }
    report = tune(iris)
    pruned = next(trial for trial in report.trials if trial.state == "pruned")
    assert pruned.values == {"train.optimizer.lr": 1e-9}
    assert pruned.epochs == 1
    assert report.direction == "minimize"


@pytest.mark.parametrize("sampler", ["TPESampler", "RandomSampler", "QMCSampler", "NSGAIISampler", "GPSampler"])
def test_every_sampler_draws_the_same_again(iris: dict[str, Any], tune: Tune, sampler: str, tmp_path: Path) -> None:
    iris["tune"] |= {"sampler": sampler, "trials": 2}
    iris["train"]["epochs"] = 1
    one, two = (tune(iris, run=tmp_path / name) for name in "ab")
    assert [trial.values for trial in one.trials] == [trial.values for trial in two.trials]
    assert one.trials[0].values != one.trials[1].values


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"space": {}}, r"missing-key.*tune.space"),
    ({"space": {"train.optimizer.lr": {"low": 1}}}, r'missing-key.*"high" is missing'),
    ({"space": {"train.optimizer.lr": {"low": 2, "high": 1}}}, r"bad-value.*more than high"),
    ({"space": {"train.optimizer.lr": {"low": 0.0, "high": 1.0, "log": True}}}, "bad-value"),
    ({"space": {"train.optimizer.lr": {"lo": 0.1, "high": 1.0}}}, r'unknown-key.*did you mean "low"\?'),
    ({"space": {"vars.width": {"choices": []}}}, "missing-key.*is empty"),
    ({"space": {"vars.width": {"choices": [1, 1]}}}, r"bad-value.*twice"),
    ({"space": {"vars.width": {"choices": [1], "low": 2}}}, r"bad-value.*choices go without"),
    ({"space": {"vars.wdth": {"choices": [1, 2]}}}, r'no-such-path.*did you mean "width"\?'),
    ({"space": {"layers.fc9.out_features": {"choices": [1, 2]}}}, "no-such-path"),
    ({"space": {"tune.trials": {"choices": [1, 2]}}}, "bad-value.*cannot change itself"),
    ({"trials": 0}, "bad-value"),
    ({"sampler": "TPE"}, r"unknown-component.*sampler"),
    ({"sampler": {"type": "TPESampler", "n_startup": 3}}, r'unknown-argument.*did you mean "n_startup_trials"\?'),
    ({"sampler": "GridSampler"}, r"bad-value.*a grid needs"),
    ({"sampler": "GridSampler", "space": {"train.seed": {"low": 1, "high": 10**12}}}, r"too-large.*1,000,000,000,000"),
    (
        {
            "sampler": "GridSampler",
            "space": {f"train.{key}": {"low": 0, "high": 999} for key in ("seed", "epochs")},
        },
        r"too-large.*1,000,000 points",
    ),
    ({"space": {"train.optimizer.lr": {"low": 0.0, "high": 1e308, "step": 1e-300}}}, "bad-value.*told apart"),
    ({"space": {"train.optimizer.lr": {"low": -1e308, "high": 1e308}}}, "bad-value.*told apart"),
    ({"space": {"train.seed": {"low": 0, "high": 10**30}}}, "bad-value.*told apart"),
    ({"pruner": "CmaEsSampler"}, r"unknown-component.*pruner"),
    ({"metric": "acuracy"}, r'bad-metric.*did you mean "accuracy"\?'),
    ({"direction": "up"}, "bad-value"),
]


@pytest.mark.parametrize(("change", "message"), WRONG, ids=[message for _, message in WRONG])
def test_a_wrong_search_is_said_before_the_first_trial(
    iris: dict[str, Any], tune: Tune, change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    iris["tune"] |= change
    with pytest.raises(GraphspecError, match=message):
        tune(iris)
    assert not (tmp_path / "study").exists()


def test_a_path_into_what_the_spec_leaves_out_is_said_at_its_place(tmp_path: Path) -> None:
    text = SPEC_WITHOUT_OPTIMIZER
    with pytest.raises(GraphspecError) as caught:
        pipeline.tune(text, run=tmp_path / "study")
    (fault,) = caught.value.diagnostics
    assert (fault.at, fault.position.line) == (("tune", "space", "train.optimizer.lr"), 14)


SPEC_WITHOUT_OPTIMIZER = """graphspec = 1
[inputs]
x = ["N", 4]
[layers]
fc = { type = "Linear", out_features = 3 }
[data]
dataset = "iris"
[train]
loss = "CrossEntropyLoss"
epochs = 1
[tune]
trials = 1
[tune.space]
"train.optimizer.lr" = { low = 0.1, high = 0.2 }
"""


def test_a_spec_without_tune_is_refused(iris: dict[str, Any], tune: Tune) -> None:
    del iris["tune"]
    with pytest.raises(GraphspecError, match=r"has no \[tune\] section"):
        tune(iris)


def test_a_search_needs_a_validation_part(iris: dict[str, Any], tune: Tune) -> None:
    iris["data"]["validation"] = 0.0
    with pytest.raises(GraphspecError, match="a search needs a validation part"):
        tune(iris)


def test_tune_is_not_compiled_but_checked(iris: dict[str, Any]) -> None:
    assert compiler.load(iris).spec.tune.trials == 4
    iris["tune"]["trils"] = 3
    with pytest.raises(GraphspecError, match=r'did you mean "trials"\?'):
        compiler.load(iris)
