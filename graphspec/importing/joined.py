"""Concatenations that grow: ``cat`` of all values so far becomes ``cat`` of the one before and what is new.

So does a person write a dense block: each layer joins what it finds to what it was given. The numbers are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphspec.importing.forward_pass import Value
from graphspec.importing.step import Step


def joined(steps: Sequence[Step], value_of: Callable[[Value], Value]) -> list[Step]:
    """`steps`, each growing concatenation in the scope of the layer that gave its last value."""
    known: dict[tuple[int, ...], Value] = {}
    made = {value: step for step in steps for _, value in step.outputs}
    for step in steps:
        if step.type != "cat":
            continue
        parts = [value_of(value) for value in step.sources["tensors"]]
        key = (step.args.get("dim", 0), *map(id, parts))
        before = known.get(key[:-1]) if len(parts) > 2 else None
        if len(parts) == 2 and _grows(step, steps, parts, value_of):
            before = parts[0]  # the first of them
        if before is not None:
            step.sources["tensors"] = [before, parts[-1]]
            if parts[-1] in made:
                step.frame = made[parts[-1]].frame
        known[key] = step.outputs[0][1]
    return list(steps)


def _grows(step: Step, steps: Sequence[Step], parts: Sequence[Value], value_of: Callable[[Value], Value]) -> bool:
    """Whether another concatenation begins with both of these and goes on."""
    longer = (other.sources["tensors"] for other in steps if other.type == "cat" and other is not step)
    return any(len(given) > 2 and [value_of(value) for value in given[:2]] == list(parts) for given in longer)
