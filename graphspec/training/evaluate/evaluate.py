"""Evaluation of a run's best weights on every part, the test part included: it is opened here and nowhere else."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping

import torch
from torch import Tensor

from graphspec.data import Batches, DataSet
from graphspec.data.dataset import Part
from graphspec.data.learned import Learned
from graphspec.data.seeds import generator
from graphspec.data.sources.series_windows import PAST
from graphspec.module.weights import load_weights
from graphspec.system.canvas import Album
from graphspec.system.regular_file import sha256
from graphspec.training.evaluate.maps import Maps
from graphspec.training.evaluate.measure import MOST_CLASSES, Measured, Predictions, measure
from graphspec.training.evaluate.thresholds import choose_thresholds, of_labels
from graphspec.training.learner import Learner
from graphspec.training.metrics.metric_set import MetricSet
from graphspec.training.metrics.scores import per_class, per_class_of_positions
from graphspec.training.optim.objective import Values
from graphspec.training.plots.chosen_plots import draw_predictions
from graphspec.training.run.report import EvaluateReport
from graphspec.training.run.run_folder import RunFolder, read_weights

#: At the end of a run, so many samples of the training part are measured: more would take a good part of its time.
SAMPLED = 10_000


def evaluate_run(learner: Learner, data: DataSet, folder: RunFolder, whole: bool = False) -> EvaluateReport:
    """Load ``best.safetensors`` into the module, measure it, and write ``evaluation.json`` and pictures.

    What a run ends with is one picture, and the training part measured on ``SAMPLED`` samples, drawn by the seed; with
    `whole` there are all pictures, and every sample is measured.
    """
    started = time.perf_counter()
    load_weights(learner.module, read_weights(folder.path, "best"))
    parts = parts_of(data)
    thresholds = choose_thresholds(learner, data) if learner.tuned else {}
    if thresholds:
        folder.write_learned(dataclasses.replace(Learned.of(data), thresholds=thresholds))
    found: dict[Part, Measured] = {}
    for part in parts:
        batches = data.batches(part, learner.device)
        if part == "train" and not whole:
            batches = _some(batches, data.seed)
        found[part] = measure(learner, batches, keep=part == parts[-1])
    last = found[parts[-1]]
    with Album(folder.path) as album:
        draw_predictions(last.predictions, data, parts[-1], album, whole)
    curves = folder.path / "curves.png"
    classes, confusion, table = _by_class(last, data)
    report = EvaluateReport(
        run=folder.path,
        parts={part: each.metrics for part, each in found.items()} | _naive(learner, data, parts[-1]),
        samples={part: (each.samples, len(data.samples(part))) for part, each in found.items()},
        files=(*([curves] if curves.is_file() else []), *album.files),
        seconds=time.perf_counter() - started,
        classes=classes,
        confusion=None if confusion is None or len(confusion) > MOST_CLASSES else confusion.tolist(),
        per_class=table,
    )
    folder.write_json("evaluation", report.as_dict() | {"weights": sha256(folder.path / "best.safetensors")})
    return report


def _naive(learner: Learner, data: DataSet, part: Part) -> dict[str, dict[str, float]]:
    """What the naive forecast of a series would be measured at on its last part, under ``naive``."""
    objective = learner.objective.of_data
    if data.series is None or any(not term.compared or len(term.outputs) != 1 for term in objective.terms):
        return {}
    samples = data.samples(part).to(learner.device)
    naive = {name: each.to(torch.float32) for name, each in data.series.naive(samples.inputs[PAST]).items()}
    target = learner.binding.targets_of(samples)
    forecast: Values = {term.outputs[0]: naive[str(term.target)] for term in objective.terms}
    if isinstance(target, Tensor):
        (forecast,) = naive.values()
    metrics = MetricSet(learner.metrics.components, objective, learner.device)
    metrics.update(objective(forecast, target).item(), forecast, target)
    return {"naive": metrics.compute()}


def parts_of(data: DataSet) -> list[Part]:
    """The parts that exist, in the order in which they are reported."""
    found: list[Part] = ["train"]
    if data.validation is not None:
        found.append("validation")
    if data.test.exists:
        found.append("test")
    return found


def _some(batches: Batches, seed: int) -> Batches:
    """`batches` of at most ``SAMPLED`` samples."""
    count = len(batches.samples)
    if count <= SAMPLED:
        return batches
    chosen = torch.randperm(count, generator=generator(seed, "evaluate"))[:SAMPLED].sort().values
    device = next(iter(batches.samples.targets.values())).device
    return dataclasses.replace(batches, samples=batches.samples.subset(chosen.to(device)))


Table = dict[str, dict[str, float]]


def _by_class(found: Measured, data: DataSet) -> tuple[tuple[str, ...] | None, Tensor | None, Table | None]:
    """The classes of the first output that has them, the counts of (true, predicted), and each class's scores."""
    for predictions in found.predictions.values():
        target, reading = predictions.term.target or "", predictions.term.reading
        if reading.labels is not None and isinstance(predictions, Predictions):
            return None, None, _named(of_labels(predictions), data.applied[target])
        if target in data.labels and predictions.term.decides:
            counts = predictions.confusion()
            of_each = per_class_of_positions if isinstance(predictions, Maps) else per_class
            return data.labels[target], counts, _named(of_each(counts), data.labels[target])
    return data.classes, None, None


def _named(columns: Mapping[str, Tensor], classes: tuple[str, ...]) -> Table:
    table = {name: column.tolist() for name, column in columns.items()}
    return {label: {name: column[i] for name, column in table.items()} for i, label in enumerate(classes)}
