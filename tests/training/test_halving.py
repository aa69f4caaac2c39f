"""Where memory is too small for a batch, it is computed in pieces, and what comes of it is the whole batch's.

Memory is made small for real: a process may not have more of it than so much.
"""

from __future__ import annotations

import copy
import multiprocessing
import resource
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from graphspec import compiler
from graphspec.data import Samples
from graphspec.diagnostics import GraphspecError
from graphspec.training import RunOptions, train
from graphspec.training.evaluate.in_halves import in_halves
from graphspec.training.run import checkpoint
from graphspec.training.run.reporter import Silent

MB = 2**20
#: One step on the full batch of 1,294 digits: the first layer gives 85 MB of activations.
SPEC: dict[str, Any] = {
    "graphspec": 1,
    "inputs": {"image": ["N", 1, 8, 8]},
    "layers": {
        "conv": {"type": "Conv2d", "out_channels": 256, "kernel_size": 1},
        "pool": {"type": "AdaptiveAvgPool2d", "output_size": 1},
        "flatten": "Flatten",
        "logits": {"type": "Linear", "out_features": 10},
    },
    "data": {"dataset": "digits", "batch_size": 1294, "validation": 0.1},
    "train": {"epochs": 1, "optimizer": {"type": "SGD", "lr": 0.1}},
}
#: One sample gives 64 MB of activations; an epoch has two steps.
WIDE = copy.deepcopy(SPEC)
WIDE["layers"]["conv"]["out_channels"] = 1 << 18
WIDE["layers"]["logits"]["out_features"] = 2
WIDE["data"] = {"dataset": {"type": "npz", "file": "few.npz"}, "root": ".", "batch_size": 2, "test": 0}
WIDE["train"] = {"epochs": 3, "optimizer": {"type": "Adam", "lr": 0.001}}


class Limit(Silent):
    """Lets this process have `room` bytes more than it has, from the `step`-th step to the end of the epoch."""

    def __init__(self, room: int, step: int) -> None:
        self.room, self.left = room, step

    def start(self, *_: object) -> None:
        self.step(0.0)

    def step(self, loss: float) -> None:
        self.left -= 1
        if self.room and self.left == -1:
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + self.room, resource.RLIM_INFINITY))

    def epoch(self, *_: object) -> None:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def run(folder: Path, spec: dict[str, Any], room: int = 0, step: int = 0) -> str:
    """Train with :class:`Limit` in a new process, whose heap has no room left; its warnings and what it raised."""
    said = folder.with_suffix(".txt")
    child = multiprocessing.get_context("spawn").Process(target=_train, args=(said, folder, spec, room, step))
    child.start()
    child.join()
    return said.read_text()


def _train(said: Path, folder: Path, spec: dict[str, Any], room: int, step: int) -> None:
    with said.open("w") as file, warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        try:
            torch.set_num_threads(1)
            options = RunOptions(folder=folder, device="cpu", evaluated=False)
            train(compiler.load(spec), options, reporter=Limit(room, step))
        except BaseException as error:
            file.write(str(error) if isinstance(error, GraphspecError) else traceback.format_exc())
        file.writelines(f"{warning.message}\n" for warning in found)


def figures(folder: Path) -> list[float]:
    """Train and validation loss of the first epoch."""
    names, row, *_ = (line.split(",") for line in (folder / "metrics.csv").read_text().splitlines())
    return [float(value) for name, value in zip(names, row, strict=True) if name.endswith("_loss")]


@pytest.fixture
def few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with WIDE's data."""
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    np.savez("few.npz", x=draw.random((5, 1, 8, 8), np.float32), y=np.array([0, 1, 0, 1, 0]))
    return tmp_path


@pytest.mark.slow
def test_half_batches_make_the_whole_batchs_update(tmp_path: Path) -> None:
    assert "out-of-memory" not in run(tmp_path / "free", SPEC)
    assert "is computed in" in run(tmp_path / "tight", SPEC, room=110 * MB)
    free, tight = (load_file(tmp_path / name / "last.safetensors") for name in ("free", "tight"))
    for name, value in free.items():
        assert torch.allclose(tight[name], value, atol=1e-5, rtol=0), name
    assert figures(tmp_path / "tight") == pytest.approx(figures(tmp_path / "free"), abs=1e-5)


@pytest.mark.slow
def test_what_fits_in_training_is_measured_too(tmp_path: Path) -> None:
    """Small batches, but the validation part goes through the network 512 samples at once."""
    small = copy.deepcopy(SPEC)
    small["data"] |= {"batch_size": 40, "validation": 0.5}
    assert "out-of-memory" not in run(tmp_path / "free", small)
    assert run(tmp_path / "tight", small, room=25 * MB) == ""
    assert figures(tmp_path / "tight") == pytest.approx(figures(tmp_path / "free"), abs=1e-6)


@pytest.mark.slow
def test_where_one_sample_is_too_much_a_run_ends_and_goes_on_elsewhere(few: Path) -> None:
    said = run(few / "tight", WIDE, room=MB, step=3)
    assert "error[out-of-memory]: memory is too small for step 4; what was saved is whole; a new run" in said
    assert "note: " in said
    assert "Traceback" not in said
    found = checkpoint.load(few / "tight" / "checkpoints")
    assert found is not None
    assert found["progress"]["step"] == 2
    assert run(few / "free", WIDE) == ""
    network = compiler.load(WIDE)
    train(network, RunOptions(folder=few / "tight", resume=True, device="cpu"), reporter=Silent())
    weights = [(few / name / "last.safetensors").read_bytes() for name in ("free", "tight")]
    assert weights[0] == weights[1]


@pytest.mark.slow
def test_an_update_that_fails_is_not_tried_again(few: Path) -> None:
    """40 MB of weights with as much of gradients fit, and Adam's two averages do not: some weights may have moved."""
    spec = copy.deepcopy(WIDE)
    fc = {"type": "Linear", "out_features": 1 << 17}
    spec["layers"] = {"flatten": "Flatten", "fc": fc, "relu": "ReLU", "logits": WIDE["layers"]["logits"]}
    said = run(few / "run", spec, room=70 * MB)
    assert "error[out-of-memory]: memory is too small for an update of the weights; what was saved" in said
    assert "pieces" not in said


def samples(count: int) -> Samples:
    return Samples({"x": torch.arange(count)}, {"y": torch.arange(count)})


def batches() -> Iterator[Samples]:
    yield from (samples(7), samples(2))


@pytest.mark.parametrize("most", [1, 2, 3, 7])
def test_halves_cover_a_batch_in_order(most: int) -> None:
    def work(batch: Samples) -> list[int]:
        if len(batch) > most:
            raise MemoryError
        return [int(value) for value in batch.inputs["x"]]

    found = list(in_halves(work, batches()))
    assert [value for _, values in found for value in values] == [*range(7), 0, 1]
    assert all(batch.targets["y"].tolist() == values for batch, values in found)
    most = 0
    with pytest.raises(MemoryError):
        next(in_halves(work, batches()))
