"""One trial: an ordinary training run that tells Optuna about each epoch, and is pruned where that is not worth it."""

from __future__ import annotations

import math
import shutil
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import Trial, TrialState

from graphspec.diagnostics import GraphspecError, fail, quoted
from graphspec.training import FoldsReport, TrainReport
from graphspec.training.folds import folder_of_fold
from graphspec.training.metrics.names import by_part
from graphspec.training.run.reporter import Silent
from graphspec.training.run.run_folder import RunFolder
from graphspec.training.run.signals import Interrupted, Terminated
from graphspec.tuning.study import Claim, StudyFolder
from graphspec.tuning.trainer import Trainer

#: What no other values would mend: the disk, or another process in the folder.
_NOT_OF_THE_TRIAL = ("unwritable", "run-locked")


class Epochs(Silent):
    """Tells `trial` the metric `name` of each epoch's validation; raises ``TrialPruned`` where the pruner says so."""

    def __init__(self, trial: Trial, name: str) -> None:
        self._trial, self._name = trial, name
        known = trial.study.get_trials(deepcopy=False)[trial.number]
        self._known = set(known.intermediate_values)  # of epochs that a killed process had reached

    def epoch(self, row: Mapping[str, Any], epochs: int, best_epoch: int) -> None:
        if row["epoch"] not in self._known:
            self._trial.report(by_part(row)["validation"][self._name], row["epoch"])
        if row["epoch"] < epochs and self._trial.should_prune():
            raise optuna.TrialPruned


def run_trial(study: StudyFolder, claim: Claim, name: str, trainer: Trainer) -> None:
    """Train the trial of `claim` and tell the study how it ended; its failure is a result, too.

    Raises what ends the study: a signal, with the trial's state saved for whoever resumes it, or a disk that is full.
    """
    trial = claim.trial
    try:
        folds = trainer.folds(trial.params)
        value = _mean_of_folds(claim, folds, name, trainer) if folds else _value(claim, name, trainer)
    except optuna.TrialPruned:
        study.study.tell(trial, state=TrialState.PRUNED)
    except (Interrupted, Terminated):
        trial.set_user_attr("stopped", True)
        raise
    except GraphspecError as error:
        if error.diagnostics[0].code in _NOT_OF_THE_TRIAL:
            raise
        trial.set_user_attr("error", error.diagnostics[0].message)
        study.study.tell(trial, state=TrialState.FAIL)
    else:
        study.study.tell(trial, value)
    finally:
        claim.release()


def _value(claim: Claim, name: str, trainer: Trainer) -> float:
    """The metric of the trial's best weights on the validation part."""
    report = trainer.train(claim.trial.params, claim.folder, _begun(claim.folder), Epochs(claim.trial, name))
    claim.trial.set_user_attr("best_epoch", report.best_epoch)
    return _finite(name, _best(report)["validation"][name])


def _mean_of_folds(claim: Claim, folds: int, name: str, trainer: Trainer) -> float:
    """The mean over runs in ``fold-0``, …; the trial is told that of the folds so far, by which it may be pruned."""
    trial, measured = claim.trial, {}
    known = set(trial.study.get_trials(deepcopy=False)[trial.number].intermediate_values)
    trial.set_user_attr("folds", folds)
    for done in range(1, folds + 1):
        folder = folder_of_fold(claim.folder, done - 1)
        report = trainer.train(trial.params, folder, _begun(folder), Silent(), fold=done - 1)
        measured[folder] = _best(report)
        mean = statistics.fmean(_finite(name, parts["validation"][name]) for parts in measured.values())
        if done not in known:
            trial.report(mean, done)
        if done < folds and trial.should_prune():
            raise optuna.TrialPruned
    FoldsReport.of(claim.folder, folds, measured).write()
    return mean


def _begun(folder: Path) -> bool:
    """Whether a run was begun in `folder`; what a process left that was killed before that is removed."""
    begun = RunFolder(folder).is_run
    if folder.exists() and not begun:
        shutil.rmtree(folder)
    return begun


def _best(report: TrainReport) -> dict[str, dict[str, float]]:
    return by_part(report.history[report.best_epoch - 1])


def _finite(name: str, value: float) -> float:
    if not math.isfinite(value):
        raise fail("non-finite", f"{quoted(name)} is {value}")
    return value
