"""Whether sequences of classes fit into the steps of the output that is to read them."""

from __future__ import annotations

import torch
from torch import Tensor

from graphspec.data import DataSet
from graphspec.diagnostics import fail, quoted
from graphspec.sequences import lengths_of
from graphspec.training.optim.objective import Term, Values, pick

AT = ("train", "loss")


def check_sequences(term: Term, output: Values, target: Values, data: DataSet) -> None:
    """Raise ``GraphspecError`` where `term`, which reads sequences, cannot learn those of `data` from such an `output`.

    Steps that an output counts are known of a batch alone, and not looked at.
    """
    scores, classes = pick(output, term.outputs[0]), term.classes or 0
    given = " × ".join(["N", *map(str, scores.shape[1:])])
    name, blank = str(term.target), term.reading.blank or 0
    if not 0 <= blank < classes:
        raise fail("bad-loss", f"blank is {blank}, and the classes are 0 to {classes - 1}", at=(*AT, "blank"))
    if scores.ndim != 3 or scores.shape[1] != classes:
        hint = f"{term.name} needs N × {classes} × T"
        if scores.ndim == 3 and classes in (scores.shape[0], scores.shape[2]):
            hint += (
                ': a permute brings the classes to dim 1 ({ type = "permute", dims = [0, 2, 1] } of N × T × classes)'
            )
        raise fail("class-count", f"the output is {given}, {data.name} has {classes} classes", ("outputs",), hint)
    if pick(target, name).ndim != 2:
        raise fail("shape-mismatch", f"{term.name} reads sequences N × S, {quoted(name)} is one class a sample", at=AT)
    for part, samples in (("training", data.train), ("validation", data.validation)):
        if samples is not None:
            own = {key: samples.targets.get(field) for key, field in term.lengths.items()}
            steps = own.get("input_lengths", torch.tensor(scores.shape[2]))  # None where an output says it
            _check_part(term, samples.targets[name].cpu(), steps, own.get("target_lengths"), part)


def _check_part(term: Term, classes: Tensor, steps: Tensor | None, given: Tensor | None, part: str) -> None:
    name, blank = quoted(str(term.target)), term.reading.blank or 0
    before = lengths_of(classes, blank)
    length = before if given is None else given.reshape(-1).to(torch.int64)
    places = torch.arange(classes.shape[1])
    real = (classes != blank) & (classes >= 0)
    inside = places < length.unsqueeze(1)
    if (row := _first(length > classes.shape[1])) is not None:
        message = f"{name} of the {part} part has {classes.shape[1]} places, row {row} counts {int(length[row])}"
        raise fail("bad-data", message, at=(*AT, "target_lengths"))
    broken = (inside & ~real) if given is not None else (real & ~inside)
    if (row := _first(broken.any(1))) is not None:
        message = (
            f"the blank {blank}, or a number below 0, stands between classes of {name}, in row {row} of the {part} part"
        )
        raise fail("bad-data", message, at=AT, hint="it stands behind a sequence alone; blank = … names another class")
    if steps is None or term.arguments.get("zero_infinity"):
        return
    twice = (classes[:, 1:] == classes[:, :-1]) & inside[:, 1:]
    needed = length + twice.sum(1)
    if (row := _first(needed > steps.reshape(-1).to(torch.int64))) is not None:
        there = int(steps.reshape(-1)[row if steps.numel() > 1 else 0])
        message = (
            f"row {row} of {name}, {part} part, has {int(length[row])} classes, which take {int(needed[row])} steps"
        )
        hint = "let the network keep more of them; zero_infinity = true leaves such samples out"
        raise fail(
            "bad-loss", f"{message} (a blank stands between two that are equal), and the output has {there}", AT, hint
        )


def _first(wrong: Tensor) -> int | None:
    rows = wrong.nonzero()
    return int(rows[0, 0]) if len(rows) else None
