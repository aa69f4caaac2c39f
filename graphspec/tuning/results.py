"""What a study leaves in its folder, and the line that it says for a trial."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from graphspec.diagnostics import fail, printable
from graphspec.spec.dump import dump
from graphspec.system.canvas import Album
from graphspec.system.durable import write_atomically
from graphspec.training.folds import read_folds
from graphspec.tuning.study import StudyFolder
from graphspec.tuning.study_plot import picture
from graphspec.tuning.trainer import Trainer
from graphspec.tuning.tune_report import TrialReport, TuneReport, importances, trial_report


def trial_line(trial: TrialReport, metric: str) -> str:
    """``trial 3  train.optimizer.lr 0.0123  accuracy 0.9721  4.1 s``."""
    values = "  ".join(f"{path} {_short(value)}" for path, value in trial.values.items())
    metric_text = "" if trial.value is None else f"  {metric} {trial.value:.4f}"
    unit = "fold" if trial.folds else "epoch"
    ends = {"pruned": f"  pruned after {unit} {trial.length}", "failed": f"  failed: {trial.error}"}
    seconds = "" if trial.seconds is None else f"  {trial.seconds:.1f} s"
    return f"trial {trial.number}  {values}{metric_text}{ends.get(trial.state, '')}{seconds}"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def write_results(folder: StudyFolder, metric: str, direction: str, trainer: Trainer) -> TuneReport:
    """Write ``trials.csv``, ``best.toml`` and ``study.png``; `trainer` knows the spec of a trial's values.

    Raises ``GraphspecError`` where every trial has ended and none was complete.
    """
    trials = tuple(trial_report(trial) for trial in folder.trials())
    complete = [trial for trial in trials if trial.state == "complete"]
    if not complete and not any(trial.state == "running" for trial in trials):
        reasons = [f"trial {trial.number}: {trial.error}" for trial in trials if trial.error]
        raise fail("no-training", "no trial of the search was complete", at=("tune",), notes=reasons[:5])
    files = [folder.path / "trials.csv"]
    write_atomically(files[0], csv_of(trials, metric))
    best, folds, shares = None, None, importances(folder.study)
    if complete:
        best = folder.study.best_trial.number
        folds = read_folds(folder.folder_of(best))
        files.append(folder.path / "best.toml")
        write_atomically(files[-1], dump(trainer.network(folder.study.best_trial.params).spec).encode())
        with Album(folder.path) as album:
            album.add("study.png", picture, trials, metric, direction, shares, trainer.logarithmic)
        files += album.files
    return TuneReport(folder.path, metric, direction, trials, best, shares, None, tuple(files), folds)


def _cell(value: object) -> object:
    """`value`; a text in one line, and marked as one where a spreadsheet would run it as a formula."""
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def csv_of(trials: Sequence[TrialReport], metric: str) -> bytes:
    """``trials.csv``: a row a trial, in which no text is a formula."""
    paths = list(dict.fromkeys(path for trial in trials for path in trial.values))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    unit = "folds" if any(trial.folds for trial in trials) else "epochs"
    writer.writerow(["trial", "state", metric, unit, "seconds", *paths, "error"])
    for trial in trials:
        row = [trial.number, trial.state, trial.value, trial.length, trial.seconds]
        writer.writerow([*row, *(_cell(trial.values.get(path)) for path in paths), _cell(trial.error)])
    return text.getvalue().encode()
