"""What to look at next where a run has gone wrong though every number is finite: one sentence, or none."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch

from graphspec.data import DataSet
from graphspec.training.metrics.names import LOSS, by_part
from graphspec.training.optim.objective import Objective

#: A batch whose loss is so many times that of the first batch is worse than the start.
WORSE = 3.0
#: Runs of fewer updates are trials.
_STEPS = 100
#: What is called better than a constant prediction: so much of what is left between that and a perfect one.
_BETTER = 0.02
#: The validation loss has risen by so much since its least, while the training loss fell.
_RISEN = 2.0


@dataclasses.dataclass
class LossTrend:
    """``first`` is the loss of the first batch, before any update; of the running epoch, how many batches are worse."""

    first: float | None = None
    worse: int = 0
    batches: int = 0

    def add(self, loss: float) -> None:
        """A batch was computed."""
        if self.first is None and loss:  # 0 where nothing in it counted
            self.first = loss
        self.batches += 1
        self.worse += self.is_worse(loss)

    def is_worse(self, loss: float) -> bool:
        """Whether `loss` is far above the first; a loss may be below 0."""
        return self.first is not None and loss > self.first + max((WORSE - 1) * abs(self.first), 1e-3)

    def begin_epoch(self) -> None:
        """Count anew."""
        self.worse = self.batches = 0

    @property
    def grown(self) -> bool:
        """Whether most batches of the epoch were worse than the first one before any update."""
        return self.batches > 0 and 2 * self.worse > self.batches


def advice(
    objective: Objective,
    data: DataSet,
    history: list[dict[str, Any]],
    trend: LossTrend,
    steps: int,
    best_epoch: int,
    measured: float = 0.0,
) -> str:
    """What is wrong with a run of `steps` updates, best after `best_epoch`, and what helps; empty where nothing is.

    `measured` is the loss of the training part at the end.
    """
    if not history:
        return ""
    rows = [by_part(row) for row in history]
    last = rows[-1]["train"]
    if trend.first is not None and (trend.grown or (trend.is_worse(measured) and last[LOSS] > trend.first)):
        reached = last[LOSS] if trend.grown else measured
        return (
            f"the loss has grown from {trend.first:.4g} before the first update to {reached:.4g}: "
            f"training diverges; a smaller lr (now {history[-1]['lr']:g}) helps, --find-lr finds one"
        )
    if steps >= _STEPS and (message := _nothing_learned(objective, data, last)):
        return f"{message}: nothing was learned; --overfit-batch and --find-lr tell why"
    later = 0 < best_epoch < len(rows)
    return _overfitted(rows) if later and "validation" in rows[-1] else ""


def _nothing_learned(objective: Objective, data: DataSet, metrics: Mapping[str, float]) -> str:
    """Whether the first output is predicted no better than by one constant for all samples."""
    term = objective.first
    target = None if term is None or term.target is None else data.train.targets.get(term.target)
    if term is None or target is None:
        return ""
    if term.classes is not None and "accuracy" in metrics and target.ndim == 1:
        counts = data.class_counts(str(term.target))
        most = int(counts.max()) / max(1, int(counts.sum()))
        if metrics["accuracy"] <= most + _BETTER * (1 - most):
            named = data.labels[str(term.target)][int(counts.argmax())]
            return (
                f'the accuracy of the training part is {metrics["accuracy"]:.4f}, that of always "{named}" {most:.4f}'
            )
    if term.classes is None and (share := _unexplained(objective, target, metrics)) is not None and share > 1 - _BETTER:
        return f"the training part's error is {share:.2f} of that of always predicting the mean"
    return ""


def _unexplained(objective: Objective, target: torch.Tensor, metrics: Mapping[str, float]) -> float | None:
    """The squared error as a share of the target's variance, where it is known."""
    if "r2" in metrics:
        return 1 - metrics["r2"]
    only = len(objective.terms) == 1 and objective.terms[0].name == "MSELoss" and objective.terms[0].factor == 1
    if not only or not target.is_floating_point():
        return None
    spread = target.double().var(0, correction=0).mean().item()
    return metrics[LOSS] / spread if spread > 0 else None


def _overfitted(rows: list[dict[str, dict[str, float]]]) -> str:
    losses = [row["validation"][LOSS] for row in rows]
    best = min(range(len(losses)), key=lambda epoch: losses[epoch])
    fell = rows[-1]["train"][LOSS] < rows[best]["train"][LOSS]
    if not fell or losses[best] <= 0 or losses[-1] < _RISEN * losses[best]:
        return ""
    return (
        f"the validation loss has risen from {losses[best]:.4g} in epoch {best + 1} to {losses[-1]:.4g} while the "
        f"training loss fell: it overfits; early_stopping, weight_decay, augment or more data help"
    )
