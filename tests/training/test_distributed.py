"""Several processes under torchrun: the numbers of one, kept through kills, stops and restarts."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from graphspec.data import Batches, Samples
from graphspec.output_reading import Reading
from graphspec.training.distributed.group import Group
from graphspec.training.distributed.shared_batches import SharedBatches
from graphspec.training.distributed.shared_step import parts_of_loss
from graphspec.training.optim.objective import Objective, Term

#: BatchNorm over the whole batch, and a frozen one; augmentation of each sample of it; a last batch of 20 that is
#: shared unevenly by 3.
IMAGES: dict[str, Any] = {
    "graphspec": 1,
    "name": "images",
    "inputs": {"image": ["N", 1, 8, 8]},
    "layers": {
        "frozen": {"type": "BatchNorm2d", "freeze": True},
        "conv": {"type": "Conv2d", "out_channels": 4, "kernel_size": 3, "bias": False},
        "norm": "BatchNorm2d",
        "relu": "ReLU",
        "flatten": "Flatten",
        "logits": {"type": "Linear", "out_features": 10},
    },
    "data": {"dataset": "digits", "batch_size": 64, "augment": [{"type": "RandomCrop", "size": 8, "padding": 1}]},
    "train": {
        "epochs": 2,
        "optimizer": {"type": "SGD", "lr": 0.05, "momentum": 0.9},
        "metrics": ["accuracy", "roc_auc"],
    },
}
#: Class weights by which torch divides, batches that make one update together, a bounded gradient, Adam, a schedule.
WEIGHTED: dict[str, Any] = {
    "graphspec": 1,
    "name": "weighted",
    "inputs": {"x": ["N", 4]},
    "layers": {
        "fc1": {"type": "Linear", "out_features": 16},
        "tanh": "Tanh",
        "logits": {"type": "Linear", "out_features": 3},
    },
    "data": {"dataset": "iris", "batch_size": 25},
    "train": {
        "epochs": 5,
        "loss": {"type": "CrossEntropyLoss", "weight": [1.0, 2.0, 5.0], "label_smoothing": 0.1},
        "optimizer": {"type": "Adam", "lr": 0.01},
        "scheduler": {"type": "OneCycleLR", "max_lr": 0.02},
        "accumulate": 2,
        "clip_grad_norm": 0.5,
    },
}
#: A convolution and its BatchNorm that learn from the second epoch on.
THAWED: dict[str, Any] = IMAGES | {
    "layers": IMAGES["layers"]
    | {"conv": IMAGES["layers"]["conv"] | {"freeze": True}, "norm": {"type": "BatchNorm2d", "freeze": True}},
    "train": IMAGES["train"] | {"epochs": 3, "unfreeze": {"conv": 1, "norm": 1}},
}
#: The teacher is a run of IMAGES, and sees the batches as they are augmented.
TAUGHT: dict[str, Any] = IMAGES | {
    "train": IMAGES["train"]
    | {
        "teacher": "runs/big",
        "loss": [
            {"type": "CrossEntropyLoss", "factor": 0.3},
            {"type": "KLDivLoss", "target": "teacher", "temperature": 2.0, "reduction": "batchmean", "factor": 0.7},
        ],
    },
}
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """``start(spec, "run", processes=2)``: graphspec train in so many processes, in the test's own folder."""

    def run(spec: dict[str, Any], run: str, *options: str, processes: int = 2, torchrun: tuple[str, ...] = ()) -> Any:
        (tmp_path / "spec.json").write_text(json.dumps(spec))
        launcher = [] if processes == 1 else ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        launcher += [*torchrun, "-m", "--"] if launcher else ["graphspec"]
        command = [sys.executable, "-m", *launcher, *(["graphspec"] if processes > 1 else [])]
        return subprocess.Popen(
            [*command, "train", "spec.json", "--run", run, "--device", "cpu", *options], cwd=tmp_path, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    return run


def done(process: subprocess.Popen[str], code: int = 0, seconds: float = 180) -> tuple[str, str]:
    """Both of what it printed, once it has ended."""
    out, err = process.communicate(timeout=seconds)
    assert process.returncode == code, err
    return out, err


def difference(one: Path, other: Path) -> float:
    """The greatest difference between two runs' last weights and figures of every epoch."""
    a, b = (load_file(run / "last.safetensors") for run in (one, other))
    weights = max(float((a[name] - b[name]).abs().max()) for name in a)
    rows = zip(*(csv.DictReader((run / "metrics.csv").open()) for run in (one, other)), strict=True)
    figures = max(abs(float(row[key]) - float(same[key])) for row, same in rows for key in row if key != "seconds")
    return max(weights, figures)


def workers(process: subprocess.Popen[str]) -> list[int]:
    """The processes that torchrun has started, in the order of their ranks."""
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def until(there: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "processes", "options"),
    [
        (IMAGES, 2, ()),
        (IMAGES, 3, ()),
        (IMAGES, 2, ("--parallel", "fsdp")),
        (WEIGHTED, 2, ()),
        (WEIGHTED, 2, ("--parallel", "fsdp")),
        (THAWED, 2, ()),
        (TAUGHT, 2, ()),
        (TAUGHT, 3, ("--parallel", "fsdp")),
    ],
    ids=["images", "uneven", "images-fsdp", "weighted", "weighted-fsdp", "thawed", "taught", "taught-fsdp"],
)
def test_several_processes_give_the_numbers_of_one(
    start: Start, spec: dict[str, Any], processes: int, options: tuple[str, ...], tmp_path: Path
) -> None:
    if "teacher" in spec["train"]:
        done(start(IMAGES, "runs/big", processes=1))
    done(start(spec, "one", processes=1))
    out, err = done(start(spec, "several", *options, processes=processes))
    assert difference(tmp_path / "one", tmp_path / "several") < 1e-6
    assert err.count("epoch 1/") == out.count("Best epoch") == 1  # the first process speaks for all
    assert {path.name for path in (tmp_path / "one").iterdir()} == {
        path.name for path in (tmp_path / "several").iterdir()
    }


