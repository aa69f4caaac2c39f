"""The runs that the campaigns disturb: six small networks of 40 steps, and what two equal runs have in common."""

from __future__ import annotations

import copy
import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

import torch

from graphspec import compiler
from graphspec.spec.train import TrainSpec
from graphspec.training import RunOptions, TrainReport, train
from graphspec.training.run import checkpoint
from graphspec.training.run.reporter import Reporter, Silent
from graphspec.training.run.state_tree import pack
from graphspec.training.run.tensor_files import tensors_to_bytes

STEPS = 40
CONV = {"type": "Conv2d", "out_channels": 4, "kernel_size": 3, "bias": False}
HEAD = {"flatten": "Flatten", "logits": {"type": "Linear", "out_features": 10}}
#: 4 epochs of 10 batches: 1,257 of digits' 1,797 samples are trained on.
DATA = {"dataset": "digits", "batch_size": 126}


def _network(layers: dict[str, Any], train: dict[str, Any], **data: Any) -> dict[str, Any]:
    inputs = {"image": ["N", 1, 8, 8]}
    network = {"graphspec": 1, "name": "digits", "inputs": inputs, "layers": layers, "data": {**DATA, **data}}
    return copy.deepcopy({**network, "train": {"epochs": 4, "metrics": ["accuracy"], **train}})


#: What each must take up again is in its name.
NETWORKS: dict[str, dict[str, Any]] = {
    "dropout": _network(
        {"flatten": "Flatten", "fc": {"type": "Linear", "out_features": 24}, "relu": "ReLU",
         "dropout": {"type": "Dropout", "p": 0.5}, "logits": {"type": "Linear", "out_features": 10}},
        {"optimizer": {"type": "SGD", "lr": 0.1}},
    ),
    "BatchNorm": _network(
        {"conv": CONV, "norm": "BatchNorm2d", "relu": "ReLU", **HEAD}, {"optimizer": {"type": "SGD", "lr": 0.05}},
    ),
    "Adam": _network({"conv": CONV, "relu": "ReLU", **HEAD}, {"optimizer": {"type": "Adam", "lr": 0.01}}),
    "scheduler": _network(
        {"conv": CONV, "norm": {"type": "GroupNorm", "num_groups": 2}, "relu": "ReLU", **HEAD},
        {"optimizer": {"type": "SGD", "lr": 0.05, "momentum": 0.9}, "scheduler": {"type": "OneCycleLR", "max_lr": 0.1},
         "clip_grad_norm": 1.0},
    ),
    "augmentation": _network(
        {"conv": CONV, "norm": "BatchNorm2d", "relu": "ReLU", "dropout": {"type": "Dropout2d", "p": 0.2}, **HEAD},
        {"optimizer": {"type": "AdamW", "lr": 0.01}, "scheduler": "CosineAnnealingLR"},
        augment=[{"type": "RandomCrop", "size": 8, "padding": 1}, {"type": "RandomErasing", "p": 0.5}],
    ),
    "accumulation": _network(
        {"conv": CONV, "norm": "BatchNorm2d", "relu": "ReLU", **HEAD},
        {"optimizer": {"type": "RMSprop", "lr": 0.002}, "accumulate": 2}, batch_size=63,
    ),
}  # fmt: skip
if "precision" in TrainSpec.model_fields:
    NETWORKS["bf16"] = _network(
        {"conv": CONV, "norm": "BatchNorm2d", "relu": "ReLU", **HEAD},
        {"optimizer": {"type": "Adam", "lr": 0.01}, "precision": "bf16"},
    )


def fit(spec: dict[str, Any], run: Path, resume: bool = False, reporter: Reporter | None = None) -> TrainReport:
    """Train `spec` in this process on one thread of the CPU, in silence."""
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = compiler.load(spec)
        return train(network, RunOptions(folder=run, resume=resume, device="cpu"), reporter=reporter or Silent())


def digest(state: dict[str, Any]) -> str:
    """A hash of all that two equal runs have in common: not times, nor the engine, which the steps left decide."""
    state = copy.deepcopy(state)
    state["progress"].pop("seconds")
    state["run"]["environment"].pop("engine")
    for row in state["history"]:
        row.pop("seconds")
    tensors: dict[str, torch.Tensor] = {}
    text = json.dumps(pack(state, tensors))
    return hashlib.sha256(text.encode() + tensors_to_bytes(tensors)).hexdigest()


def saved(run: Path) -> tuple[int, str]:
    """The step and the digest of a run's newest checkpoint."""
    state = checkpoint.load(run / "checkpoints")
    return (state["progress"]["step"], digest(state)) if state else (0, "")


def outcome(run: Path) -> tuple[str, str, bytes, bytes]:
    """What a finished run leaves, times apart: its state, its figures, and the two files of weights."""
    parts = json.dumps(json.loads((run / "evaluation.json").read_text())["parts"])
    return saved(run)[1], parts, (run / "best.safetensors").read_bytes(), (run / "last.safetensors").read_bytes()
