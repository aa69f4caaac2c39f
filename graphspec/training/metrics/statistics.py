"""What metrics are computed of, accumulated batch by batch: several metrics share one statistic."""

from __future__ import annotations

import torch
from torch import Tensor

from graphspec.sequences import PAD, edits
from graphspec.training.optim.objective import Term

#: Values of outputs that may wait to be counted; each that waits lies where the next batch would have found room.
COUNTED_AT_ONCE = 1 << 14
#: Values of outputs that are not worth waiting with.
_MANY = 1 << 12


class Confusion:
    """Counts of (true class, predicted class): ``matrix`` is ``classes × classes`` int64, rows are the true classes.

    Batches are kept and counted many at a time: a small batch's few kernels cost more than its counting.
    """

    def __init__(self, term: Term, device: torch.device) -> None:
        self.term = term
        assert term.classes is not None
        self._matrix = torch.zeros(term.classes, term.classes, dtype=torch.int64, device=device)
        self._waiting: list[tuple[Tensor, Tensor]] = []
        self._values = 0

    @property
    def matrix(self) -> Tensor:
        """The counts so far."""
        self._count()
        return self._matrix

    def _count(self) -> None:
        if self._waiting:
            outputs, targets = zip(*self._waiting, strict=True)
            cell = torch.cat(targets) * len(self._matrix) + self.term.reading.predicted(torch.cat(outputs))
            cell = cell.flatten()
            self._matrix.view(-1).index_add_(0, cell, torch.ones_like(cell))
            self._waiting, self._values = [], 0

    def update(self, output: Tensor, target: Tensor) -> None:
        """Count a batch, now or later, each position by itself; `output` may be written over in between."""
        many = output.numel() > _MANY or output.ndim > 2
        self._waiting.append((output if many else output.clone(), target))
        self._values += output.numel()
        if many or self._values > COUNTED_AT_ONCE:
            self._count()

    def state_dict(self) -> dict[str, Tensor]:
        """The counts so far."""
        return {"matrix": self.matrix}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from counts taken earlier."""
        self._waiting, self._values = [], 0
        self._matrix.copy_(state["matrix"])


class LabelCounts:
    """For each label that may apply, int64: how often it does, is predicted, and both; and how many samples have all
    labels right.
    """

    def __init__(self, term: Term, device: torch.device) -> None:
        assert term.reading.labels is not None
        self.reading = term.reading
        self.counts = torch.zeros(3, term.reading.labels, dtype=torch.int64, device=device)
        self.samples = torch.zeros(2, dtype=torch.int64, device=device)

    def update(self, output: Tensor, target: Tensor) -> None:
        """Count a batch, ``N × labels`` of outputs and of 0 and 1."""
        predicted, true = self.reading.applies(output), target > 0.5
        self.counts += torch.stack([true.sum(0), predicted.sum(0), (true & predicted).sum(0)])
        self.samples += torch.stack([(true == predicted).all(1).sum(), self.samples.new_tensor(len(output))])

    def state_dict(self) -> dict[str, Tensor]:
        """The counts so far."""
        return {"counts": self.counts, "samples": self.samples}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from counts taken earlier."""
        self.counts.copy_(state["counts"])
        self.samples.copy_(state["samples"])


class Edits:
    """Of sequences: how many classes would have to be put in, left out or changed, and how many there are; int64."""

    def __init__(self, term: Term, device: torch.device) -> None:
        self.reading = term.reading
        self.counts = torch.zeros(2, dtype=torch.int64, device=device)

    def update(self, output: Tensor, target: Tensor) -> None:
        """Count a batch: outputs ``N × classes × T``, classes ``N × S`` with -1 behind them."""
        wrong = edits(self.reading.sequences(output), target).sum()
        self.counts += torch.stack([wrong, (target != PAD).sum()])

    def state_dict(self) -> dict[str, Tensor]:
        """The counts so far."""
        return {"counts": self.counts}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from counts taken earlier."""
        self.counts.copy_(state["counts"])


class Scores:
    """Every output and target, for metrics that need the ranking of all samples."""

    def __init__(self, term: Term, device: torch.device) -> None:
        self.reading = term.reading
        self.outputs: list[Tensor] = []
        self.targets: list[Tensor] = []

    def update(self, output: Tensor, target: Tensor) -> None:
        """Keep a batch, each position as a sample; `output` may be written over."""
        rows = output if output.ndim <= 2 else output.movedim(1, -1).flatten(0, -2)
        self.outputs.append(rows.clone())
        self.targets.append(target if target.is_floating_point() else target.flatten())

    def state_dict(self) -> dict[str, Tensor]:
        """What was kept so far."""
        return {"outputs": torch.cat(self.outputs), "targets": torch.cat(self.targets)} if self.outputs else {}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from what was kept earlier."""
        self.outputs, self.targets = ([state["outputs"]], [state["targets"]]) if state else ([], [])


