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
    LISTS = "the classes that apply, -1 behind them"
    NONE = "none"


@dataclasses.dataclass(frozen=True)
class Scale:
    """What the values of an output are. ``spoilt_by`` are the layer types that cannot give such values; of any other
    type, nothing is said.
    """

    name: str
    spoilt_by: frozenset[str] = frozenset()


_SIGMOIDS = frozenset(["Sigmoid", "sigmoid", "Hardsigmoid"])
_SOFTMAXES = frozenset(["Softmax", "softmax", "Softmax2d"])
_LOG_PROBABILITIES = frozenset(["LogSoftmax", "log_softmax", "LogSigmoid", "logsigmoid"])
#: Layers whose values are bounded by nothing, or by other bounds than those of probabilities.
_UNBOUNDED = frozenset(
    """Linear Bilinear Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d Embedding EmbeddingBag
    BatchNorm1d BatchNorm2d BatchNorm3d LayerNorm GroupNorm InstanceNorm1d InstanceNorm2d InstanceNorm3d RMSNorm
    LSTM GRU RNN MultiheadAttention ReLU relu ReLU6 LeakyReLU PReLU ELU SELU CELU GELU gelu SiLU silu Mish Softplus
    Softsign Tanh tanh Hardtanh Hardswish Tanhshrink Softshrink Hardshrink""".split()
)

ANY = Scale("any values")
LOGITS = Scale("plain outputs", spoilt_by=_SIGMOIDS | _SOFTMAXES | _LOG_PROBABILITIES)
#: LogSoftmax twice is LogSoftmax.
LOGITS_OF_CLASSES = Scale("plain outputs", spoilt_by=_SIGMOIDS | _SOFTMAXES | {"LogSigmoid"})
LOG_PROBABILITIES = Scale("log-probabilities", spoilt_by=_SIGMOIDS | _SOFTMAXES | _UNBOUNDED)
PROBABILITIES = Scale("probabilities, from 0 to 1", spoilt_by=_LOG_PROBABILITIES | _UNBOUNDED)


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
    """A row: ``targets`` are what it compares with, ``takes`` is what its first output has to be.

    An output of one column is read as the second of two classes above ``threshold``, a number, or a function of the
    loss's arguments; where ``lowest``, below it, and of several columns the lowest is the class. ``outputs`` is of how
    many outputs it is computed, with ``compared`` the first of them with the target. ``weighed``: its mean is over the
    weights of the target's classes without those that are ignored, not over samples. ``applies`` are the layers that it
    contains (in lower case); ``instead`` is what to do where the output is not what it takes. ``balanced`` gives, from
    the classes' counts and the output's columns, the arguments that ``weight = "balanced"`` stands for.
    """

    targets: Targets
    takes: Scale = ANY
    probability: Probability | None = None
    threshold: float | Callable[[Mapping[str, Any]], float] = 0.5
    lowest: bool = False
    outputs: int = 1
    compared: bool = True
    weighed: bool = False
    applies: frozenset[str] = frozenset()
    instead: str = ""
    balanced: Callable[[Tensor, int | None], dict[str, Tensor]] | None = None


_SOFTMAX, _SIGMOID = frozenset(["softmax", "softmax2d"]), frozenset(["sigmoid"])

LOSSES: Mapping[str, Loss] = {
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
    "BCELoss": Loss(Targets.VALUES, PROBABILITIES, ITSELF, instead="end with Sigmoid, or use BCEWithLogitsLoss"),
    "BCEWithLogitsLoss": Loss(
        Targets.VALUES,
        LOGITS,
        SIGMOID,
        threshold=0.0,
        applies=_SIGMOID,
        balanced=_by_column,
        instead="remove it, or use BCELoss",
    ),
    "PoissonNLLLoss": Loss(Targets.VALUES, threshold=_rate_of_half),
    "KLDivLoss": Loss(Targets.VALUES, LOG_PROBABILITIES, EXP, threshold=_log_half, instead="end with LogSoftmax"),
    "MultiLabelSoftMarginLoss": Loss(
        Targets.VALUES, LOGITS, SIGMOID, threshold=0.0, applies=_SIGMOID, instead="remove it"
    ),
    "MultiLabelMarginLoss": Loss(Targets.LISTS),
    "CosineEmbeddingLoss": Loss(Targets.SIDES, outputs=2, compared=False),
    "MarginRankingLoss": Loss(Targets.SIDES, outputs=2, compared=False),
    "GaussianNLLLoss": Loss(Targets.VALUES, outputs=2),
    "TripletMarginLoss": Loss(Targets.NONE, outputs=3, compared=False),
    "TripletMarginWithDistanceLoss": Loss(Targets.NONE, outputs=3, compared=False),
}


def loss_table() -> dict[str, type[nn.Module]]:
    """Every loss of torch.nn that a spec may name."""
    return {name: getattr(nn, name) for name in LOSSES}


@dataclasses.dataclass(frozen=True)
class Reading:
    """How an output ``N × columns × …`` is read: as one of `classes` (None: as values), and as probabilities.

    ``probability`` is None where the loss gives the output no such meaning. One column decides between two classes.
    """

    classes: int | None
    probability: Probability | None = None
    threshold: float = 0.5
    lowest: bool = False

    @classmethod
    def of(cls, loss: str, arguments: Mapping[str, Any], classes: int | None, producer: str | None = None) -> Reading:
        """As `loss` reads it. `producer` is the type of the layer that gives the output, where it is known."""
        row = LOSSES.get(loss)
        if row is None:
            return cls(classes)
        probability = row.probability
        if probability and probability.of_its_scale and producer in row.takes.spoilt_by:
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
