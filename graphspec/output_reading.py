"""How the output of a trained network is read: as classes, labels and probabilities, in torch and in ONNX."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphspec.losses import LOSSES, Targets
from graphspec.probability import SOFTMAX, Probability
from graphspec.sequences import best_path

#: How far above 1 a probability may be that was computed.
_ROUNDING = 1e-4
#: ONNX's number for int64.
_INT64 = 7


@dataclasses.dataclass(frozen=True)
class Reading:
    """How an output ``N × columns × …`` is read: as one of `classes` (None: as values), and as probabilities.

    ``probability`` is None where the loss gives the output no such meaning. One column decides between two classes.
    With ``labels``, so many columns each decide by themselves whether a label applies; ``thresholds`` are then the
    probabilities above which each does, where they are not those of an even chance. With a ``blank``, classes of steps
    (``N × columns × T``) stand for a sequence.
    """

    classes: int | None
    probability: Probability | None = None
    threshold: float = 0.5
    lowest: bool = False
    labels: int | None = None
    thresholds: tuple[float, ...] = ()
    blank: int | None = None

    @classmethod
    def of(cls, loss: str, arguments: Mapping[str, Any], classes: int | None, producer: str | None = None) -> Reading:
        """As `loss` reads it. `producer` is the type of the layer that gives the output, where it is known.

        Of a loss of the user's own that is not imported here, `arguments` say which one of torch's it is ``like``.
        """
        row = LOSSES.get(loss) or LOSSES.get(str(arguments.get("like")))
        if row is None:
            return cls(classes)
        if row.targets is Targets.GROUPS:
            return cls(None)  # an embedding
        probability = row.probability
        if probability and probability.of_its_scale and producer in row.scale(arguments).spoilt_by:
            probability = None
        threshold = row.threshold(arguments) if callable(row.threshold) else row.threshold
        blank = int(arguments.get("blank", 0)) if row.targets is Targets.SEQUENCES else None
        return cls(classes, probability, threshold, row.lowest, blank=blank)

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

    def sequences(self, output: Tensor) -> Tensor:
        """The classes that each sample's steps stand for: int64 ``N × T``, -1 behind them."""
        assert self.blank is not None
        return best_path(self.predicted(output), self.blank)

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

    def mean(self, outputs: Sequence[Tensor]) -> Tensor:
        """The output of several networks together: the mean of their probabilities, else of their values."""
        columns = outputs[0].shape[1] if outputs[0].ndim > 1 else None
        probability, several = self.probability_of(columns), torch.stack(list(outputs))
        return several.mean(0) if probability is None else probability.mean(several)

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
