"""What is known of each loss of torch.nn, one row a loss; whoever has to know a loss reads its row.

A row says what the output has to be, which targets the loss takes, how its mean is formed, and how the output of a
network that it has trained is read: as a class, and as probabilities, in torch and in ONNX.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

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

#: How far above 1 a probability may be that was computed.
_ROUNDING = 1e-4
#: ONNX's number for int64.
_INT64 = 7


class Targets(enum.Enum):
    """What a loss compares with."""

    CLASSES = "class indices"
    SIGNS = "-1 or 1 for each value"
    SIDES = "-1 or 1 for each sample"
    VALUES = "floats of the output's shape"
    OWN = "the data's own targets"
    LISTS = "the classes that apply, -1 behind them"
    NONE = "none"


@dataclasses.dataclass(frozen=True)
class Probability:
    """How an output becomes probabilities: of tensors, and of ONNX values by ``op(type, *inputs, **attributes)``.

    ``each``: every column by itself; otherwise the columns of a sample sum to 1, so that one alone says nothing.
    ``of_its_scale``: only values of the scale that the loss takes become probabilities, otherwise any values do.
    """

    tensors: Callable[[Tensor], Tensor]
    nodes: Callable[[Callable[..., Any], Any], Any]
    each: bool = False
    of_its_scale: bool = False


SOFTMAX = Probability(lambda output: output.softmax(1), lambda op, output: op("Softmax", output, axis=1))
EXP = Probability(torch.exp, lambda op, output: op("Exp", output), of_its_scale=True)
SIGMOID = Probability(torch.sigmoid, lambda op, output: op("Sigmoid", output), each=True)
ITSELF = Probability(lambda output: output, lambda op, output: output, each=True, of_its_scale=True)


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
    """The same for each column by itself, which says whether a sample is of its class: one column is of the second."""
    there = counts[1:] if columns == 1 else counts
    absent = counts.sum() - there
    weight, positive = counts.sum() / (2 * absent.clamp(min=1)), absent / there.clamp(min=1)
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
    may take other operations in another step.
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
    "mean": Loss(Targets.NONE, compared=False),
}


class Mean(nn.Module):
    """The mean of an output, which is a loss already: a VAE's KL term, a penalty."""

    def forward(self, input: Tensor) -> Tensor:
        """A scalar."""
        return input.mean()


#: Losses of the user's own, each with a row in ``LOSSES``.
OWN: OwnParts[type[nn.Module]] = OwnParts(
    "a loss", lambda name: "torch" if hasattr(nn, name) else "graphspec" if name == "mean" else ""
)


def loss_table() -> dict[str, type[nn.Module]]:
    """Every loss that a spec may name: torch.nn's, the mean of an output, and the user's own."""
    return {name: OWN[name] if name in OWN else getattr(nn, name, Mean) for name in LOSSES}


@dataclasses.dataclass(frozen=True)
class Reading:
    """How an output ``N × columns × …`` is read: as one of `classes` (None: as values), and as probabilities.

    ``probability`` is None where the loss gives the output no such meaning. One column decides between two classes.
    With ``labels``, so many columns each decide by themselves whether a label applies; ``thresholds`` are then the
    probabilities above which each does, where they are not those of an even chance.
    """

    classes: int | None
    probability: Probability | None = None
    threshold: float = 0.5
    lowest: bool = False
    labels: int | None = None
    thresholds: tuple[float, ...] = ()

    @classmethod
    def of(cls, loss: str, arguments: Mapping[str, Any], classes: int | None, producer: str | None = None) -> Reading:
        """As `loss` reads it. `producer` is the type of the layer that gives the output, where it is known.

        Of a loss of the user's own that is not imported here, `arguments` say which one of torch's it is ``like``.
        """
        row = LOSSES.get(loss) or LOSSES.get(str(arguments.get("like")))
        if row is None:
            return cls(classes)
        probability = row.probability
        if probability and probability.of_its_scale and producer in row.scale(arguments).spoilt_by:
            probability = None
        threshold = row.threshold(arguments) if callable(row.threshold) else row.threshold
        return cls(classes, probability, threshold, row.lowest)

    def probability_of(self, columns: int | None) -> Probability | None:
        """How an output of so many columns becomes probabilities, if it does."""
        alone = columns == 1 and self.probability is not None and not self.probability.each
        return None if alone else self.probability

    def two_sided(self, columns: int | None) -> bool:
        """Whether one column stands for both of two classes."""
        return columns == 1 and self.classes == 2

    def predicted(self, output: Tensor) -> Tensor:
        """The class of each sample, or of each of its positions: int64, without dimension 1."""
        if output.shape[1] == 1:
            first = output[:, 0]
            return (first < self.threshold if self.lowest else first > self.threshold).to(torch.int64)
        return output.argmin(1) if self.lowest else output.argmax(1)

    def applies(self, output: Tensor) -> Tensor:
        """Which labels apply to each sample: bools of the output's shape ``N × labels``."""
        if not self.thresholds or self.probability is None:
            return output > self.threshold
        return self.probability.tensors(output) > output.new_tensor(self.thresholds)

    def predicted_nodes(self, op: Callable[..., Any], output: Any, columns: int | None, real: np.dtype[Any]) -> Any:
        """:meth:`predicted` in ONNX operators, of an output of so many columns (None: of any number) and dtype."""
        if columns != 1:
            return op("ArgMin" if self.lowest else "ArgMax", output, axis=1, keepdims=0)
        beyond = op("Less" if self.lowest else "Greater", output, np.array(self.threshold, dtype=real))
        return op("Squeeze", op("Cast", beyond, to=_INT64), np.array([1]))

    def probabilities(self, output: Tensor) -> Tensor | None:
        """The probability of each class, over dimension 1; of each column where there are no classes."""
        columns = output.shape[1]
        probability = self.probability_of(columns)
        if probability is None:
            return None
        share = probability.tensors(output)
        return torch.cat([1 - share, share], 1) if self.two_sided(columns) else share

    def probability_nodes(self, op: Callable[..., Any], output: Any, columns: int | None, real: np.dtype[Any]) -> Any:
        """:meth:`probabilities` in ONNX operators; None where there are none."""
        probability = self.probability_of(columns)
        if probability is None:
            return None
        share = probability.nodes(op, output)
        if not self.two_sided(columns):
            return op("Identity", share)
        return op("Concat", op("Sub", np.array(1, dtype=real), share), share, axis=1)

    def sure(self, output: Tensor, chosen: Tensor) -> list[float | None]:
        """The probability of each sample's `chosen` class (``N``); None where there is none.

        What is no share, of an output that is not what the loss takes, is none.
        """
        probabilities = self.probabilities(output)
        if probabilities is None:
            return [None] * len(output)
        shares = probabilities.gather(1, chosen.unsqueeze(1))[:, 0].tolist()
        return [share if 0 <= share <= 1 + _ROUNDING else None for share in shares]

    def scores(self, output: Tensor) -> Tensor:
        """By what classes are ranked, over dimension 1, two columns where one stands for both.

        The greatest score of a sample is the predicted class's, and those of a class are comparable over samples.
        """
        if output.shape[1] == 1:
            above = self.threshold - output if self.lowest else output - self.threshold
            return torch.cat([-above, above], 1)
        if self.probability is SOFTMAX:
            return output.log_softmax(1)
        return -output if self.lowest else output
