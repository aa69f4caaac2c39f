"""What a search found: every trial, the best one, and which values mattered."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from graphspec.system.shown import Shown
from graphspec.training.folds import FoldsReport
from graphspec.training.run.report import EvaluateReport

_STATES = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}


@dataclasses.dataclass(frozen=True, slots=True)
class TrialReport:
    """One trial. ``value`` is the figure of its best weights, of the last epoch where it was pruned.

    Where it has folds it is their mean, ``folds`` how many are done, and ``epochs`` 0.
    """

    number: int
    state: str
    value: float | None
    values: dict[str, Any]
    epochs: int
    seconds: float | None
    error: str | None
    folds: int = 0

    @property
    def length(self) -> int:
        """How many epochs, or folds, it has come to."""
        return self.folds or self.epochs


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class TuneReport(Shown):
    """A study: ``trials`` in order, ``best`` the number of the best one, ``importances`` by path, greatest first.

    ``evaluation`` measures the best trial's weights on every part, the test part included, once all trials are done;
    where trials have folds, ``folds`` has the best one's figures instead, and the test part stays sealed.
    """

    run: Path
    metric: str
    direction: str
    trials: tuple[TrialReport, ...]
    best: int | None
    importances: dict[str, float]
    evaluation: EvaluateReport | None
    files: tuple[Path, ...]
    folds: FoldsReport | None = None

    @property
    def unit(self) -> str:
        """What trials are made of."""
        return "folds" if any(trial.folds for trial in self.trials) else "epochs"

    @property
    def counts(self) -> dict[str, int]:
        """How many trials ended in which state."""
        return dict(Counter(trial.state for trial in self.trials))

    @property
    def best_run(self) -> Path | None:
        """The run folder of the best trial."""
        return None if self.best is None else self.run / "trials" / str(self.best)

    def as_dict(self) -> dict[str, Any]:
        """The same as data, for ``--json``."""
        return {
            "run": str(self.run), "metric": self.metric, "direction": self.direction, "counts": self.counts,
            "best": self.best, "best_run": None if self.best_run is None else str(self.best_run),
            "importances": self.importances, "trials": [dataclasses.asdict(trial) for trial in self.trials],
            "evaluation": self.evaluation.as_dict() if self.evaluation else None,
            "folds": self.folds.as_dict() if self.folds else None,
            "files": [path.name for path in self.files],
        }  # fmt: skip


def trial_report(trial: FrozenTrial) -> TrialReport:
    """What the study knows of one trial."""
    value = trial.value if trial.state == TrialState.COMPLETE else None
    if trial.state in (TrialState.PRUNED, TrialState.RUNNING) and trial.last_step is not None:
        value = trial.intermediate_values[trial.last_step]
    folded = "folds" in trial.user_attrs
    return TrialReport(
        number=trial.number,
        state=_STATES[trial.state],
        value=value,
        values=dict(trial.params),
        epochs=0 if folded else trial.last_step or 0,
        folds=(trial.last_step or 0) if folded else 0,
        seconds=round(trial.duration.total_seconds(), 3) if trial.duration else None,
        error=trial.user_attrs.get("error") if trial.state == TrialState.FAIL else None,
    )


def importances(study: optuna.Study) -> dict[str, float]:
    """How much of the metric's variance each path explains (functional ANOVA, Hutter et al. 2014); they sum to 1.

    Empty where fewer than two complete trials differ in their metric, which says nothing.
    """
    values = {trial.value for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))}
    if len(values) < 2:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=32, seed=0)
    found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {path: float(share) for path, share in found.items()}
