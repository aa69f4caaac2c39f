"""A fourth table: what acts in one case, written in the arithmetic that converters use, in networks that no other has.

    python benchmarks/mutants/fourth.py [--networks attention …] [--rows FOLDER]

Each file is judged with ``verify FILE --against EXPORT``, as the command does it.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import onnx
import torch
from arithmetic import arithmetic
from fourth_networks import FOURTH
from harmless import TOOLS, harmless, made_by_tools
from judging import Case, judged_cases
from networks import HEAD
from rewrites import FURTHER_TOOLS, rewrites
from rows import Row, judged_each

from graphspec import compiler


def built(title: str) -> compiler.Network:
    """A network with weights as after training: biases away from 0, and the weights of normalisation from 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = compiler.load(HEAD + FOURTH[title], seed=2)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for value in network.module.state_dict().values():
            if value.is_floating_point() and value.ndim == 1:
                value.copy_(0.5 + torch.rand(value.shape, generator=generator))
    return network


def cases(own: Path, folder: Path) -> Iterator[Case]:
    """Whether it is to be refused, family, site and file."""
    model, path = onnx.load(own), folder / "changed.onnx"
    for changed, made in ((True, arithmetic), (False, harmless), (False, rewrites)):
        for change in made(model):
            onnx.save(change.of(model), path)
            yield changed, change.family, change.site, path
    for tool, made_file in made_by_tools(own, folder, TOOLS | FURTHER_TOOLS):
        yield False, tool, "", made_file


def judged(title: str) -> Row:
    """The figures of one network."""
    return judged_cases(title, built(title), cases)


if __name__ == "__main__":
    sys.exit(judged_each("fourth", __doc__, FOURTH, judged))
