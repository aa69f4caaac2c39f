"""Whether machine code refuses inputs of sizes that it was not made for, where it would else read past their end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from torch import Tensor

from graphspec.exporting.reference import Arrays, as_array
from graphspec.shapes.shaped import ShapedGraph
from graphspec.verifying.cases import Case
from graphspec.verifying.runner import Runner
from graphspec.verifying.runtimes.child import WorkerError
from graphspec.verifying.runtimes.runtime import Runtime


def unrefused(runtime: Runtime, path: Path, case: Case, runner: Runner) -> list[str]:
    """Why the file at `path` is refused: it takes the inputs of `case` with one fixed dim larger by one."""
    wrong = list(_wrong(case.inputs, runner.shaped))
    try:
        found = runner.run(runtime, path, runner.write("wrong_inputs.npz", [given for _, given in wrong]))
    except WorkerError as error:
        return [f"{path.name} does not survive an input of another size: {error}"]
    taken = [what for k, (what, _) in enumerate(wrong) if str(k) not in found.errors]
    return [f"{path.name} takes {what}, which is none of its sizes" for what in taken]


def _wrong(inputs: Mapping[str, Tensor], shaped: ShapedGraph) -> Iterator[tuple[str, Arrays]]:
    given = {name: as_array(tensor) for name, tensor in inputs.items()}
    for name, kind in shaped.inputs.items():
        for axis, dim in enumerate(kind.shape):
            if isinstance(dim, int):
                widened = np.concatenate([given[name], given[name].take([0], axis)], axis)
                yield f'an input "{name}" of shape {widened.shape}', given | {name: widened}
