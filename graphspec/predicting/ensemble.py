"""What several networks predict together: the mean of their probabilities, or of their values where there are none."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Unpack

import torch

from graphspec.compiler import Network
from graphspec.data.place import DataPlace
from graphspec.diagnostics import fail
from graphspec.output_reading import Reading
from graphspec.predicting.function import Function
from graphspec.predicting.predict import Drawing, predict
from graphspec.predicting.prediction import Prediction, predictions
from graphspec.shapes.producer import reading_of


def predict_together(
    functions: Sequence[Function],
    files: Any = (),
    *,
    place: DataPlace = DataPlace(),
    **drawing: Unpack[Drawing],
) -> list[Prediction]:
    """:func:`predict` of several networks, each of which prepares the samples as it has learned to.

    Raises ``GraphspecError`` where they do not answer the same question.
    """
    if len(functions) == 1:
        return predict(functions[0], files, place=place, **drawing)
    if drawing.get("prompt") is not None:
        raise fail("bad-value", "a prompt is for one network", hint="leave --ensemble out")
    first, *others = functions
    for other in others:
        check_alike(first, other)
    each = [predict(function, files, place=place, **drawing) for function in functions]
    if len({len(rows) for rows in each}) > 1:
        raise fail("field-mismatch", "the networks see different numbers of samples")
    network = first.network
    outputs = {
        name: _reading(network, name, first.labels).mean(
            [torch.tensor([row.outputs[name] for row in rows]) for rows in each]
        )
        for name in network.shaped.outputs
    }
    names = [row.sample for row in each[0]]
    found = predictions(network.shaped, outputs, names, first.labels, [None] * len(names), first.learned)
    return [dataclasses.replace(row, target=own.target) for row, own in zip(found, each[0], strict=True)]


def check_alike(first: Function, other: Function) -> None:
    """Refuse networks whose inputs or outputs have other names, whose classes differ, or whose outputs are read in
    other ways; what they do to a sample first is their own matter.
    """
    one, two = first.network, other.network
    where = f"{one.folder} and {two.folder}"
    ports = {"inputs": (one.shaped.inputs, two.shaped.inputs), "outputs": (one.shaped.outputs, two.shaped.outputs)}
    for what, (mine, theirs) in ports.items():
        if list(mine) != list(theirs):
            message = f"{where} differ in their {what}: {', '.join(mine)} and {', '.join(theirs)}"
            raise fail("field-mismatch", message)
    if list(first.labels or ()) != list(other.labels or ()):
        raise fail("field-mismatch", f"{where} differ in their classes")
    for name in one.shaped.outputs:
        sizes = [network.shaped.output_types[name].shape[1:] for network in (one, two)]
        readings = [_reading(network, name, first.labels).probability for network in (one, two)]
        if len(sizes[0]) != len(sizes[1]) or sizes[0][:1] != sizes[1][:1] or readings[0] is not readings[1]:
            raise fail("field-mismatch", f"the output {name} of {where} is not read in one way")


def _reading(network: Network, output: str, labels: Sequence[str] | None) -> Reading:
    return reading_of(network.shaped, output, None if labels is None else len(labels)) or Reading(None)
