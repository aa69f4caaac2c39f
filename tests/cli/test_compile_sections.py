"""``graphspec compile`` checks every section as far as no data are needed: one wrong value a row, and its place."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

import graphspec
from graphspec.diagnostics import Code

SPEC: dict[str, Any] = {
    "graphspec": 1,
    "inputs": {"image": ["N", 1, 8, 8]},
    "layers": {"flatten": "Flatten", "fc": {"type": "Linear", "out_features": 10}},
    "data": {
        "dataset": "digits",
        "transforms": [{"type": "Normalize", "mean": [0.5], "std": [0.5]}],
        "augment": [{"type": "RandomCrop", "size": 8, "padding": 1}],
    },
    "train": {
        "loss": "CrossEntropyLoss", "optimizer": {"type": "Adam", "lr": 0.01}, "scheduler": "CosineAnnealingLR",
        "metrics": ["accuracy", "f1"], "monitor": "f1",
    },
    "export": {"formats": ["onnx"]},
    "tune": {"space": {"train.optimizer.lr": {"low": 1e-4, "high": 0.1, "log": True}}},
}  # fmt: skip

#: Where the value goes, the value; the code of the fault, and its place below that.
WRONG: list[tuple[str, Any, Code, tuple[Any, ...]]] = [
    ("data.dataset", "digit", "unknown-component", ()),
    ("data.dataset", {"type": "digits", "size": 3}, "unknown-argument", ("size",)),
    ("data.dataset", {"type": "csv", "target": "y"}, "missing-argument", ()),
    ("data.transforms", [{"type": "Normalise"}], "unknown-component", (0,)),
    ("data.transforms", ["ToTensor"], "unknown-component", (0,)),
    ("data.transforms", [{"type": "Normalize", "mean": [0.5], "std": [0]}], "bad-value", (0,)),
    ("data.transforms", [{"type": "Resize", "siz": 3}], "unknown-argument", (0, "siz")),
    ("data.transforms", ["StandardScaler", {"type": "Pad", "padding": 1}], "bad-value", (0,)),
    ("data.augment", ["RandomCorp"], "unknown-component", (0,)),
    ("data.augment", ["RandomCrop"], "missing-argument", (0,)),
    ("data.augment", [{"type": "MixUp", "alpha": 0}], "bad-value", (0,)),
    ("data.augment", ["MixUp", "RandomHorizontalFlip"], "bad-value", (1,)),
    ("train.loss", "CrossEntropy", "bad-loss", ()),
    ("train.loss", "AdaptiveLogSoftmaxWithLoss", "bad-loss", ()),
    ("train.loss", {"type": "MSELoss", "beta": 1}, "unknown-argument", ("beta",)),
    ("train.loss", {"type": "MSELoss", "reduction": "sum"}, "bad-loss", ("reduction",)),
    ("train.loss", {"type": "MSELoss", "output": "size"}, "bad-loss", ("output",)),
    ("train.loss", {"type": "MSELoss", "factor": 0}, "bad-value", ("factor",)),
    ("train.loss", [], "bad-loss", ()),
    ("train.optimizer", "Adamm", "unknown-component", ()),
    ("train.optimizer", {"type": "Adam", "learning_rate": 1}, "unknown-argument", ("learning_rate",)),
    ("train.optimizer", {"type": "Adam", "lr": -1}, "bad-value", ("lr",)),
    ("train.optimizer", {"type": "Adam", "betas": [2.0, 0.9]}, "bad-value", ()),
    ("train.scheduler", "CosineLR", "unknown-component", ()),
    ("train.scheduler", "StepLR", "missing-argument", ()),
    ("train.scheduler", {'type': 'LambdaLR', 'lr_lambda': "'%q' % 'x'"}, "bad-expression", ('lr_lambda',)),
    ("train.scheduler", {'type': 'LambdaLR', 'lr_lambda': "-'a'"}, "bad-expression", ('lr_lambda',)),
    ("train.metrics", ["acuracy"], "unknown-component", (0,)),
    ("train.metrics", [{"type": "f1", "average": "micro"}], "bad-value", (0, "average")),
    ("train.metrics", [{"type": "mae", "output": "size"}], "bad-metric", (0, "output")),
    ("train.metrics", ["accuracy", "accuracy"], "bad-metric", (1,)),
    ("train.monitor", "f2", "bad-metric", ()),
    ("export.formats", ["onnxx"], "bad-value", (0,)),
    ("tune.space", {"train.optimizer.lrr": {"low": 1, "high": 2}}, "unknown-argument", ("train.optimizer.lrr",)),
    ("tune.space", {"train.optimizer.lr": {"low": -1.0, "high": 2.0}}, "bad-value", ("train.optimizer.lr",)),
    ("tune.space", {'train.optimizer.type': {'choices': ['Adam', 'Adamm']}},
     "unknown-component", ('train.optimizer.type',)),
    ("tune.space", {"vars.width": {"low": 1, "high": 2}}, "no-such-path", ("vars.width",)),
    ("tune.space", {"train.epochs": {"low": 0, "high": 2}}, "bad-value", ("train.epochs",)),
    ("tune.space", {"layers.fd.out_features": {"low": 1, "high": 2}}, "no-such-path", ("layers.fd.out_features",)),
    ("tune.sampler", "TPE", "unknown-component", ()),
    ("tune.pruner", "Median", "unknown-component", ()),
]  # fmt: skip


def changed(path: str, value: Any) -> dict[str, Any]:
    section, key = path.split(".")
    return {**SPEC, section: {**SPEC[section], key: value}}


def test_the_spec_itself_is_right() -> None:
    assert graphspec.compile(SPEC).fc.out_features == 10


@pytest.mark.parametrize(
    ("path", "value", "code", "below"), WRONG, ids=[f"{row[0]} {n}" for n, row in enumerate(WRONG)]
)
def test_a_wrong_value_is_found_at_its_place(path: str, value: Any, code: Code, below: tuple[Any, ...]) -> None:
    if path.startswith("tune"):
        pytest.importorskip("optuna")
    spec = changed(path, value)
    if "metrics" in path:
        del spec["train"]["monitor"]
    with pytest.raises(graphspec.GraphspecError) as raised:
        graphspec.compile(spec)
    fault = raised.value.diagnostics[0]
    assert (fault.code, fault.at) == (code, (*path.split("."), *below))


def test_the_faults_of_all_sections_come_in_one_run() -> None:
    spec = changed("data.dataset", "digit")
    spec["train"] = {"loss": "NoLoss", "optimizer": "NoOptimizer", "metrics": ["none", "neither"]}
    with pytest.raises(graphspec.GraphspecError) as raised:
        graphspec.compile(spec)
    assert [fault.at for fault in raised.value.diagnostics] == [
        ("data", "dataset"), ("train", "loss"), ("train", "metrics", 0), ("train", "metrics", 1),
        ("train", "optimizer"),
    ]  # fmt: skip


def test_a_search_without_an_optimizer_in_the_spec_is_told_its_place() -> None:
    pytest.importorskip("optuna")
    spec = {**SPEC, "train": {"loss": "CrossEntropyLoss"}}
    with pytest.raises(graphspec.GraphspecError) as raised:
        graphspec.compile(spec)
    assert [fault.at for fault in raised.value.diagnostics] == [("tune", "space", "train.optimizer.lr")]


def test_a_spec_without_data_needs_no_torchvision() -> None:
    script = """
import sys, graphspec
graphspec.compile({"graphspec": 1, "inputs": {"x": ["N", 4]}, "layers": {"fc": {"type": "Linear", "out_features": 2}}})
assert not {"torchvision", "optuna", "graphspec.training", "graphspec.data", "graphspec.exporting"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", script], check=True)