@pytest.mark.slow
def test_a_killed_worker_ends_the_run_with_an_error_and_no_hang(start: Start, tmp_path: Path) -> None:
    long = IMAGES | {"train": IMAGES["train"] | {"epochs": 10_000}}
    said = []
    for run in ("run", "again", "once-more"):  # torchrun's own SIGTERM may end rank 0 before it has said it
        process = start(long, run)
        until((tmp_path / run / "last.safetensors").is_file)
        os.kill(workers(process)[1], signal.SIGKILL)
        begun = time.monotonic()
        said.append(done(process, code=1, seconds=60)[1])
        assert time.monotonic() - begun < 45
        if "error[process-lost]: rank 0: another process of the run is gone" in said[-1]:
            break
    else:
        pytest.fail("\n".join(said))
    done(start(IMAGES, run, "--resume"))  # with fewer epochs it has nothing left to do; the checkpoint is whole


@pytest.mark.slow
def test_torchrun_starts_a_run_anew_from_its_checkpoint(start: Start, tmp_path: Path) -> None:
    spec = IMAGES | {"train": IMAGES["train"] | {"epochs": 12}}
    process = start(spec, "killed", torchrun=("--max-restarts=1",))
    until((tmp_path / "killed" / "last.safetensors").is_file)
    os.kill(workers(process)[1], signal.SIGKILL)
    _, err = done(process)
    assert "going on after" in err
    done(start(spec, "whole"))
    assert difference(tmp_path / "killed", tmp_path / "whole") == 0


@pytest.mark.slow
@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_a_stop_saves_once_and_the_run_goes_on_bit_for_bit(start: Start, tmp_path: Path, parallel: str) -> None:
    layers = IMAGES["layers"] | {"drop": {"type": "Dropout", "p": 0.2}, "more": {"type": "Linear", "out_features": 10}}
    spec = IMAGES | {"layers": layers, "train": IMAGES["train"] | {"epochs": 12}}
    options = ("--parallel", parallel)
    process = start(spec, "stopped", *options)
    until((tmp_path / "stopped" / "last.safetensors").is_file)
    process.send_signal(signal.SIGTERM)  # torchrun passes it to every worker
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert err.count("the state is saved") == 1
    done(start(spec, "stopped", *options, "--resume"))
    done(start(spec, "whole", *options))
    assert difference(tmp_path / "stopped", tmp_path / "whole") == 0


@pytest.mark.slow
def test_one_process_goes_on_where_two_have_stopped(start: Start, tmp_path: Path) -> None:
    done(start(IMAGES, "run", "--parallel", "fsdp", "--epochs", "1"))
    done(start(IMAGES, "run", "--resume", processes=1))
    done(start(IMAGES, "one", processes=1))
    assert difference(tmp_path / "run", tmp_path / "one") < 1e-6


