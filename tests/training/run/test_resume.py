"""A run that was stopped, at any step and in any way, ends with the very bits of one that was not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from graphspec import compiler
from graphspec.diagnostics import GraphspecError, GraphspecWarning
from graphspec.training.run.reporter import Silent
from graphspec.training.run.resume import check_same_run
from graphspec.training.run.signals import Interrupted, Terminated

STEPS = 33  # 3 epochs of 11 batches


class StopAt(Silent):
    """Sends this process a signal after `step` steps."""

    def __init__(self, step: int, number: int = signal.SIGTERM) -> None:
        self.left, self.number = step, number

    def step(self, loss: float) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), self.number)


def outcome(run: Path) -> dict[str, object]:
    """What two runs must have in common: weights and figures, times apart."""
    rows = [line.rsplit(",", 1)[0] for line in (run / "metrics.csv").read_text().splitlines()]
    weights = {name: (run / f"{name}.safetensors").read_bytes() for name in ("best", "last")}
    return {"rows": rows, "parts": json.loads((run / "evaluation.json").read_text())["parts"], **weights}


@pytest.fixture
def whole(digits: dict[str, Any], fit: Any, tmp_path: Path) -> dict[str, object]:
    """The outcome of the run that is never stopped."""
    fit(digits, tmp_path / "whole")
    return outcome(tmp_path / "whole")


@pytest.mark.parametrize("step", [1, 5, 11, 12, 30, STEPS])
def test_stopped_at_any_step(step: int, whole: object, digits: dict[str, Any], fit: Any, tmp_path: Path) -> None:
    with pytest.raises(Terminated, match=rf"SIGTERM after step {step}\b.*--resume"):
        fit(digits, reporter=StopAt(step))
    fit(digits, resume=True)
    assert outcome(tmp_path / "run") == whole


def test_stopped_again_and_again(whole: object, digits: dict[str, Any], fit: Any, tmp_path: Path) -> None:
    for resume in (False, True, True):
        with pytest.raises(Interrupted, match="SIGINT"):
            fit(digits, resume=resume, reporter=StopAt(7, signal.SIGINT))
    fit(digits, resume=True)
    assert outcome(tmp_path / "run") == whole


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_exit_codes_of_signals(number: int, status: int, digits: dict[str, Any], fit: Any) -> None:
    before = signal.getsignal(number)
    with pytest.raises(GraphspecError) as caught:
        fit(digits, reporter=StopAt(2, number))
    assert caught.value.exit_code == status
    assert signal.getsignal(number) is before


def test_epochs_can_be_extended(digits: dict[str, Any], fit: Any, tmp_path: Path) -> None:
    del digits["train"]["scheduler"]
    fit(digits, tmp_path / "long", epochs=4)
    fit(digits, epochs=2)
    fit(digits, resume=True, epochs=4)
    assert outcome(tmp_path / "run") == outcome(tmp_path / "long")


def test_a_plan_over_the_run_is_not_stretched(digits: dict[str, Any], fit: Any) -> None:
    fit(digits)
    with pytest.raises(GraphspecError, match=r"OneCycleLR was planned with total_steps = 33, .* need 44"):
        fit(digits, resume=True, epochs=4)


def test_a_scheduler_that_has_no_end_goes_on(digits: dict[str, Any], fit: Any) -> None:
    digits["train"]["scheduler"] = "CosineAnnealingLR"
    fit(digits, epochs=2)
    with pytest.warns(GraphspecWarning, match=r"CosineAnnealingLR was planned with T_max = 2.*goes on as planned"):
        assert fit(digits, resume=True, epochs=3).epochs == 3


def test_resuming_what_is_finished_changes_nothing(digits: dict[str, Any], fit: Any, tmp_path: Path) -> None:
    fit(digits)
    before = outcome(tmp_path / "run")
    assert fit(digits, resume=True).epochs == 3
    assert outcome(tmp_path / "run") == before


KILLED = """
import json, os, signal, sys
from pathlib import Path
import torch
from graphspec import compiler
from graphspec.training import RunOptions, train
from graphspec.training.run.reporter import Silent

class Kill(Silent):
    left = int(sys.argv[3])
    def step(self, loss):
        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)

