"""Changes that drawn inputs hardly show, beside changes that mean nothing, judged by ``verify FILE --against EXPORT``.

    python benchmarks/mutants/hidden.py [--networks dead bounded …] [--rows FOLDER]

One line a family: how many changes there are and how many were refused; then the harmless ones and the files that tools
made, of which none may be. What was missed, or refused though it is right, stands below.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import onnx
import torch
from changes import changes
from deeper import deeper
from harmless import TOOLS, harmless, made_by_tools
from judging import Case, judged_cases
from networks import HEAD, HIDDEN, LARGER
from rewrites import FURTHER_TOOLS, rewrites
from rows import Row, judged_each

from graphspec import compiler

#: What a tool spoils: units held off by −1000 leave int8 few steps for the rest, and 86 % of the outputs agree.
SPOILT = {("off", "int8, static")}


def cases(name: str, own: Path, folder: Path) -> Iterator[Case]:
    """Whether it is to be refused, family, site and file."""
    model, larger = onnx.load(own), name in LARGER
    for wrong, made in ((True, deeper), (False, rewrites)) if larger else ((True, changes), (False, harmless)):
        for change in made(model):
            path = folder / "changed.onnx"
            onnx.save(change.of(model), path)
            yield wrong, change.family, change.site, path
    for tool, path in made_by_tools(own, folder, TOOLS | FURTHER_TOOLS if larger else TOOLS):
        yield (name, tool) in SPOILT, tool, "", path


def built(name: str) -> compiler.Network:
    """A network; a larger one as after training: statistics away from 0 and 1, and in "off" three units held off."""
    network = compiler.load(f"{HEAD}{(HIDDEN | LARGER)[name]}", seed=1)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for key, value in network.module.state_dict().items() if name in LARGER else ():
            if value.is_floating_point() and value.ndim == 1:
                value.copy_(0.5 + torch.rand(value.shape, generator=generator))
                if name == "off" and key in ("conv1.bias", "conv2.bias", "fc1.bias"):
                    value[2] = -1000.0
    return network


def judged(name: str) -> Row:
    """The figures of one network."""
    return judged_cases(name, built(name), partial(cases, name))


if __name__ == "__main__":
    sys.exit(judged_each("hidden", __doc__, [*HIDDEN, *LARGER], judged))
