"""Training on one GPU beside the lecture's loop on the same GPU: everything that a card can show, in one call.

    python benchmarks/gpu.py [--device cuda] [--samples 32000] [--rounds 3]

Prints the card's name, then for the lecture's MLP (28 × 28, batches of 32) and for a small CNN (32 × 32, cropped and
mirrored, batches of 128) the samples a second of the lecture's loop, its DataLoader included, and of graphspec by
engine and precision, with the first epoch's loss and whether every epoch's equals that of the steps as written; then
what becomes of a batch that does not fit, and of a run of as many processes as there are cards over NCCL.
With ``--device cpu`` the same code runs on the CPU, over gloo: a rehearsal, whose figures say nothing of a GPU.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

import graphspec
from data import Pictures
from graphspec.training.run.reporter import Silent
from training_cnn import SPEC as CNN

SHAPE = {"mlp": (1, 28, 28), "cnn": (3, 32, 32)}
BATCH = {"mlp": 32, "cnn": 128}
MLP: dict[str, Any] = {
    "graphspec": 1,
    "inputs": {"image": ["N", 1, 28, 28]},
    "layers": {
        "flatten": "Flatten", "fc1": {"type": "Linear", "out_features": 128}, "relu": "ReLU",
        "fc2": {"type": "Linear", "out_features": 10},
    },
    "data": {
        "dataset": {"type": "npz", "file": "pixels.npz", "targets": ["label"]}, "batch_size": 32, "test": 0,
        "validation": 0, "transforms": [{"type": "Normalize", "mean": [0.5], "std": [0.5]}],
    },
    "train": {"optimizer": {"type": "Adam", "lr": 0.001}},
}  # fmt: skip
NETWORKS = {"mlp": MLP, "cnn": CNN}
WAYS = (
    ("eager", ['train.engine="eager"']),
    ("eager once more", ['train.engine="eager"']),
    ("default", []),
    ("compiled", ['train.engine="compiled"']),
    ("default, bf16", ['train.precision="bf16"']),
    ("default, fp16", ['train.precision="fp16"']),
)


class Digits(Dataset[Any]):
    """What torchvision's MNIST does: each sample a PIL picture that is transformed."""

    def __init__(self, pixels: Tensor, labels: Tensor) -> None:
        self.data, self.targets = pixels[:, 0].numpy(), labels.tolist()
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.data[row])), self.targets[row]


def lecture(module: nn.Module, loader: DataLoader[Any], device: torch.device) -> float:
    """Seconds of an epoch as it is taught; what the card still computes at the end counts."""
    module, loss_function = module.to(device), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.001)
    start = time.perf_counter()
    correct = 0
    for image, label in loader:
        image, label = image.to(device), label.to(device)
        optimizer.zero_grad()
        output = module(image)
        loss = loss_function(output, label)
        loss.backward()
        optimizer.step()
        correct += (output.argmax(1) == label).sum().item()
    return time.perf_counter() - start


class Run(NamedTuple):
    """Seconds of an epoch after the first, the loss of each, and which engine computed them."""

    seconds: float
    losses: list[float]
    engine: str


def trained(spec: dict[str, Any], ways: list[str], data: Path, device: str, epochs: int) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        overrides = [*ways, f"train.epochs={epochs}"]
        report = graphspec.train(
            spec, run=Path(folder) / "run", data=data, device=device, overrides=overrides, evaluated=False,
            reporter=Silent(),
        )  # fmt: skip
        engine = json.loads((Path(folder) / "run" / "environment.json").read_text())["engine"]["name"]
    seconds = statistics.median(epoch["seconds"] for epoch in report.history[1:])
    return Run(seconds, [epoch["train_loss"] for epoch in report.history], engine)


