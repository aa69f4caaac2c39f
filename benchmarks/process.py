"""Five epochs of the lecture's MLP as a whole process: start-up, training, evaluation and report, in turns.

The lecture's script trains, draws the loss curve, and reports on the test set with scikit-learn: confusion matrix with
its picture, precision, recall and F1 by class. `graphspec train` does that, and keeps checkpoints and resumes.

    python benchmarks/process.py [--data data] [--epochs 5] [--rounds 5]
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rounds import Seconds, Table, interleaved

SPEC = Path(__file__).parents[1] / "specs" / "fashion_mlp.toml"
SAMPLES = 60_000


def process(command: list[str], folder: str) -> Seconds:
    """CPU and wall seconds of a process, one thread."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, cwd=folder, env=os.environ | {"OMP_NUM_THREADS": "1"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.perf_counter() - started


def lecture(root: str, epochs: int) -> None:
    """The script as it is taught."""
    import torch
    from matplotlib import pyplot as plt
    from sklearn.metrics import ConfusionMatrixDisplay, classification_report
    from torch import nn
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    training = DataLoader(datasets.FashionMNIST(root, transform=transform), batch_size=32, shuffle=True)
    testing = DataLoader(datasets.FashionMNIST(root, train=False, transform=transform), batch_size=32)
    module = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer, loss_function = torch.optim.Adam(module.parameters(), lr=0.001), nn.CrossEntropyLoss()
    losses = []
    for _ in range(epochs):
        total = 0.0
        for image, label in training:
            optimizer.zero_grad()
            loss = loss_function(module(image), label)
            loss.backward()
            optimizer.step()
            total += loss.item()
        losses.append(total / len(training))
    predicted, truth = [], []
    with torch.no_grad():
        for image, label in testing:
            predicted += module(image).argmax(1).tolist()
            truth += label.tolist()
    classification_report(truth, predicted, zero_division=0)
    ConfusionMatrixDisplay.from_predictions(truth, predicted)
    plt.savefig("confusion.png")
    plt.figure()
    plt.plot(losses)
    plt.savefig("curve.png")
    torch.save(module.state_dict(), "model.pt")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--lecture", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    data, epochs = str(options.data.resolve()), str(options.epochs)
    if options.lecture:
        lecture(data, options.epochs)
        return

    def ours(engine: str) -> Seconds:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "graphspec", "train", str(SPEC), "--data", data, "--epochs", epochs, "-q"]
            return process([*command, "--run", "run", "--set", f'train.engine="{engine}"'], folder)

    def theirs() -> Seconds:
        with tempfile.TemporaryDirectory() as folder:
            script = [sys.executable, str(Path(__file__).resolve()), "--lecture"]
            return process([*script, "--data", data, "--epochs", epochs], folder)

    contestants = {
        "the lecture's script": theirs,
        "graphspec train": lambda: ours("default"),
        "graphspec train, traced": lambda: ours("traced"),
    }
    times = interleaved(contestants, options.rounds)
    title = f"{epochs} epochs of the MLP as a process, start-up, evaluation and report included, one thread"
    Table(title, times, "the lecture's script", SAMPLES * options.epochs).show()


if __name__ == "__main__":
    main()