class LogLikelihood:
    """The sum of the log probabilities of the true classes, float64, and how many there are."""

    def __init__(self, term: Term, device: torch.device) -> None:
        self.reading = term.reading
        self.device = device if device.type == "cuda" else torch.device("cpu")  # others may have no float64
        self.sums = torch.zeros(2, dtype=torch.float64, device=self.device)

    def update(self, output: Tensor, target: Tensor) -> None:
        """Add a batch, each position as a sample."""
        shares = self.reading.probabilities(output.to(self.device, torch.float64))
        if shares is not None:
            true = shares.gather(1, target.to(self.device, torch.int64).reshape(len(shares), 1, *shares.shape[2:]))
            self.sums += torch.stack([true.log().sum(), self.sums.new_tensor(true.numel())])

    def state_dict(self) -> dict[str, Tensor]:
        """The sums so far."""
        return {"sums": self.sums}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from sums taken earlier."""
        self.sums.copy_(state["sums"])


class Whole:
    """Every output and target as it is, on the CPU, for metrics of the user's own."""

    def __init__(self, term: Term, device: torch.device) -> None:
        self._outputs: list[Tensor] = []
        self._targets: list[Tensor] = []

    @property
    def output(self) -> Tensor:
        """All outputs so far, ``N × …``."""
        return torch.cat(self._outputs)

    @property
    def target(self) -> Tensor:
        """Their targets, ``N × …``."""
        return torch.cat(self._targets)

    def update(self, output: Tensor, target: Tensor) -> None:
        """Keep a batch; `output` may be written over."""
        self._outputs.append(output.to("cpu", copy=True))
        self._targets.append(target.to("cpu", copy=True))

    def state_dict(self) -> dict[str, Tensor]:
        """What was kept so far."""
        return {"outputs": self.output, "targets": self.target} if self._outputs else {}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from what was kept earlier."""
        self._outputs, self._targets = ([state["outputs"].cpu()], [state["targets"].cpu()]) if state else ([], [])


class Moments:
    """By output column, in float64: count, error², |error|, the target's mean, and its squared distances from that.

    Two batches' are merged as Chan, Golub and LeVeque do (1979): a sum of squares would lose a spread that is small
    beside the mean.
    """

    def __init__(self, term: Term, device: torch.device) -> None:
        self.sums: Tensor | None = None
        self.device = device if device.type == "cuda" else torch.device("cpu")  # others may have no float64

    def update(self, output: Tensor, target: Tensor) -> None:
        """Add a batch; `output` and `target` are ``N × …`` of one shape."""
        wanted = target.reshape(len(target), -1).to(self.device, torch.float64)
        error = output.reshape(len(output), -1).to(self.device, torch.float64) - wanted
        mean = wanted.mean(0)
        count = torch.full_like(mean, len(wanted))
        found = torch.stack([count, error.square().sum(0), error.abs().sum(0), mean, (wanted - mean).square().sum(0)])
        self.sums = found if self.sums is None else _merged(self.sums, found)

    def state_dict(self) -> dict[str, Tensor]:
        """The sums so far."""
        return {} if self.sums is None else {"sums": self.sums}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from sums taken earlier."""
        self.sums = state["sums"].to(self.device) if state else None


def _merged(a: Tensor, b: Tensor) -> Tensor:
    count, apart = a[0] + b[0], b[3] - a[3]
    mean, spread = a[3] + apart * b[0] / count, a[4] + b[4] + apart.square() * a[0] * b[0] / count
    return torch.stack([count, a[1] + b[1], a[2] + b[2], mean, spread])


Statistic = Confusion | LabelCounts | Edits | Scores | LogLikelihood | Whole | Moments
