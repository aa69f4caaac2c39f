"""What is known of each loss of torch.nn, one row a loss; whoever has to know a loss reads its row.

A row says what the output has to be, which targets the loss takes, how its mean is formed, and what an output of a
network that it has trained says of classes and probabilities, which ``output_reading`` reads.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from graphspec.loss_modules import BatchHardTripletLoss, CTCLoss, Mean
from graphspec.probability import EXP, ITSELF, SIGMOID, SOFTMAX, Probability
from graphspec.scales import (
    ANY,
    ANY_NUMBER,
    LOG_PROBABILITIES,
    LOG_RATES,
    LOGITS,
    LOGITS_OF_CLASSES,
    PROBABILITIES,
    RATES,
    UNIT,
    Scale,
    Span,
)
from graphspec.system.own_parts import OwnParts


class Targets(enum.Enum):
    """What a loss compares with."""

    CLASSES = "class indices"
    SIGNS = "-1 or 1 for each value"
    SIDES = "-1 or 1 for each sample"
    VALUES = "floats of the output's shape"
    OWN = "the data's own targets"
    LISTS = "the classes that apply, -1 behind them"
    SEQUENCES = "sequences of classes"
    GROUPS = "classes of embeddings"
    NONE = "none"


def _log_half(arguments: Mapping[str, Any]) -> float:
    return math.log(0.5)


def _rate_of_half(arguments: Mapping[str, Any]) -> float:
    """PoissonNLLLoss takes the rate's logarithm, or the rate."""
    return math.log(0.5) if arguments.get("log_input", True) else 0.5


def _half_margin(arguments: Mapping[str, Any]) -> float:
    """Where ``x``, the loss of the sign 1, is ``margin - x``, that of -1."""
    return float(arguments.get("margin", 1.0)) / 2


def _rates(arguments: Mapping[str, Any]) -> Scale:
    return LOG_RATES if arguments.get("log_input", True) else RATES


def _shares(arguments: Mapping[str, Any]) -> Span:
    """KLDivLoss compares with probabilities, or with their logarithms."""
    return Span(high=0.0) if arguments.get("log_target", False) else UNIT


def _by_class(counts: Tensor, columns: int | None) -> dict[str, Tensor]:
    """A weight for each class, inverse to its frequency: ``n / (classes × count)``, as scikit-learn's "balanced"."""
    return {"weight": (counts.sum() / (len(counts) * counts.clamp(min=1))).to(torch.float32)}


def _by_column(counts: Tensor, columns: int | None) -> dict[str, Tensor]:
    """The same for each column by itself, which says whether a sample is of its class: one column is of the second.

    Of labels of which several may apply `counts` are how often each does not, and does: ``2 × labels``.
    """
    there = counts[1] if counts.ndim == 2 else counts[1:] if columns == 1 else counts
    absent = counts[0] if counts.ndim == 2 else counts.sum() - there
    weight, positive = (absent + there) / (2 * absent.clamp(min=1)), absent / there.clamp(min=1)
    return {"weight": weight.to(torch.float32), "pos_weight": positive.to(torch.float32)}


@dataclasses.dataclass(frozen=True)
class Loss:
    """A row: ``targets`` are what it compares with, and ``among`` which numbers they have to be where they are floats;
    ``takes`` is what its first output has to be. Both may follow from the loss's arguments.

    An output of one column is read as the second of two classes above ``threshold``, a number, or a function of the
    loss's arguments; where ``lowest``, below it, and of several columns the lowest is the class. ``outputs`` is of how
    many outputs it is computed, with ``compared`` the first of them with the target, which stands behind the first
    ``target_after`` of them, or behind all. ``weighed``: its mean is over the weights of the target's classes without
    those that are ignored, not over samples; ``reductions`` are the names of its means. ``applies`` are the layers that
    it contains (in lower case); ``instead`` is what to do where the output is not what it takes. ``balanced`` gives,
    from the classes' counts and the output's columns, the arguments that ``weight = "balanced"`` stands for. One of the
    user's own may be ``like`` one of torch's. One that ``reads_values`` in Python, or calls a function of the user's,
    may take other operations in another step. ``metric`` is what is measured of classes where the spec names nothing.
    Of classes, one may compare with ``shares`` of them too.
    """

    targets: Targets
    takes: Scale | Callable[[Mapping[str, Any]], Scale] = ANY
    probability: Probability | None = None
    threshold: float | Callable[[Mapping[str, Any]], float] = 0.5
    lowest: bool = False
    outputs: int = 1
    compared: bool = True
    target_after: int | None = None
    weighed: bool = False
    reductions: tuple[str, ...] = ("mean",)
    applies: frozenset[str] = frozenset()
    instead: str = ""
    balanced: Callable[[Tensor, int | None], dict[str, Tensor]] | None = None
    among: Span | Callable[[Mapping[str, Any]], Span] = ANY_NUMBER
    reads_values: bool = False
    like: str = ""
    metric: str = "accuracy"
    shares: bool = False

    @property
    def takes_mixed(self) -> bool:
        """Whether it compares with what MixUp and CutMix make of labels: numbers between them."""
        return self.shares or self.targets in (Targets.VALUES, Targets.OWN)

    def scale(self, arguments: Mapping[str, Any]) -> Scale:
        """What its first output has to be, given the loss's `arguments`."""
        return self.takes if isinstance(self.takes, Scale) else self.takes(arguments)

    def span(self, arguments: Mapping[str, Any]) -> Span:
        """Which numbers its targets have to be, given the loss's `arguments`."""
        return self.among if isinstance(self.among, Span) else self.among(arguments)


