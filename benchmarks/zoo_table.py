"""The reference specs in one table: lines, parameters, seconds to compile, and whether the outputs are equal.

    python benchmarks/zoo_table.py [SPEC …]

Each spec is compiled at its full size. The outputs are compared as in tests/zoo, with the tests' own models:
torchvision's where it has the model, else one written by hand (at the spec's small size), with the weights loaded
strictly both ways. Equal means torch.equal in eval mode, to the last bit. Lines are those that are neither blank nor
a comment.
"""

from __future__ import annotations

import runpy
import sys
import time
import tomllib
from pathlib import Path

import torch

import graphspec

ROOT = Path(__file__).parents[1]
ZOO = ROOT / "specs" / "zoo"
TORCHVISION = runpy.run_path(str(ROOT / "tests" / "zoo" / "test_torchvision.py"))
BY_HAND = runpy.run_path(str(ROOT / "tests" / "zoo" / "test_handwritten.py"))
HAND_WRITTEN = {case[0]: case for case in BY_HAND["CASES"]}


def lines(path: Path) -> int:
    """Lines that say something."""
    return sum(1 for line in path.read_text().splitlines() if line.strip() and not line.startswith("#"))


def reference(spec: str) -> str:
    """Whose model the outputs are compared with."""
    return "by hand" if spec in HAND_WRITTEN else "torchvision"


@torch.no_grad()
def equal(spec: str) -> bool:
    """Whether compiled model and reference agree to the last bit."""
    if spec in HAND_WRITTEN:
        ours, theirs, values = BY_HAND["_pair"](*HAND_WRITTEN[spec])
    else:
        size = TORCHVISION["SIZES"].get(spec, 64)
        ours, theirs = TORCHVISION["_pair"](spec, size)
        values = [torch.randn(2, 3, size, size)]
    found, wanted = (model.eval()(*values) for model in (ours, theirs))
    if isinstance(wanted, dict):
        return all(torch.equal(found[name], wanted[name]) for name in wanted)
    return torch.equal(found, wanted)


def row(path: Path) -> str:
    """One spec's line of the table."""
    spec = path.stem
    variants = len(tomllib.loads(path.read_text()).get("variants", {}))
    start = time.perf_counter()
    module = graphspec.compile(path)
    seconds = time.perf_counter() - start
    parameters = sum(parameter.numel() for parameter in module.parameters())
    del module
    answer = "yes" if equal(spec) else "NO"
    return f"{spec:24}{lines(path):5}{variants:10}{parameters:13,}{seconds:11.2f}  {reference(spec):15}{answer}"


def main() -> None:
    """Print the table."""
    print(f"{'spec':24}{'lines':>5}{'variants':>10}{'parameters':>13}{'compile s':>11}  {'compared with':15}equal")
    # the first compile imports what all of them need
    graphspec.compile(ZOO / "lenet5.toml")
    for path in sorted(ZOO.glob("*.toml")):
        if path.stem in sys.argv[1:] or not sys.argv[1:]:
            print(row(path), flush=True)


if __name__ == "__main__":
    main()
