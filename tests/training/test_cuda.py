"""What only a GPU shows: a CUDA graph has eager's bits, mixed precision, resume, too little memory, NCCL.

Skipped where there is no CUDA device.
"""

from __future__ import annotations

import copy
import gc
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import graphspec
from graphspec.diagnostics import GraphspecError, GraphspecWarning
from graphspec.training.run.reporter import Silent

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
    pytest.mark.filterwarnings("ignore"),
]
MLP: dict[str, Any] = {"flatten": "Flatten", "fc1": {"type": "Linear", "out_features": 32}, "relu": "ReLU",
                       "fc2": {"type": "Linear", "out_features": 10}}  # fmt: skip
DENSE: dict[str, Any] = {
    "flatten": "Flatten", "fc1": {"type": "Linear", "out_features": 24}, "norm": "BatchNorm1d", "gelu": "GELU",
    "drop": {"type": "Dropout", "p": 0.3}, "fc2": {"type": "Linear", "out_features": 24}, "layer_norm": "LayerNorm",
    "sum": {"type": "add", "from": ["layer_norm", "gelu"]}, "logits": {"type": "Linear", "out_features": 10},
}  # fmt: skip
CNN: dict[str, Any] = {
    "conv": {"type": "Conv2d", "out_channels": 8, "kernel_size": 3}, "norm": "BatchNorm2d", "relu": "ReLU",
    "pool": {"type": "MaxPool2d", "kernel_size": 2}, "flatten": "Flatten",
    "logits": {"type": "Linear", "out_features": 10},
}  # fmt: skip
ADAM = {"type": "Adam", "lr": 0.005}
CROP = {"augment": [{"type": "RandomCrop", "size": 8, "padding": 1}]}


def spec(layers: dict[str, Any], train: dict[str, Any] | None = None, data: dict[str, Any] | None = None) -> Any:
    """A network for digits: 1,293 samples to train on, 81 batches of 16 an epoch."""
    return {
        "graphspec": 1, "name": "digits", "inputs": {"image": ["N", 1, 8, 8]}, "layers": copy.deepcopy(layers),
        "data": {"dataset": "digits", "batch_size": 16} | (data or {}),
        "train": {"epochs": 3, "optimizer": ADAM} | (train or {}),
    }  # fmt: skip