torch.set_num_threads(1)
network = compiler.load(json.loads(sys.argv[1]))
train(network, RunOptions(folder=Path(sys.argv[2]), device="cpu"), reporter=Kill())
"""


@pytest.mark.slow
@pytest.mark.parametrize("step", [3, 29])
def test_killed(step: int, whole: object, digits: dict[str, Any], fit: Any, tmp_path: Path) -> None:
    """kill -9 before the first checkpoint, and between two."""
    run = tmp_path / "run"
    arguments = [json.dumps(digits), str(run), str(step)]
    killed = subprocess.run([sys.executable, "-c", KILLED, *arguments], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    if not list(run.glob("checkpoints/*.json")):
        with pytest.warns(GraphspecWarning, match="before its first checkpoint"):
            fit(digits, resume=True)
    else:
        fit(digits, resume=True)
    assert outcome(run) == whole


@pytest.mark.parametrize(
    ("section", "key", "value", "expected"),
    [
        ("train", "seed", 1, r"train\.seed was 0 when the run began and is 1 now"),
        ("train", "optimizer", {"type": "SGD", "lr": 0.01}, r"train\.optimizer"),
        ("data", "batch_size", 64, r"data\.batch_size was 128 when the run began and is 64 now"),
        ("layers", "relu", "Tanh", r"layers\.relu was ReLU when the run began and is Tanh now"),
    ],
)
def test_another_run_is_refused(
    section: str, key: str, value: object, expected: str, digits: dict[str, Any], fit: Any
) -> None:
    fit(digits, epochs=1)
    digits[section][key] = value
    with pytest.raises(GraphspecError, match=rf"checkpoint-mismatch.*{expected}"):
        fit(digits, resume=True)


def test_changed_data_is_refused(fit: Any, tmp_path: Path) -> None:
    for label, grey in (("cat", 40), ("dog", 200)):
        (tmp_path / "images" / label).mkdir(parents=True)
        for i in range(8):
            Image.new("RGB", (8, 8), (grey + i,) * 3).save(tmp_path / "images" / label / f"{i}.png")
    spec = {
        "graphspec": 1,
        "inputs": {"image": ["N", 3, 8, 8]},
        "layers": {"flatten": "Flatten", "logits": {"type": "Linear", "out_features": 2}},
        "data": {"dataset": {"type": "ImageFolder", "folder": "images"}, "batch_size": 4},
        "train": {"epochs": 1},
    }
    fit(spec, data=tmp_path)
    for i in range(8):
        Image.new("RGB", (8, 8), (60 + i,) * 3).save(tmp_path / f"images/cat/{i}.png")
    with pytest.raises(GraphspecError, match="the training data changed"):
        fit(spec, resume=True, epochs=2, data=tmp_path)


BODY = """graphspec = 1
[inputs]
{inputs}
[layers]
join = {{ type = "add", from = ["p", "q"] }}
b = "B"
[outputs]
{outputs}
[blocks.B.layers]
{block}
[blocks.B.outputs]
{both}
"""


@pytest.mark.parametrize(
    ("key", "at"),
    [
        ("inputs", ("inputs",)),
        ("outputs", ("outputs",)),
        ("block", ("blocks", "B", "layers")),
        ("both", ("blocks", "B", "outputs")),
    ],
)
def test_the_order_of_what_is_called_in_order_is_the_networks(key: str, at: tuple[str, ...]) -> None:
    """Everything has the same name before and after; what changes is which of two comes first."""
    parts = {
        "inputs": ['p = ["N", 4]', 'q = ["N", 4]'],
        "outputs": ['one = "b.y"', 'two = "b.z"'],
        "block": ['up = { type = "Linear", out_features = 4 }', 'act = "ReLU"'],
        "both": ['y = "act"', 'z = "up"'],
    }

    def dumped(order: int) -> dict[str, Any]:
        texts = {name: "\n".join(lines[:: order if name == key else 1]) for name, lines in parts.items()}
        return compiler.load(BODY.format(**texts)).spec.model_dump(mode="json", by_alias=True, exclude_none=True)

    same = {"data": "x", "environment": {"device": "cpu", "versions": {}, "threads": 1, "cpus": 1}}
    check_same_run({"spec": dumped(1), **same}, {"spec": dumped(1), **same})
    with pytest.raises(GraphspecError) as caught:
        check_same_run({"spec": dumped(1), **same}, {"spec": dumped(-1), **same})
    assert [(each.code, each.at) for each in caught.value.diagnostics] == [("checkpoint-mismatch", at)]
