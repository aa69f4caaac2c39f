"""``FILE.pt2`` as a source: the program as a tree of modules, and the proof by the loaded program itself."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from graphspec.diagnostics import fail, quoted, suggest
from graphspec.importing.forward_pass import NotRecorded
from graphspec.importing.imported import Imported
from graphspec.importing.outputs import flat
from graphspec.importing.proof import equal
from graphspec.importing.pt2.network import ProgramNetwork
from graphspec.importing.pt2.program import Program, Pt2File
from graphspec.importing.record import parameters_of
from graphspec.importing.resized import resized
from graphspec.importing.sources.inputs import Input, Range, samples
from graphspec.importing.sources.opened import Opened
from graphspec.ops.arguments import DTYPES

#: What the dims of an image and of a sequence are called, by their number and place.
_USUAL = {(4, 2): "H", (4, 3): "W", (3, 1): "T", (2, 1): "T"}


def of_pt2(path: Path, given: Mapping[str, Input]) -> Opened:
    """The network of an exported program; `given` names its dims, or fixes them.

    Raises:
        GraphspecError: ``not-importable`` where torch cannot load it, or no spec can say what it does.
    """
    with Pt2File(path) as file:
        program = file.program()
    try:
        return _opened(path, program, given)
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        IndexError,
    ) as error:  # what a stranger's file says of itself
        message = f"{quoted(path)} says of itself what no program is: {type(error).__name__}: {error}"
        raise fail("not-importable", message) from error


def _opened(path: Path, program: Program, given: Mapping[str, Input]) -> Opened:
    described = program.described
    if described["mutated"]:
        message = f"{quoted(path)} writes into {', '.join(described['mutated'])} while it runs"
        raise fail("not-importable", message, hint="export the network in evaluation mode")
    symbols: dict[str, str] = {}
    said = {row["name"]: _input(path, row, symbols) for row in described["inputs"]}
    ranges = {symbols[name]: _range(found) for name, found in described["ranges"].items() if name in symbols}
    rows = _rows(program)
    inputs = {
        name: dataclasses.replace(given.get(name, own), ids=rows.get(name, own.ids)) for name, own in said.items()
    }
    _check(path, said, given)
    tensors, _ = samples(inputs, ranges)
    try:
        network = ProgramNetwork(program, tensors.values())
    except NotRecorded as error:
        raise fail("not-importable", f"{path}: {error}", hint=error.hint) from error
    return Opened(network, path.stem, inputs, ranges, partial(_proven, path, inputs, ranges))


def _rows(program: Program) -> dict[str, int]:
    """How many ids each input may have: as many as the least table has rows that it is looked up in.

    With few ids attention's places are alike, and any number of heads gives the same.
    """
    found: dict[str, int] = {}
    for node in program.nodes:
        if node.op == "call_function:aten.embedding.default":
            table, ids = node.args[:2]
            if (full := program.described["values"].get(table.name)) in program.tensors:
                rows = program.tensors[full].shape[0]
                found[ids.name] = min(rows, found.get(ids.name, rows))
    return found


def _input(path: Path, row: Mapping[str, Any], symbols: dict[str, str]) -> Input:
    if row["dtype"] not in DTYPES:
        what = row["dtype"] or "no tensor"
        raise fail(
            "not-importable", f"the input {quoted(row['name'])} of {quoted(path)} is {what}, which no spec can say"
        )
    rank = len(row["shape"])
    dims = [
        size if isinstance(size, int) else _dim(path, size, place, rank, symbols)
        for place, size in enumerate(row["shape"])
    ]
    return Input(tuple(dims), DTYPES[row["dtype"]])


def _dim(path: Path, text: str, place: int, rank: int, symbols: dict[str, str]) -> str:
    """A dim by the name of its symbol, or a multiple of that."""
    match = re.fullmatch(r"(?:(\d+)\*)?([A-Za-z_]\w*)", text)
    if not match:
        raise fail("not-importable", f"a dim of {quoted(path)} is {text}, and a spec has names and multiples of them")
    factor, symbol = match.groups()
    if symbol not in symbols:
        usual = "N" if place == 0 else _USUAL.get((rank, place), f"D{place}")
        name = usual if re.fullmatch(r"[su]\d+", symbol) else re.sub(r"^_+", "", symbol) or usual
        number, free = 1, name
        while free in symbols.values():
            number += 1
            free = f"{name}{number}"
        symbols[symbol] = free
    return f"{factor}*{symbols[symbol]}" if factor else symbols[symbol]


def _range(found: list[int | None]) -> Range:
    """torch lets a dim be 0 or 1 whatever it says, and says 2 where it means any."""
    least, most = found
    return (least if least is not None and least > 2 else 1), most


def _check(path: Path, said: Mapping[str, Input], given: Mapping[str, Input]) -> None:
    for name, other in given.items():
        if name not in said:
            hint = suggest(name, said) or f"it has {', '.join(map(quoted, said))}"
            raise fail("bad-value", f"--input {name}: {quoted(path)} has no such input", hint=hint)
        own = said[name]
        if len(own.shape) != len(other.shape):
            raise fail("bad-value", f"--input {name} has {len(other.shape)} dims, {len(own.shape)} in {quoted(path)}")
        for fixed, size in zip(own.shape, other.shape, strict=True):
            if isinstance(fixed, int) and fixed != size:
                raise fail("bad-value", f"--input {name} has a dim {size}, which {quoted(path)} fixes at {fixed}")


#: With gradients, or without, in the spec and in the program: attention and recurrent layers have another kernel, with
#: other bits, for each; the first way is as programs are traced and run.
_WAYS = ((True, False), (False, False), (True, True))


def _proven(path: Path, inputs: Mapping[str, Input], ranges: Mapping[str, Range], imported: Imported) -> Imported:
    """`imported`, where the loaded program gives the same bits at two sizes of every open dim."""
    first, _ = samples(inputs, ranges)
    cases = [first, _larger(inputs, first)]
    module = imported.network.build().eval()
    faults: list[str] = []
    with Pt2File(path) as file:
        own = cache(lambda learning: [_results(module, tensors, learning) for tensors in cases])
        names = [f"output{n}" for n in range(len(own(_WAYS[0][0])[0]))]
        other = cache(lambda learning: file.run(cases, names, learning))
        for ours, theirs in _WAYS:
            differing = [_first_difference(*pair) for pair in zip(own(ours), other(theirs), strict=True)]
            found = next((n for n, place in enumerate(differing) if place is not None), None)
            if found is None:
                return imported
            faults.append(f"output {differing[found]} is another, for {_said(cases[found])}")
    raise fail("not-importable", f"{quoted(path)} and the spec differ: {faults[0]}")


def _results(module: nn.Module, tensors: Mapping[str, Tensor], learning: bool) -> list[Tensor]:
    with torch.set_grad_enabled(learning):
        result = module(*[tensors[name].clone() for name in parameters_of(module)])
    return [value.detach() for _, value in flat(result, Tensor)]


def _first_difference(own: Sequence[Tensor], other: Sequence[Tensor]) -> int | None:
    pairs = ((a.to(b.dtype) if a.dtype == torch.bfloat16 else a, b) for a, b in zip(own, other, strict=True))
    return next((place for place, (a, b) in enumerate(pairs) if not equal(a, b)), None)


def _larger(inputs: Mapping[str, Input], first: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: resized(value, inputs[name].shape) for name, value in first.items()}


def _said(tensors: Mapping[str, Tensor]) -> str:
    return ", ".join(f"{name} {' × '.join(map(str, value.shape))}" for name, value in tensors.items())