class Notes(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.losses: list[float] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def step(self, loss: float) -> None:
        self.losses.append(loss)


def trained(spec: Any, run: Path, *overrides: str, **more: Any) -> tuple[Any, dict[str, torch.Tensor], Notes]:
    reporter = Notes()
    report = graphspec.train(spec, run=run, device="cuda", overrides=overrides, reporter=reporter, **more)
    return report, load_file(run / "last.safetensors"), reporter


def engine(run: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads((run / "environment.json").read_text())["engine"]
    return found


GRAPHED: dict[str, Any] = {
    "an MLP": spec(MLP),
    "batch norm, dropout, a sum": spec(DENSE),
    "a batch that is left over": spec(DENSE, data={"batch_size": 13}),
    "AdamW, a rate by epoch": spec(
        MLP, {"optimizer": {"type": "AdamW", "lr": 0.01, "weight_decay": 0.1}, "scheduler": "CosineAnnealingLR"}
    ),
    "SGD with momentum and a warmup": spec(
        DENSE, {"optimizer": {"type": "SGD", "lr": 0.05, "momentum": 0.9, "nesterov": True}, "warmup": 40}
    ),
    "clipped, averaged": spec(DENSE, {"clip_grad_norm": 0.5, "ema": 0.99}),
    "bf16": spec(DENSE, {"precision": "bf16"}),
    "a frozen layer": spec(MLP | {"fc1": MLP["fc1"] | {"freeze": True}}),
    "augmented images, deterministic": spec(CNN, {"deterministic": True}, CROP),
    "a convolution, deterministic": spec(CNN, {"deterministic": True, "memory_format": "channels_last"}),
}  # fmt: skip


@pytest.mark.parametrize("name", GRAPHED)
def test_a_graph_has_the_bits_of_the_steps_as_written(name: str, tmp_path: Path) -> None:
    (eager, theirs, _), (default, ours, _) = (
        trained(GRAPHED[name], tmp_path / way, f'train.engine="{way}"') for way in ("eager", "default")
    )
    assert engine(tmp_path / "default")["name"] == "CUDA graph", engine(tmp_path / "default")
    assert engine(tmp_path / "eager")["name"] == "eager"
    for one, other in zip(eager.history, default.history, strict=True):
        assert {k: v for k, v in one.items() if k != "seconds"} == {k: v for k, v in other.items() if k != "seconds"}
    assert all(torch.equal(theirs[name], ours[name]) for name in theirs)


def test_a_graph_is_taken_where_kernels_add_in_any_order_too(tmp_path: Path) -> None:
    report, _, _ = trained(spec(CNN, data=CROP), tmp_path / "run")
    assert engine(tmp_path / "run")["name"] == "CUDA graph"
    assert report.metrics["validation"]["accuracy"] > 0.8


@pytest.mark.parametrize(
    ("train", "reason"),
    [
        ({"precision": "fp16"}, "fp16 scales its loss"),
        ({"accumulate": 2}, "several batches make one update"),
        ({"scheduler": {"type": "OneCycleLR", "max_lr": 0.02}}, "the learning rate changes in every step"),
        ({"optimizer": {"type": "RMSprop", "lr": 0.001}}, "RMSprop has no fused step"),
        ({"optimizer": ADAM | {"foreach": True}}, "Adam has no fused step"),
        ({"loss": {"type": "CrossEntropyLoss", "ignore_index": 3}}, "divided by weights"),
        ({"epochs": 1}, "81 steps are too few"),
    ],
)
def test_other_steps_stay_as_they_are_written(train: dict[str, Any], reason: str, tmp_path: Path) -> None:
    trained(spec(MLP, train), tmp_path / "run")
    found = engine(tmp_path / "run")
    assert found["name"] == "eager"
    assert reason in found["reason"]


@pytest.mark.parametrize("layer", ["RReLU", {"type": "Dropout", "p": 0.5}])
def test_only_certain_layers_are_captured(layer: Any, tmp_path: Path) -> None:
    trained(spec(MLP | {"relu": layer}), tmp_path / "run")
    assert engine(tmp_path / "run")["name"] == ("eager" if layer == "RReLU" else "CUDA graph")


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_every_precision_learns(precision: str, tmp_path: Path) -> None:
    report, weights, _ = trained(spec(DENSE, {"precision": precision}), tmp_path / "run")
    assert report.metrics["validation"]["accuracy"] > 0.9
    assert all(value.dtype in (torch.float32, torch.int64) for value in weights.values())


def test_the_losses_are_the_cpus(tmp_path: Path) -> None:
    on_gpu, _, _ = trained(spec(MLP), tmp_path / "gpu")
    on_cpu = graphspec.train(spec(MLP), run=tmp_path / "cpu", device="cpu", reporter=Silent())
    for one, other in zip(on_gpu.history, on_cpu.history, strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], rel=1e-3)


def test_a_regression_is_measured_on_the_gpu(tmp_path: Path) -> None:
    line = {
        "graphspec": 1, "inputs": {"x": ["N", 1]}, "layers": {"fc": {"type": "Linear", "out_features": 1}},
        "data": {"dataset": {"type": "line", "samples": 400, "noise": 0.1}, "batch_size": 8},
        "train": {"epochs": 8, "loss": "MSELoss", "optimizer": {"type": "SGD", "lr": 0.1}, "metrics": ["r2", "mae"]},
    }  # fmt: skip
    report, _, _ = trained(line, tmp_path / "run")
    assert report.metrics["validation"]["r2"] > 0.9


def test_a_run_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    whole, theirs, _ = trained(spec(DENSE, {"ema": 0.9}), tmp_path / "whole", epochs=4)
    trained(spec(DENSE, {"ema": 0.9}), tmp_path / "parts", epochs=3)
    parts, ours, _ = trained(spec(DENSE, {"ema": 0.9}), tmp_path / "parts", epochs=4, resume=True)
    assert all(torch.equal(theirs[name], ours[name]) for name in theirs)
    assert [row["train_loss"] for row in whole.history] == [row["train_loss"] for row in parts.history]


def test_a_loss_that_is_not_finite_ends_the_run_a_few_steps_later(tmp_path: Path) -> None:
    square = {
        "square": {"type": "mul", "from": ["fc1", "fc1"]},
        "fourth": {"type": "mul", "from": ["square", "square"]},
    }
    layers = {"flatten": "Flatten", "fc1": MLP["fc1"], **square, "fc2": MLP["fc2"]}
    wild = spec(layers, {"optimizer": {"type": "SGD", "lr": 100.0}})
    with pytest.raises(GraphspecError, match=r"non-finite.*the loss is (nan|inf)"):
        trained(wild, tmp_path / "run")
    for file in (tmp_path / "run").glob("*.safetensors"):
        assert all(value.isfinite().all() for value in load_file(file).values())


@pytest.fixture
def little_memory() -> Iterator[None]:
    """256 MiB of the card, in which nothing of other tests is left."""
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(2**28 / torch.cuda.get_device_properties(0).total_memory)
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)


