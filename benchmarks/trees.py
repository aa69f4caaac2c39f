"""Two trees of this repository side by side: training and data in turns, each in a process of its own.

    git worktree add /tmp/before COMMIT
    python benchmarks/trees.py /tmp/before [--samples 6400] [--rounds 9]

The same work, written here, is done by either tree's package. A ratio is the other tree's median by this one's, of CPU
seconds, which a neighbour on the machine disturbs less: above 1 this tree is faster. Beside it stand the quartiles of
the rounds' own ratios.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import data
from graphspec import compiler
from graphspec.training.prepare import load_data
from rounds import Seconds, clock
from training import SPEC, Graphspec
from training_cnn import SPEC as CNN

HERE = Path(__file__).parents[1]


def work(samples: int) -> dict[str, Callable[[], Seconds]]:
    """What is measured, with pixels that are random: no files are needed."""
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 256, (samples, 3, 32, 32), dtype=np.uint8)
    labels = draw.integers(0, 10, samples)
    batches = data.graphspec(torch.from_numpy(pixels), torch.from_numpy(labels), 128)
    epochs = itertools.count()
    done: dict[str, Callable[[], Seconds]] = {
        "crop, mirroring and Normalize alone": lambda: clock(lambda: deque(batches(next(epochs)), maxlen=0))
    }
    mlp: Any = compiler.load(SPEC).spec.model_dump(mode="json", exclude_unset=True, by_alias=True)
    mlp["data"]["dataset"] = {"type": "npz", "file": "data.npz", "targets": ["label"]}
    mlp["data"] |= {"validation": 0, "test": 0}
    for name, spec, image in (
        *(
            (f"MLP 784-128-10, {kind}", _by_engine(mlp, kind), pixels[:, :1, 2:30, 2:30])
            for kind in ("default", "eager")
        ),
        ("two convolutions, crop and mirroring", CNN, pixels),
    ):
        with tempfile.TemporaryDirectory() as folder:
            np.savez(Path(folder) / str(spec["data"]["dataset"]["file"]), image=image, label=labels)
            network = compiler.load(spec)
            done[name] = Graphspec(network, load_data(network.spec, Path(folder)), network.build())
    return done


def _by_engine(spec: dict[str, Any], engine: str) -> dict[str, Any]:
    return spec | {"train": spec["train"] | {"engine": engine}}


def serve(samples: int) -> None:
    """In a process of its own: a name on stdin is answered by its seconds."""
    torch.set_num_threads(1)
    contestants = work(samples)
    print(json.dumps(list(contestants)), flush=True)
    for line in sys.stdin:
        print(json.dumps(contestants[line.strip()]()), flush=True)


class Tree:
    """The process of one tree."""

    def __init__(self, root: Path, samples: int) -> None:
        command = [sys.executable, __file__, str(root), "--serve", "--samples", str(samples)]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(root)},
        )
        self.names: list[str] = self._answer()

    def __call__(self, name: str) -> float:
        """CPU seconds of that work, done once."""
        assert self.process.stdin is not None
        self.process.stdin.write(name + "\n")
        self.process.stdin.flush()
        return float(self._answer()[0])

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("other", type=Path)
    parser.add_argument("--samples", type=int, default=6_400)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(options.samples)
    here, other = Tree(HERE, options.samples), Tree(options.other.resolve(), options.samples)
    print(f"\n{options.samples} samples, one thread, torch {torch.__version__}, {options.rounds} rounds in turns\n")
    print("| | other tree, samples/s | this tree, samples/s | ratio of medians | quartiles of ratios |")
    print("|---|---|---|---|---|")
    for name in here.names:
        pairs = [(other(name), here(name)) for _ in range(options.rounds + 1)][1:]
        old, new = (statistics.median(column) for column in zip(*pairs, strict=True))
        low, _, high = statistics.quantiles([a / b for a, b in pairs], n=4)
        speeds = " | ".join(f"{options.samples / seconds:,.0f}" for seconds in (old, new))
        print(f"| {name} | {speeds} | {old / new:.2f} | {low:.2f}–{high:.2f} |", flush=True)
    for tree in (here, other):
        assert tree.process.stdin is not None
        tree.process.stdin.close()
        tree.process.wait()
    return None


if __name__ == "__main__":
    main()