@pytest.mark.slow
def test_a_mistake_ends_all_processes(start: Start, tmp_path: Path) -> None:
    wrong = IMAGES | {"train": IMAGES["train"] | {"optimizer": {"type": "SGD", "lr": 1e30}}}
    _, err = done(start(wrong, "run"), code=1, seconds=60)
    assert err.count("error[bad-value]") == 1  # the first process says it
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.txt").write_text("mine")
    _, err = done(start(IMAGES, "taken"), code=1, seconds=60)
    assert err.count("error[exists]") == 1


TRIPLETS: dict[str, Any] = IMAGES | {
    "train": IMAGES["train"] | {"loss": "BatchHardTripletLoss", "metrics": ["recall_at_k"]}
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "parallel", "said", "hint"),
    [
        (THAWED, "fsdp", "shards are made once, and layers that learn later need others", "--parallel ddp"),
        (TRIPLETS, "ddp", "the loss compares the samples of a batch with each other", "train in one process"),
    ],
    ids=["later", "triplets"],
)
def test_what_parts_cannot_do_is_refused(
    spec: dict[str, Any], parallel: str, said: str, hint: str, start: Start
) -> None:
    _, err = done(start(spec, "run", "--parallel", parallel), code=1)
    assert err.count(said) == 1
    assert "spec.json" in err
    assert hint in err


OWN = """
import graphspec
from torch import nn

@graphspec.loss(like="CrossEntropyLoss")
def mine(output, target):
    return nn.functional.cross_entropy(output, target)
"""


@pytest.mark.slow
def test_a_loss_of_ones_own_is_taken_for_a_mean_which_is_said(start: Start, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(OWN)
    spec = IMAGES | {"train": IMAGES["train"] | {"loss": "mine"}}
    done(start(spec, "one", "--import", "mine.py", processes=1))
    _, err = done(start(spec, "several", "--import", "mine.py"))
    assert err.count("mine is computed of each process's samples and averaged") == 1
    assert difference(tmp_path / "one", tmp_path / "several") < 1e-6


@pytest.fixture
def batches() -> Batches:
    x = torch.arange(23.0).unsqueeze(1)
    return Batches(Samples({"x": x}, {"y": torch.arange(23) % 3}), batch_size=8, seed=5)


@pytest.mark.parametrize("size", [1, 2, 3, 9])
def test_the_parts_of_a_batch_make_the_batch(batches: Batches, size: int) -> None:
    """Nine processes share batches of eight, and a last one of seven."""
    cpu = torch.device("cpu")
    shared = [SharedBatches(batches, Group(rank, size, cpu)).shuffled(epoch=1, start=1) for rank in range(size)]
    for whole, *parts in zip(batches.shuffled(1, 1), *shared, strict=True):
        assert torch.cat([part.inputs["x"][: part.own] for part in parts]).equal(whole.inputs["x"])
        assert all(part.whole["y"].equal(whole.targets["y"]) for part in parts)
        assert all(len(part) == max(part.own, 1) for part in parts)


@pytest.mark.parametrize(
    "loss",
    [
        nn.CrossEntropyLoss(),
        nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 5.0])),
        nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 5.0]), label_smoothing=0.2),
        nn.MultiMarginLoss(weight=torch.tensor([1.0, 2.0, 5.0])),
    ],
    ids=["plain", "weighted", "smoothed", "margin"],
)
@pytest.mark.parametrize("size", [2, 3, 5])
def test_the_parts_of_the_loss_sum_to_it(loss: nn.Module, size: int) -> None:
    torch.manual_seed(0)
    output, target = torch.randn(4, 3), torch.tensor([0, 2, 1, 2])
    term = Term(type(loss).__name__, loss, ("logits",), "y", lambda output, target: target, Reading(3))
    objective = Objective((term,))
    parts: list[Tensor] = []
    for rank in range(size):
        rows = Group(rank, size, torch.device("cpu")).rows(4)
        own = rows.stop - rows.start
        mine = rows if own else slice(0, 1)
        parts += parts_of_loss(objective, output[mine], target[mine], target, own)
    torch.testing.assert_close(sum(parts), loss(output, target))