def test_a_batch_that_does_not_fit_is_computed_in_pieces(little_memory: None, tmp_path: Path) -> None:
    wide = {"flatten": "Flatten", "fc1": {"type": "Linear", "out_features": 40_000}, "relu": "ReLU",
            "fc2": {"type": "Linear", "out_features": 10}}  # fmt: skip
    large = spec(wide, {"epochs": 1, "optimizer": {"type": "SGD", "lr": 0.01}}, {"batch_size": 700})
    with pytest.warns(GraphspecWarning, match="memory is too small for a batch of 700: it is computed in"):
        report, _, _ = trained(large, tmp_path / "run", evaluated=False)
    assert report.epochs == 1


def test_too_little_memory_for_one_sample_is_one_error(little_memory: None, tmp_path: Path) -> None:
    wide = {"flatten": "Flatten", "fc1": {"type": "Linear", "out_features": 1_500_000},
            "fc2": {"type": "Linear", "out_features": 10}}  # fmt: skip
    with pytest.raises(GraphspecError, match="out-of-memory"):
        trained(spec(wide, {"epochs": 1}), tmp_path / "run")


def test_a_run_of_the_gpu_is_evaluated_and_exported_on_the_cpu(tmp_path: Path) -> None:
    report, _, _ = trained(spec(CNN), tmp_path / "run")
    again = graphspec.evaluate(tmp_path / "run", device="cpu")
    assert again.parts["test"]["loss"] == pytest.approx(report.metrics["test"]["loss"], rel=1e-2)
    bundle = graphspec.export(tmp_path / "run", tmp_path / "bundle", formats=["onnx"])
    assert graphspec.verify(tmp_path / "bundle").passed, bundle


def test_processes_share_a_network_over_nccl(tmp_path: Path) -> None:
    """As many as there are cards: the weights of one process, to the last bits."""
    count = torch.cuda.device_count()
    (tmp_path / "digits.json").write_text(json.dumps(spec(MLP)))
    for parallel in ("ddp", "fsdp"):
        command = [
            sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}", "-m", "--",
            "graphspec", "train", str(tmp_path / "digits.json"), "--run", str(tmp_path / parallel), "--device", "cuda",
            "--parallel", parallel,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr[-3000:]
    _, alone, _ = trained(spec(MLP), tmp_path / "alone")
    for parallel in ("ddp", "fsdp"):
        shared = load_file(tmp_path / parallel / "last.safetensors")
        assert all(torch.allclose(alone[name], shared[name], atol=1e-3) for name in alone)
