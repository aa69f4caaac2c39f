"""``graphspec tune`` on the command line."""

from __future__ import annotations

import json
import sys


def spec(trials: int = 3) -> str:
    return json.dumps(
        {
            "graphspec": 1,
            "name": "iris",
            "inputs": {"x": ["N", 4]},
            "layers": {"logits": {"type": "Linear", "out_features": 3}},
            "data": {"dataset": "iris", "validation": 0.3},
            "train": {"epochs": 1, "optimizer": "Adam"},
            "tune": {"trials": trials, "space": {"train.optimizer.lr": {"low": 0.001, "high": 0.1, "log": True}}},
        }
    )


def test_a_line_a_trial_and_a_table(command):
    done = command("tune", "-", "--device", "cpu", stdin=spec())
    assert done.code == 0
    assert [line.split("  ")[0] for line in done.err.splitlines() if line.startswith("trial")] == [
        "trial 0", "trial 1", "trial 2",
    ]  # fmt: skip
    for words in ("validation accuracy", "train.optimizer.lr", "best", "Best run    runs/iris-tune/trials/", "test"):
        assert words in done.out


def test_json(command):
    done = command("tune", "-", "--device", "cpu", "--trials", 2, "--json", stdin=spec())
    document = done.document
    assert document["counts"] == {"complete": 2}
    assert document["trials"][document["best"]]["value"] == max(trial["value"] for trial in document["trials"])
    assert document["evaluation"]["parts"].keys() == {"train", "validation", "test"}


def test_without_optuna_it_says_what_to_install(command, monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setitem(sys.modules, "optuna", None)
    done = command("tune", "-", stdin=spec())
    assert done.code == 1
    assert "error[missing-package]: a search needs Optuna, which is not installed; pip install" in done.err


def test_under_torchrun_it_says_what_to_do_instead(command, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    done = command("tune", "-", stdin=spec())
    assert done.code == 1
    assert "a search is not started by torchrun" in done.err
