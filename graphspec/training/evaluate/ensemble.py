"""Several runs measured as one: the mean of their probabilities, or of their values where there are none."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from graphspec.compiler import Network
from graphspec.data import Batches, DataSet
from graphspec.data.dataset import Part
from graphspec.diagnostics import fail, warn
from graphspec.output_reading import Reading
from graphspec.spec.model import NetworkSpec
from graphspec.training.evaluate.evaluate import parts_of
from graphspec.training.evaluate.measure import predicted
from graphspec.training.learner import Learner
from graphspec.training.metrics.metric_set import MetricSet
from graphspec.training.optim.objective import Objective, Values
from graphspec.training.run.report import EvaluateReport


def evaluate_together(
    learners: Sequence[Learner], data: Sequence[DataSet], networks: Sequence[Network]
) -> EvaluateReport:
    """The metrics of the first run, of what all runs predict together; nothing is written.

    A part whose samples are not the same in all runs, as the validation parts of folds, is left out, with a warning.
    Raises ``GraphspecError`` where the runs do not fit each other, or have no part in common.
    """
    started, first = time.perf_counter(), learners[0]
    for other, network in zip(learners[1:], networks[1:], strict=True):
        _check_alike(first.objective.of_data, other.objective.of_data, f"{networks[0].folder} and {network.folder}")
    if any(dict(each.labels) != dict(data[0].labels) for each in data):
        raise fail("field-mismatch", "the runs differ in their classes")
    specs = [network.spec for network in networks]
    parts = [
        part
        for part in parts_of(data[0])
        if all(
            _has(own, part, data[0], _split(spec, part) == _split(specs[0], part))
            for own, spec in zip(data[1:], specs[1:], strict=True)
        )
    ]
    if left_out := [part for part in parts_of(data[0]) if part not in parts]:
        warn("field-mismatch", f"the runs have not the same samples in {', '.join(left_out)}, which is not measured")
    if not parts:
        hint = "the same [data] and [train] seed split alike"
        raise fail("field-mismatch", "the runs have no part in common", hint=hint)
    found: dict[str, dict[str, float]] = {}
    for part in parts:
        batches = [own.batches(part, learner.device) for own, learner in zip(data, learners, strict=True)]
        plain = [dataclasses.replace(each, batch_size=data[0].batch_size, augment=(), mix=()) for each in batches]
        found[part] = _measured(learners, plain)
    counts: dict[str, tuple[int, int]] = {part: (len(data[0].samples(part)),) * 2 for part in parts}
    folder, seconds = networks[0].folder, time.perf_counter() - started
    assert folder is not None
    return EvaluateReport(folder, found, counts, data[0].classes, None, None, (), seconds)


def _measured(learners: Sequence[Learner], batches: Sequence[Batches]) -> dict[str, float]:
    first, objective = learners[0], learners[0].objective.of_data
    metrics = MetricSet(first.metrics.components, objective, first.device)
    passes = [predicted(learner, learner.predict, own) for learner, own in zip(learners, batches, strict=True)]
    for each in zip(*passes, strict=True):
        output, target = mean_of([output for output, _ in each], objective), each[0][1]
        loss = 0.0 if objective.weighed else objective(output, target).item()
        metrics.update(loss, output, target)
    return metrics.compute()


def mean_of(outputs: Sequence[Values], objective: Objective) -> Values:
    """The outputs together, each as the first loss of it reads it."""
    first = outputs[0]
    if isinstance(first, Tensor):
        reading = next((term.reading for term in objective.terms), Reading(None))
        return reading.mean([value for value in outputs if isinstance(value, Tensor)])
    readings = {term.outputs[0]: term.reading for term in reversed(objective.terms)}
    return {
        name: readings.get(name, Reading(None)).mean([each[name] for each in outputs if isinstance(each, Mapping)])
        for name in first
    }


def _check_alike(first: Objective, other: Objective, where: str) -> None:
    """Refuse runs whose losses read outputs in other ways, or compare them with other targets."""
    said = [
        [(term.outputs, term.target, term.classes, term.reading.probability) for term in objective.terms]
        for objective in (first, other)
    ]
    if said[0] != said[1]:
        raise fail("field-mismatch", f"{where} do not read their outputs in one way: their losses differ")


def _has(data: DataSet, part: Part, first: DataSet, split_alike: bool) -> bool:
    """Whether `data` has the part with the samples of the `first` run's: split alike, or the same to the last bit."""
    if part not in parts_of(data):
        return False
    own, wanted = data.samples(part), first.samples(part)
    return _equal(own.targets, wanted.targets) and (split_alike or _equal(own.inputs, wanted.inputs))


def _equal(own: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> bool:
    if own.keys() != wanted.keys() or any(not isinstance(value, Tensor) for value in (*own.values(), *wanted.values())):
        return False
    return all(torch.equal(own[name], wanted[name]) for name in wanted)


def _split(spec: NetworkSpec, part: Part) -> object:
    """What decides which samples are in a part."""
    assert spec.data is not None
    fold = None if part == "test" else (spec.data.validation, spec.data.folds, spec.data.fold)
    return spec.data.dataset, spec.data.root, spec.data.split, spec.data.test, fold, spec.train and spec.train.seed
