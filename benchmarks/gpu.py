"""Training on one GPU beside the lecture's loop on the same GPU: everything that a card can show, in one call.

    python benchmarks/gpu.py [--device cuda] [--samples 32000] [--rounds 3]

Prints the card's name, then for the lecture's MLP and for a small CNN the samples a second of the lecture's loop (its
DataLoader included) and of graphspec by engine and precision, with the first epoch's loss beside eager's; then whether
a batch that does not fit ends in one error or in halves, and a run of as many processes as there are cards over NCCL.
With ``--device cpu`` the same code runs on the CPU, over gloo: a rehearsal, whose figures say nothing of a GPU.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

import graphspec
from data import MEAN, STD, Pictures
from training_cnn import SPEC as CNN

BATCH = {"mlp": 32, "cnn": 128}
MLP: dict[str, Any] = {
    "graphspec": 1,
    "inputs": {"image": ["N", 3, 32, 32]},
    "layers": {
        "flatten": "Flatten", "fc1": {"type": "Linear", "out_features": 128}, "relu": "ReLU",
        "fc2": {"type": "Linear", "out_features": 10},
    },
    "data": {
        "dataset": {"type": "npz", "file": "pixels.npz", "targets": ["label"]}, "batch_size": 32, "test": 0,
        "validation": 0, "transforms": [{"type": "Normalize", "mean": list(MEAN), "std": list(STD)}],
    },
    "train": {"optimizer": {"type": "Adam", "lr": 0.001}},
}  # fmt: skip
NETWORKS = {"mlp": MLP, "cnn": CNN}
WAYS = (
    ("eager", ['train.engine="eager"']),
    ("default", []),
    ("compiled", ['train.engine="compiled"']),
    ("default, bf16", ['train.precision="bf16"']),
    ("default, fp16", ['train.precision="fp16"']),
)


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


def trained(spec: dict[str, Any], ways: list[str], data: Path, device: str, epochs: int) -> tuple[float, float]:
    """Seconds of an epoch after the first, and the first epoch's loss."""
    with tempfile.TemporaryDirectory() as folder:
        overrides = [*ways, f"train.epochs={epochs}"]
        report = graphspec.train(
            spec, run=Path(folder) / "run", data=data, device=device, overrides=overrides, evaluated=False
        )
    return statistics.median(epoch["seconds"] for epoch in report.history[1:]), report.history[0]["train_loss"]


def network(name: str, data: Path, samples: int, device: str, rounds: int) -> None:
    """The table of one network."""
    spec = NETWORKS[name]
    with np.load(data / "pixels.npz") as file:
        pictures = Pictures(torch.from_numpy(file["image"]), torch.from_numpy(file["label"]))
    loader: DataLoader[Any] = DataLoader(pictures, batch_size=BATCH[name], shuffle=True)
    where = torch.device(device)
    lessons = [samples / lecture(graphspec.compile(spec), loader, where) for _ in range(2)]
    print(
        f"\n{name}, batches of {BATCH[name]}, {samples} samples\n\n| | samples/s | × | first loss |\n|---|---|---|---|"
    )
    print(f"| the lecture's loop | {max(lessons):,.0f} | 1 | |")
    for way, overrides in WAYS:
        attempt(way, lambda ways=overrides: trained(spec, ways, data, device, rounds + 1), samples, max(lessons))


def attempt(way: str, work: Callable[[], tuple[float, float]], samples: int, lesson: float) -> None:
    """One row; what this machine cannot do is a row too."""
    try:
        seconds, loss = work()
    except graphspec.GraphspecError as error:
        print(f"| {way} | {str(error).splitlines()[0][:80]} | | |", flush=True)
        return
    speed = samples / seconds
    print(f"| {way} | {speed:,.0f} | {speed / lesson:.1f} | {loss:.4f} |", flush=True)


def out_of_memory(data: Path, device: str) -> str:
    """A step for which the card has too little memory: halves of it, or one error."""
    if device != "cuda":
        return "not on the CPU"
    free = torch.cuda.mem_get_info()[0]
    width = int((free / 4 / 6) ** 0.5)
    spec = json.loads(json.dumps(MLP))
    spec["layers"]["fc1"]["out_features"] = width
    spec["layers"]["wide"] = {"type": "Linear", "out_features": width, "from": "relu"}
    spec["layers"]["fc2"]["from"] = "wide"
    try:
        trained(spec, ["data.batch_size=8192"], data, device, 2)
    except graphspec.GraphspecError as error:
        return str(error).splitlines()[0]
    return "went on with smaller pieces"


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--samples", type=int, default=32_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("no CUDA device here; --device cpu rehearses the same on the CPU")
    warnings.simplefilter("ignore")
    name = torch.cuda.get_device_name() if options.device == "cuda" else "the CPU: a rehearsal"
    print(f"torch {torch.__version__}, {name}")
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (options.samples, 3, 32, 32), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        np.savez(data / "pixels.npz", image=pixels, label=random.integers(0, 10, options.samples))
        for each in NETWORKS:
            network(each, data, options.samples, options.device, options.rounds)
        print(f"\ntoo little memory: {out_of_memory(data, options.device)}", flush=True)
        print(f"several processes: {several(data, options.device)}", flush=True)


if __name__ == "__main__":
    main()
