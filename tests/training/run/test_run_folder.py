"""A run folder belongs to one run, and one process."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from safetensors.torch import load_file

from graphspec import compiler, pipeline
from graphspec.diagnostics import GraphspecError
from graphspec.training.run.run_folder import RunFolder

Fit = Callable[..., Any]


def test_what_a_run_leaves(digits: dict[str, Any], fit: Fit, tmp_path: Path) -> None:
    report, run = fit(digits), tmp_path / "run"
    assert {path.name for path in run.iterdir()} == {
        ".lock", "best.safetensors", "checkpoints", "confusion_matrix.png", "curves.png", "environment.json",
        "evaluation.json", "learned.json", "last.safetensors", "metrics.csv", "spec.toml",
    }  # fmt: skip
    rows = list(csv.DictReader((run / "metrics.csv").open()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert float(rows[-1]["validation_accuracy"]) == report.history[-1]["validation_accuracy"]
    assert load_file(run / "best.safetensors").keys() == pipeline.compile(digits).state_dict().keys()
    assert compiler.load(run / "spec.toml").spec.model_dump() == compiler.load(digits).spec.model_dump()
    assert json.loads((run / "environment.json").read_text())["versions"].keys() >= {"python", "torch", "graphspec"}
    for picture in run.glob("*.png"):
        assert min(Image.open(picture).size) > 300


def test_the_weights_best_on_validation_are_the_ones_that_count(
    digits: dict[str, Any], fit: Fit, tmp_path: Path
) -> None:
    report = fit(digits, epochs=6)
    best = max(report.history, key=lambda row: (row["validation_accuracy"], -row["validation_loss"]))
    assert report.best_epoch == best["epoch"]
    assert report.metrics["validation"]["accuracy"] == best["validation_accuracy"]
    assert report.metrics["validation"]["loss"] == best["validation_loss"]


def test_a_folder_that_holds_a_run_is_refused(digits: dict[str, Any], fit: Fit) -> None:
    fit(digits, epochs=1)
    with pytest.raises(GraphspecError, match=r"run-exists.*--resume"):
        fit(digits, epochs=1)


def test_a_folder_with_other_files_is_refused(digits: dict[str, Any], fit: Fit, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("mine")
    with pytest.raises(GraphspecError, match=r"exists.*holds other files"):
        fit(digits)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["thesis.txt"]


def test_a_file_is_no_folder(digits: dict[str, Any], fit: Fit, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(GraphspecError, match=r"exists.*is a file"):
        fit(digits)


def test_there_must_be_a_run_to_resume(digits: dict[str, Any], fit: Fit, tmp_path: Path) -> None:
    with pytest.raises(GraphspecError, match=r"no-run.*holds no run to resume"):
        fit(digits, resume=True)
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_written_is_said_before_the_first_step(digits: dict[str, Any], fit: Fit) -> None:
    with pytest.raises(GraphspecError, match="unwritable"):
        fit(digits, Path("/proc/run"))


def test_two_processes_cannot_train_in_one_folder(digits: dict[str, Any], fit: Fit, tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run"), pytest.raises(GraphspecError, match="run-locked"):
        fit(digits)
    fit(digits, epochs=1)


def test_what_a_killed_process_left_is_removed(digits: dict[str, Any], fit: Fit, tmp_path: Path) -> None:
    fit(digits, epochs=1)
    run = tmp_path / "run"
    leftovers = [run / ".metrics.csv.4242.tmp", run / "checkpoints" / ".step-0000000007.json.4242.tmp"]
    foreign = run / ".notes.tmp"
    for path in (*leftovers, foreign):
        path.write_text("half")
    fit(digits, resume=True, epochs=1)
    assert not any(path.exists() for path in leftovers)
    assert foreign.exists()


def test_weights_of_another_network_are_refused(digits: dict[str, Any], fit: Fit, tmp_path: Path) -> None:
    fit(digits, epochs=1)
    digits["layers"]["logits"]["bias"] = False
    from graphspec.training import load_weights, read_weights

    with pytest.raises(GraphspecError, match=r"checkpoint-mismatch.*another network's[\s\S]*logits.bias is not in"):
        load_weights(pipeline.compile(digits), read_weights(tmp_path / "run"))
