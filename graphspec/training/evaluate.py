"""Evaluation of a run's best weights on every part, the test part included: it is opened here and nowhere else."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from torch import Tensor

from graphspec.data import DataSet
from graphspec.data.dataset import Part
from graphspec.training import plots
from graphspec.training.learner import Learner, load_weights
from graphspec.training.loop import measure
from graphspec.training.metrics import Confusion, Scores
from graphspec.training.objective import Term
from graphspec.training.report import EvaluateReport
from graphspec.training.run_folder import RunFolder, read_weights
from graphspec.training.scores import per_class


def evaluate_run(learner: Learner, data: DataSet, folder: RunFolder) -> EvaluateReport:
    """Load ``best.safetensors`` into the module, measure it, and write ``evaluation.json`` and the pictures."""
    started = time.perf_counter()
    load_weights(learner.module, read_weights(folder.path, "best"))
    parts: dict[str, dict[str, float]] = {}
    term = learner.objective.first
    classes = data.labels.get(term.target) if term is not None and term.target else None
    for part in _parts(data):
        scores = None if term is None else Scores(term, learner.device)
        parts[part] = measure(learner, data.batches(part, learner.device), scores)
    confusion, picture = None, None
    if term is not None and scores is not None:
        outputs, targets = torch.cat(scores.outputs), torch.cat(scores.targets)
        confusion = _confusion(term, outputs, targets) if classes else None
        picture = _picture(term, data, part, outputs, targets, confusion, folder.path)
    report = EvaluateReport(
        run=folder.path,
        parts=parts,
        classes=classes,
        confusion=None if confusion is None else confusion.tolist(),
        per_class=None if confusion is None else _per_class(confusion, classes or ()),
        files=(picture,) if picture else (),
        seconds=time.perf_counter() - started,
    )
    folder.write_json("evaluation", report.as_dict())
    return report


def _parts(data: DataSet) -> list[Part]:
    """The parts that exist, in the order in which they are reported."""
    found: list[Part] = ["train"]
    if data.validation is not None:
        found.append("validation")
    if data.test.exists:
        found.append("test")
    return found


def _confusion(term: Term, outputs: Tensor, targets: Tensor) -> Tensor:
    counts = Confusion(term, outputs.device)
    counts.update(outputs, targets)
    return counts.matrix.cpu()


def _per_class(confusion: Tensor, classes: tuple[str, ...]) -> dict[str, dict[str, float]]:
    table = {name: column.tolist() for name, column in per_class(confusion).items()}
    return {label: {name: column[i] for name, column in table.items()} for i, label in enumerate(classes)}


def _picture(
    term: Term,
    data: DataSet,
    part: Part,
    outputs: Tensor,
    targets: Tensor,
    confusion: Tensor | None,
    folder: Path,
) -> Path | None:
    """The one picture that fits the task; none for regression with several outputs."""
    target = term.target or ""
    if confusion is not None:
        return plots.confusion_matrix(confusion, data.labels[target], part, folder / "confusion_matrix.png")
    if outputs[0].numel() != 1:
        return None
    truth, predicted = targets.flatten().cpu(), outputs.flatten().cpu()
    (name, feature), *others = data.samples(part).inputs.items()
    if not others and feature[0].numel() == 1:
        return plots.fitted_line(feature.flatten().cpu(), truth, predicted, (name, target), folder / "fit.png")
    return plots.predicted_against_true(truth, predicted, target, part, folder / "predictions.png")
