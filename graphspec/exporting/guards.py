"""What a captured program refuses beyond what its module refuses.

While torch traces, every choice that an operator's shape rule makes for the sample's sizes becomes a guard of the whole
program: a pool with ``ceil_mode`` is held to the sizes that leave the same remainder as the sample's. The operator
itself stands whole in the program and computes every size. A guard goes if an input that the module takes breaks it,
and the program without it gives what the module gives, at every size tried.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from graphspec.exporting.sampler import REFUSALS
from graphspec.system.torch_private import guards_of, keep_guards, pytree

Inputs = Mapping[str, Tensor]
#: That a dim is the same in two inputs, which is what one name for both means.
_SAME_SIZE = re.compile(r"L\['\w+'\](\[\d+\])?\.size\(\)\[\d+\] == L\['\w+'\](\[\d+\])?\.size\(\)\[\d+\]")
_FAILED = "Guard failed: "


def suspect(program: ExportedProgram) -> bool:
    """Whether `program` has guards that its inputs' named dims do not explain."""
    return any(not _SAME_SIZE.fullmatch(guard) for guard in guards_of(program))


def loosen(program: ExportedProgram, module: nn.Module, trials: Sequence[Inputs]) -> None:
    """Take from `program` the guards that one of `trials`, which `module` takes, breaks without cause."""
    kept, whole = guards_of(program), guards_of(program)
    for inputs in trials:
        while guard := _broken(program, inputs, kept):
            kept.remove(guard)
            keep_guards(program, kept)
    if kept != whole and not all(_equal(program, module, inputs) for inputs in trials):
        keep_guards(program, whole)


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
