"""Metrics that have no value on the part that is monitored, or the same one whatever the network gives."""

from __future__ import annotations

import torch
from torch import Tensor

from graphspec.data import DataSet
from graphspec.data.dataset import Part
from graphspec.diagnostics import quoted
from graphspec.training.metrics.scores import r2
from graphspec.training.metrics.statistics import Scores
from graphspec.training.metrics.table import Kind


def why_no_value(kind: Kind, target: str | None, data: DataSet) -> str:
    """Why a metric of `target` has no value on the part that is monitored, ending where its name follows; empty where
    it has one.
    """
    part: Part = "train" if data.validation is None else "validation"
    samples = data.samples(part)
    if len(samples) < kind.fewest:
        return f"the {part} part has one sample, of which"
    if target is None:
        return ""
    if target in data.labels:
        counts = data.class_counts(target, samples)
        missing = kind.of_every_class and not counts.all()
        missing |= kind.of_positives and kind.statistic is Scores and len(counts) == 2 and not counts[1]
        name = data.labels[target][int(counts.argmin())]
        return f'the {part} part has no sample of the class "{name}", without which' if missing else ""
    values = samples.targets.get(target)
    if not isinstance(values, Tensor) or not values.numel():  # made with each batch, they are none here
        return ""
    if target in data.applied:
        return _of_labels(kind, values > 0.5, data.applied[target], part)
    columns = values.flatten(1)
    if kind.formula is r2 and bool((columns == columns[:1]).all()):
        return f"{quoted(target)} is {float(columns[0, 0]):g} in every sample of the {part} part, of which"
    return ""


def _of_labels(kind: Kind, applies: Tensor, names: tuple[str, ...], part: Part) -> str:
    """The same of labels of which several may apply, where each `applies`."""
    counts = applies.flatten(0, -2).sum(0)
    if kind.of_every_class:
        for name, count in zip(names, counts.tolist(), strict=True):
            if count in (0, len(applies)):
                which = "with" if count == 0 else "without"
                return f'the {part} part has no sample {which} the label "{name}", and without one'
    if kind.of_positives and not torch.any(applies):
        return f"no label applies in the {part} part, without which"
    return ""
