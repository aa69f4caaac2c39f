"""One trial: an ordinary training run that tells Optuna about each epoch, and is pruned where that is not worth it."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.trial import Trial, TrialState

from graphspec.diagnostics import GraphspecError, fail, quoted
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

    def epoch(self, row: Mapping[str, Any], epochs: int) -> None:
        if row["epoch"] not in self._known:
            self._trial.report(by_part(row)["validation"][self._name], row["epoch"])
        if row["epoch"] < epochs and self._trial.should_prune():
            raise optuna.TrialPruned


def run_trial(study: StudyFolder, claim: Claim, name: str, trainer: Trainer) -> None:
    """Train the trial of `claim` and tell the study how it ended; its failure is a result, too.

    Raises what ends the study: a signal, with the trial's state saved for whoever resumes it, or a disk that is full.
    """
    trial = claim.trial
    resume = RunFolder(claim.folder).is_run
    if claim.folder.exists() and not resume:
        shutil.rmtree(claim.folder)  # a process was killed while it began the run
    try:
        report = trainer.train(trial.params, claim.folder, resume, Epochs(trial, name))
        value = by_part(report.history[report.best_epoch - 1])["validation"][name]
        if not math.isfinite(value):
            raise fail("non-finite", f"{quoted(name)} is {value}")
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
        trial.set_user_attr("best_epoch", report.best_epoch)
        study.study.tell(trial, value)
    finally:
        claim.release()