def network(name: str, data: Path, samples: int, device: str, rounds: int) -> None:
    """The table of one network."""
    spec = NETWORKS[name]
    random, kind = np.random.default_rng(0), Digits if name == "mlp" else Pictures
    pixels = random.integers(0, 256, (samples, *SHAPE[name]), dtype=np.uint8)
    labels = random.integers(0, 10, samples)
    np.savez(data / "pixels.npz", image=pixels, label=labels)
    pictures: Dataset[Any] = kind(torch.from_numpy(pixels), torch.from_numpy(labels))
    loader: DataLoader[Any] = DataLoader(pictures, batch_size=BATCH[name], shuffle=True)
    where = torch.device(device)
    lecture(graphspec.compile(spec), loader, where)  # the first epoch starts CUDA
    lesson = samples / statistics.median(lecture(graphspec.compile(spec), loader, where) for _ in range(rounds))
    print(
        f"\n{name}, batches of {BATCH[name]}, {samples} samples\n\n"
        "| | engine | samples/s | × | first loss | losses |\n|---|---|---|---|---|---|"
    )
    print(f"| the lecture's loop | | {lesson:,.0f} | 1 | | |")
    eager: list[float] = []
    for way, overrides in WAYS:
        try:
            run = trained(spec, overrides, data, device, rounds + 1)
        except graphspec.GraphspecError as error:  # what this machine cannot do is a row too
            print(f"| {way} | {str(error).splitlines()[0][:80]} | | | | |", flush=True)
            continue
        eager = eager or run.losses
        apart = max(abs(a - b) for a, b in zip(eager, run.losses, strict=True))
        said = "" if run.losses is eager else "eager's" if run.losses == eager else f"{apart:.0e} apart"
        speed = samples / run.seconds
        times, first = speed / lesson, run.losses[0]
        print(f"| {way} | {run.engine} | {speed:,.0f} | {times:.1f} | {first:.4f} | {said} |", flush=True)


def out_of_memory(data: Path, device: str) -> str:
    """A step for which there is too little memory, two GiB of the card: pieces of it, or one error."""
    if device != "cuda":
        return "not on the CPU"
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(2**31 / torch.cuda.get_device_properties(0).total_memory)
    spec = json.loads(json.dumps(CNN))
    spec["layers"]["conv1"]["out_channels"] = 256
    try:
        with warnings.catch_warnings(record=True, action="always") as said:
            trained(spec, ["data.batch_size=2048"], data, device, 2)
    except graphspec.GraphspecError as error:
        return str(error).splitlines()[0]
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    return next((str(one.message) for one in said if "memory" in str(one.message)), "there was enough")


def several(data: Path, device: str) -> str:
    """torchrun with a process a card (two on the CPU): the seconds, or the last line that it printed."""
    count = torch.cuda.device_count() if device == "cuda" else 2
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "cnn.json").write_text(json.dumps(CNN | {"name": "cnn"}))
        command = [
            sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}", "-m", "--",
            "graphspec", "train", f"{folder}/cnn.json", "--run", f"{folder}/run", "--epochs", "2", "--data", str(data),
            "--device", device,
        ]  # fmt: skip
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    said = (done.stderr.strip().splitlines() or [""])[-1]
    seconds = time.perf_counter() - start
    return f"{count} processes, {seconds:.0f} s in all" if done.returncode == 0 else f"exit {done.returncode}: {said}"


def card(device: str) -> str:
    """torch and what it computes on, for the head of a table; the program ends where that is not there."""
    if device == "cuda" and not torch.cuda.is_available():
        sys.exit("no CUDA device here; --device cpu rehearses the same on the CPU")
    name = torch.cuda.get_device_name() if device == "cuda" else "the CPU: a rehearsal"
    return f"torch {torch.__version__}, {name}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--samples", type=int, default=32_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(card(options.device))
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        for each in NETWORKS:
            network(each, data, options.samples, options.device, options.rounds)
        print(f"\ntoo little memory: {out_of_memory(data, options.device)}", flush=True)
        print(f"several processes: {several(data, options.device)}", flush=True)


if __name__ == "__main__":
    main()
