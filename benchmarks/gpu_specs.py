"""Every spec that needs no download, trained on one GPU in every engine and precision, beside its steps as written.

    python benchmarks/gpu_specs.py [SPEC ...] [--device cuda] [--minutes 8]

Prints, for each of ``specs/`` and each way, the engine that computed its steps and why, the seconds of an epoch and
how many times as fast as ``engine = "eager"`` that is, the first and the last loss and how far the losses of all
epochs are from eager's (relative, the greatest). What cannot be done is a row too. Only as many epochs are trained as
let the default engine begin (some 200 steps). With ``--device cpu`` it is a rehearsal, whose figures say nothing of a
GPU.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import graphspec
from gpu import card
from graphspec.training.run.reporter import Silent

SPECS = Path(__file__).resolve().parents[1] / "specs"
#: How many epochs of each come to some 200 steps.
EPOCHS = {
    "linear_regression": 100, "perceptron": 20, "digits": 6, "table": 20, "denoise": 8, "series": 8, "vae": 8,
    "triplet": 15, "multilabel": 5, "distil": 6, "ctc": 5, "segmentation": 12, "text_classifier": 2, "deeplab": 6,
    "char_gpt": 2,
}  # fmt: skip
WAYS = {
    "eager": ['train.engine="eager"'], "default": [], "deterministic": ["train.deterministic=true"],
    "bf16": ['train.precision="bf16"'], "fp16": ['train.precision="fp16"'], "compiled": ['train.engine="compiled"'],
}  # fmt: skip


def row(name: str, way: str, device: str, eager: tuple[float, list[float]] | None) -> tuple[float, list[float]]:
    """Train the spec `name` one `way` and print its row; the seconds of an epoch, and the loss of each."""
    overrides = [*WAYS[way], f"train.epochs={EPOCHS[name]}"]
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        report = graphspec.train(
            SPECS / f"{name}.toml", run=run, device=device, overrides=overrides, evaluated=False, reporter=Silent()
        )
        engine = json.loads((run / "environment.json").read_text())["engine"]
    seconds = statistics.median(epoch["seconds"] for epoch in report.history[1:])
    losses = [epoch["train_loss"] for epoch in report.history]
    before, expected = eager or (seconds, losses)
    apart = max(abs(a - b) / max(abs(a), 1e-9) for a, b in zip(expected, losses, strict=True))
    said = "equal" if losses == expected else f"{apart:.0e}"
    print(
        f"| {name} | {way} | {engine['name']}: {engine['reason']} | {seconds:.4f} | {before / seconds:.1f} "
        f"| {losses[0]:.4f} … {losses[-1]:.4f} | {said} |",
        flush=True,
    )
    return seconds, losses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("specs", nargs="*", metavar="SPEC", choices=[*EPOCHS, []], help="names of files in specs/")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--minutes", type=float, default=8.0, help="begin no spec after so many")
    options = parser.parse_args()
    print(f"{card(options.device)}\n")
    warnings.simplefilter("ignore")
    print("| spec | way | engine | s an epoch | × eager | loss | apart |\n|---|---|---|---|---|---|---|")
    end = time.monotonic() + 60 * options.minutes
    for name in options.specs or EPOCHS:
        if time.monotonic() > end:
            print(f"\nnot begun, as {options.minutes:g} minutes were over: {name} and what follows")
            break
        eager: Any = None
        for way in WAYS:
            try:
                found = row(name, way, options.device, eager)
            except graphspec.GraphspecError as error:  # what cannot be done is a row too
                print(f"| {name} | {way} | {str(error).splitlines()[0]} | | | | |", flush=True)
                continue
            eager = eager or found


if __name__ == "__main__":
    main()