_SOFTMAX, _SIGMOID = frozenset(["softmax", "softmax2d"]), frozenset(["sigmoid"])

_SIDES = Span(only=(-1.0, 1.0))

LOSSES: dict[str, Loss] = {
    "CrossEntropyLoss": Loss(
        Targets.CLASSES,
        LOGITS_OF_CLASSES,
        SOFTMAX,
        weighed=True,
        shares=True,
        balanced=_by_class,
        applies=_SOFTMAX,
        instead="remove it, or use LogSoftmax with NLLLoss",
    ),
    "NLLLoss": Loss(
        Targets.CLASSES,
        LOG_PROBABILITIES,
        EXP,
        weighed=True,
        balanced=_by_class,
        instead="end with LogSoftmax, or use CrossEntropyLoss",
    ),
    "MultiMarginLoss": Loss(Targets.CLASSES, balanced=_by_class),
    "SoftMarginLoss": Loss(Targets.SIGNS, LOGITS, SIGMOID, threshold=0.0, applies=_SIGMOID, instead="remove it"),
    "HingeEmbeddingLoss": Loss(Targets.SIGNS, threshold=_half_margin, lowest=True),
    "MSELoss": Loss(Targets.VALUES),
    "L1Loss": Loss(Targets.VALUES),
    "SmoothL1Loss": Loss(Targets.VALUES),
    "HuberLoss": Loss(Targets.VALUES),
    "BCELoss": Loss(
        Targets.VALUES, PROBABILITIES, ITSELF, among=UNIT, instead="end with Sigmoid, or use BCEWithLogitsLoss"
    ),
    "BCEWithLogitsLoss": Loss(
        Targets.VALUES,
        LOGITS,
        SIGMOID,
        threshold=0.0,
        applies=_SIGMOID,
        among=UNIT,
        balanced=_by_column,
        instead="remove it, or use BCELoss",
    ),
    "PoissonNLLLoss": Loss(
        Targets.VALUES,
        _rates,
        threshold=_rate_of_half,
        among=Span(0.0),
        instead="end with a plain layer, or with exp or Softplus and log_input = false",
    ),
    "KLDivLoss": Loss(
        Targets.VALUES,
        LOG_PROBABILITIES,
        EXP,
        threshold=_log_half,
        among=_shares,
        reductions=("mean", "batchmean"),
        instead="end with LogSoftmax",
    ),
    "MultiLabelSoftMarginLoss": Loss(
        Targets.VALUES, LOGITS, SIGMOID, threshold=0.0, applies=_SIGMOID, among=UNIT, instead="remove it"
    ),
    "MultiLabelMarginLoss": Loss(Targets.LISTS, among=Span(only=(0.0, 1.0))),
    "CosineEmbeddingLoss": Loss(Targets.SIDES, outputs=2, compared=False, among=_SIDES),
    "MarginRankingLoss": Loss(Targets.SIDES, outputs=2, compared=False, among=_SIDES),
    "GaussianNLLLoss": Loss(
        Targets.VALUES,
        outputs=2,
        target_after=1,  # its variance stands behind the target
        reads_values=True,  # whether a variance is negative
        instead="its second output is a variance: end that with Softplus or exp",
    ),
    "TripletMarginLoss": Loss(Targets.NONE, outputs=3, compared=False),
    "TripletMarginWithDistanceLoss": Loss(Targets.NONE, outputs=3, compared=False, reads_values=True),
    "CTCLoss": Loss(
        Targets.SEQUENCES,
        LOG_PROBABILITIES,
        EXP,
        reads_values=True,  # lengths
        metric="char_error_rate",
        instead="end with LogSoftmax over dim 1, the classes",
    ),
    "BatchHardTripletLoss": Loss(Targets.GROUPS, metric="recall_at_k"),
    "mean": Loss(Targets.NONE, compared=False),
}

#: What torch.nn has beyond these, and what does the same.
UNNAMED = {
    "AdaptiveLogSoftmaxWithLoss": (
        "has weights of its own",
        "end with Linear and use CrossEntropyLoss, or as specs/zoo/adaptive_softmax.toml does and use NLLLoss",
    ),
    "LinearCrossEntropyLoss": ("has weights of its own", "end with Linear and use CrossEntropyLoss"),
}


#: Losses that torch.nn has not, or takes its tensors in another form.
_MADE: dict[str, type[nn.Module]] = {"mean": Mean, "CTCLoss": CTCLoss, "BatchHardTripletLoss": BatchHardTripletLoss}

#: Losses of the user's own, each with a row in ``LOSSES``.
OWN: OwnParts[type[nn.Module]] = OwnParts(
    "a loss", lambda name: "torch" if hasattr(nn, name) else "graphspec" if name in _MADE else ""
)


def loss_table() -> dict[str, type[nn.Module]]:
    """Every loss that a spec may name: torch.nn's, the mean of an output, and the user's own."""
    return {name: OWN[name] if name in OWN else _MADE.get(name) or getattr(nn, name) for name in LOSSES}
