"""What a captured program refuses beyond what its module refuses.

While torch traces, every choice that an operator's shape rule makes for the sample's sizes becomes a guard of the whole
program: a pool with ``ceil_mode`` is held to the sizes that leave the same remainder as the sample's. The operator
itself stands whole in the program and computes every size.

A program is right wherever its guards hold. So where a trace at sizes that break them gives the same program, that is
right there too; and where the traces' guards together leave no size out, the program is right for all, and needs none
of them. Which sizes they leave out is decided exactly for guards on one dim at a time; a guard on several dims together
has to be shown to hold for all (``implied``). What is neither, and programs that come out otherwise at other sizes, are
left to trial: such a guard goes if an input that the module
takes breaks it, and the program without it gives what the module gives, at every size tried.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sympy
import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from graphspec.compiler import Network
from graphspec.exporting.guard_terms import conditions, sizes_of
from graphspec.exporting.sampler import REFUSALS
from graphspec.shapes.conditions import find, negated
from graphspec.shapes.implied import implied, is_decided
from graphspec.shapes.shaped import ShapedGraph
from graphspec.system.torch_private import guards_of, keep_guards, pytree, set_ranges

Inputs = Mapping[str, Tensor]
Trace = Callable[[Mapping[str, int]], ExportedProgram]
#: That a dim is the same in two inputs, which is what one name for both means.
_SAME_SIZE = re.compile(r"L\['\w+'\](\[\d+\])?\.size\(\)\[\d+\] == L\['\w+'\](\[\d+\])?\.size\(\)\[\d+\]")
_FAILED = "Guard failed: "
#: So many traces may go into a proof, of programs with so many guards that leave sizes out.
MOST_TRACES, MOST_GUARDS = 16, 6


def suspect(program: ExportedProgram) -> bool:
    """Whether `program` has guards that its inputs' named dims do not explain."""
    return any(not _SAME_SIZE.fullmatch(guard) for guard in guards_of(program))


def limits(program: ExportedProgram, shaped: ShapedGraph, ones: bool) -> list[Any]:
    """The conditions under which `program` is right that leave out sizes of the dims of `shaped`.

    Sizes of 1 are looked at with `ones` alone: a trace that takes each size for another than 1 has no guards about it.

    Raises:
        Unreadable: a guard is no formula of sizes.
    """
    ranges = _ranges(shaped, ones)
    found = dict.fromkeys(part for condition in conditions(program, shaped) for part in sympy.And.make_args(condition))
    return [condition for condition in found if not implied(condition, ranges)]


def proven(program: ExportedProgram, shaped: ShapedGraph, ones: bool, trace: Trace) -> bool:
    """Whether traces at other sizes show that `program` is right for every size; it then has no guards any more."""
    ranges, code = _ranges(shaped, ones), program.graph_module.code
    try:
        left = limits(program, shaped, ones)
        regions = [left]
        for _ in range(MOST_TRACES):
            if len(left) > MOST_GUARDS or not all(map(is_decided, left)):
                return False
            uncovered = find([negated(sympy.And(*region)) for region in regions], ranges)
            if uncovered is None:
                keep_guards(program, [guard for guard in guards_of(program) if _SAME_SIZE.fullmatch(guard)])
                set_ranges(program, _spans(program, shaped))
                return True
            other = trace(uncovered)
            if other.graph_module.code != code:
                return False
            left = limits(other, shaped, ones)
            regions.append(left)
    except Exception:  # torch.export raises many types; where one trace fails, nothing is shown
        return False
    return False


def span_of(dim: sympy.Expr, shaped: ShapedGraph) -> tuple[int, int | None]:
    """The least and the greatest size of an open dim, or of a multiple of one."""
    factor, name = dim.as_coeff_Mul()
    least, greatest = shaped.dims[str(name)]
    return int(factor) * least, None if greatest is None else int(factor) * greatest


def _spans(program: ExportedProgram, shaped: ShapedGraph) -> dict[Any, tuple[int, int | None]]:
    return {symbol: span_of(dim, shaped) for symbol, dim in sizes_of(program, shaped)}


def _ranges(shaped: ShapedGraph, ones: bool) -> dict[str, tuple[int, int | None]]:
    return {name: (least if ones or most == 1 else max(2, least), most) for name, (least, most) in shaped.dims.items()}


def loosen(program: ExportedProgram, network: Network, trials: Sequence[Inputs]) -> None:
    """Take from `program` the guards that one of `trials`, which the module takes, breaks without cause, and let its
    ranges be those of the dims."""
    kept, whole, ranges = guards_of(program), guards_of(program), dict(program.range_constraints)
    set_ranges(program, _spans(program, network.shaped))
    for inputs in trials:
        while guard := _broken(program, inputs, kept):
            kept.remove(guard)
            keep_guards(program, kept)
    if not all(_equal(program, network.module, inputs) for inputs in trials):
        keep_guards(program, whole)
        program.range_constraints.update(ranges)


def _broken(program: ExportedProgram, inputs: Inputs, guards: Sequence[str]) -> str | None:
    """The guard that `inputs` break, None where there is none."""
    try:
        with torch.no_grad():
            program.module()(*inputs.values())
    except REFUSALS as error:
        said = str(error).partition(_FAILED)[2]
        return next((guard for guard in guards if _words(guard) == said), None)
    return None


def _words(guard: str) -> str:
    """`guard` as torch says it: without the ``L['…']`` around an input's name."""
    return ast.unparse(ast.parse(re.sub(r"L\['(\w+)'\]", r"\1", guard).replace("\n", ""), mode="eval"))


def _equal(program: ExportedProgram, module: nn.Module, inputs: Inputs) -> bool:
    """Whether both give the same for `inputs`, but for what another order of summation does."""
    with torch.no_grad():
        try:
            found, expected = (pytree.tree_leaves(f(*inputs.values())) for f in (program.module(), module))
        except REFUSALS:
            return False
    pairs = list(zip(found, expected, strict=True))
    return all(
        one.shape == other.shape and torch.allclose(one, other, rtol=1e-4, atol=1e-5, equal_nan=True)
        for one, other in pairs
    )
