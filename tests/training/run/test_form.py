"""A checkpoint whose hashes are right and whose content is none of ours is refused before anything is computed."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from graphspec import compiler, pipeline
from graphspec.diagnostics import GraphspecError, GraphspecWarning
from graphspec.training import RunOptions, train
from graphspec.training.run import checkpoint
from graphspec.training.run.reporter import Silent

Spec = dict[str, Any]


SPEC: Spec = {
    "graphspec": 1,
    "inputs": {"x": ["N", 4]},
    "layers": {"hidden": {"type": "Linear", "out_features": 8}, "fc": {"type": "Linear", "out_features": 3}},
    "data": {"dataset": "iris", "batch_size": 32},
    "train": {
        "epochs": 3, "optimizer": {"type": "Adam", "lr": 0.01}, "scheduler": {"type": "StepLR", "step_size": 2},
        "metrics": ["accuracy", "roc_auc"],
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one epoch that could go on to three."""
    network = compiler.load(SPEC)
    folder = tmp_path_factory.mktemp("form") / "run"
    train(network, RunOptions(folder=folder, epochs=1, device="cpu"), reporter=Silent())
    return folder


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of that run, to be spoilt."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


def changed(run: Path, path: list[Any], value: Any) -> None:
    """Write the newest checkpoint anew, with `value` at `path` and right hashes."""
    state = checkpoint.load(run / "checkpoints")
    assert state is not None
    place, step = state, state["progress"]["step"]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    checkpoint.save(run / "checkpoints", step, state)


GROUP = ["optimizer", "param_groups", 0]
STATE = ["optimizer", "state", 0]
FORGED: list[tuple[list[Any], Any]] = [
    *(([*GROUP, "eps"], value) for value in ("x", -1.0, 1e308, None, True)),
    *(([*GROUP, "betas"], value) for value in ("x", -1.0, None, (2.0,), (0.9, "x"), (0.9, -1.0), (2.0, 5.0))),
    ([*GROUP, "weight_decay"], 0.5), ([*GROUP, "lr"], -1.0), ([*GROUP, "lr"], "x"), ([*GROUP, "amsgrad"], True),
    ([*GROUP, "maximize"], 1), ([*GROUP, "params"], [0]),
    (["optimizer", "state", 0, "exp_avg"], torch.zeros(2)),
    (["optimizer", "state", 0, "exp_avg"], "x"),
    (["optimizer", "state", 0, "step"], torch.tensor(float("nan"))),
    (["optimizer", "state", 99], {}),
    (["schedule", "last_epoch"], "x"), (["schedule", "step_size"], None), (["schedule", "other"], 1),
    (["schedule", "_last_lr"], []),
    (["progress", "epoch"], "x"), (["progress", "threads"], None), (["progress", "pieces"], 0.5),
    (["progress", "epoch"], -1), (["progress", "trend"], 3),
    (["best", "epoch"], "x"), (["best", "value"], "x"),
    ([*STATE, "exp_avg"], 0), ([*STATE, "step"], 3),
    *(([*STATE, name], None) for name in ("step", "exp_avg", "exp_avg_sq")), ([*STATE, "other"], 1.0),
    ([*STATE, "step"], torch.tensor(-1.0)), (["progress", "step"], float("inf")), (["progress", "threads"], 10**9),
    (["metrics", "sums"], []), (["metrics", "count"], "x"), (["history", 0, "seconds"], None),
    (["history", 0, "\x1b[2J"], 1.0), (["history", 0, "lr"], "\ud800"), (["history", 0], {}),
    (["metrics", "statistics"], {}), (["random", "cpu"], torch.zeros(3)), (["history"], "x"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value"), FORGED, ids=lambda value: ".".join(map(str, value)) if isinstance(value, list) else None
)
def test_what_is_forged_is_refused(path: list[Any], value: Any, run: Path, fit: Any) -> None:
    changed(run, path, value)
    with pytest.raises(GraphspecError, match="checkpoint-damaged"):
        fit(SPEC, resume=True)


def test_what_is_not_forged_goes_on(run: Path, fit: Any) -> None:
    state = checkpoint.load(run / "checkpoints")
    assert state is not None
    changed(run, ["progress", "seconds"], state["progress"]["seconds"])
    assert fit(SPEC, resume=True).epochs == 3


OPTIMIZERS = [
    *("Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "ASGD", "LBFGS", "NAdam", "RAdam", "RMSprop"),
    *("Rprop", "SGD"),
    *({"type": "SGD", "momentum": 0.9, "nesterov": True}, {"type": "Adam", "amsgrad": True}),
    *({"type": "RMSprop", "momentum": 0.9, "centered": True}, {"type": "AdamW", "fused": True}),
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_what_a_step_of_each_optimizer_leaves_is_taken(optimizer: Any, fit: Any) -> None:
    spec = SPEC | {"train": SPEC["train"] | {"optimizer": optimizer}}
    fit(spec, epochs=1)
    assert fit(spec, resume=True).epochs == 3


@pytest.mark.parametrize("kind", ["json", "safetensors"])
@pytest.mark.parametrize("what", ["fifo", "zero", "folder"])
def test_no_regular_file_gives_way_to_the_one_before(kind: str, what: str, run: Path, fit: Any) -> None:
    """A FIFO is not waited for, ``/dev/zero`` is not read."""
    fit(SPEC, resume=True, epochs=2)
    newest = max((run / "checkpoints").glob(f"*.{kind}"))
    newest.unlink()
    {"fifo": os.mkfifo, "folder": os.mkdir, "zero": lambda path: os.symlink("/dev/zero", path)}[what](newest)
    with pytest.warns(GraphspecWarning, match=r"checkpoint-damaged.*not a regular file.*the one before it is used"):
        assert fit(SPEC, resume=True).epochs == 3


def test_a_manifest_of_a_thousand_million_bytes_is_not_read(run: Path, fit: Any) -> None:
    newest = max((run / "checkpoints").glob("*.json"))
    sparse = newest.with_name("step-0000099999.json")
    with sparse.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.warns(GraphspecWarning, match=r"at most .* are read.*the one before it is used"):
        assert fit(SPEC, resume=True).epochs == 3


@pytest.mark.parametrize("dtype", [torch.bool, torch.complex64, torch.float8_e4m3fn, torch.float16, torch.float64])
def test_weights_of_another_dtype_are_refused(dtype: torch.dtype, run: Path) -> None:
    path = run / "best.safetensors"
    save_file({name: value.to(dtype) for name, value in load_file(path).items()}, path)
    name = str(dtype).removeprefix("torch.")
    for work in (pipeline.evaluate, pipeline.predict):
        with pytest.raises(GraphspecError, match=rf"checkpoint-mismatch[\s\S]*is {name}, the network has float32"):
            work(run)


def test_weights_that_are_a_fifo_are_refused(run: Path) -> None:
    (run / "best.safetensors").unlink()
    os.mkfifo(run / "best.safetensors")
    for work in (pipeline.evaluate, pipeline.predict):
        with pytest.raises(GraphspecError, match="a FIFO, not a regular file"):
            work(run)


def test_what_has_no_value_is_null(fit: Any) -> None:
    """JSON has no word for what is not a number."""
    report = fit(SPEC, epochs=1)
    report.history[0]["train_roc_auc"] = float("nan")
    json.loads(json.dumps(report.as_dict()), parse_constant=lambda word: pytest.fail(word))
