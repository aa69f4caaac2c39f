"""How a network's output becomes probabilities, in torch and in ONNX."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


@dataclasses.dataclass(frozen=True)
class Probability:
    """How an output becomes probabilities: of tensors, and of ONNX values by ``op(type, *inputs, **attributes)``.

    ``each``: every column by itself; otherwise the columns of a sample sum to 1, so that one alone says nothing.
    ``of_its_scale``: only values of the scale that the loss takes become probabilities, otherwise any values do.
    ``mean`` is the output whose probabilities are the mean of those of several, which lie along dimension 0.
    """

    tensors: Callable[[Tensor], Tensor]
    nodes: Callable[[Callable[..., Any], Any], Any]
    mean: Callable[[Tensor], Tensor]
    each: bool = False
    of_its_scale: bool = False


def _mean_of_logarithms(outputs: Tensor) -> Tensor:
    return outputs.logsumexp(0) - math.log(len(outputs))


def _mean_of_odds(outputs: Tensor) -> Tensor:
    return logsigmoid(outputs).logsumexp(0) - logsigmoid(-outputs).logsumexp(0)


SOFTMAX = Probability(
    lambda output: output.softmax(1),
    lambda op, output: op("Softmax", output, axis=1),
    lambda outputs: _mean_of_logarithms(outputs.log_softmax(2)),
)
EXP = Probability(torch.exp, lambda op, output: op("Exp", output), _mean_of_logarithms, of_its_scale=True)
SIGMOID = Probability(torch.sigmoid, lambda op, output: op("Sigmoid", output), _mean_of_odds, each=True)
ITSELF = Probability(
    lambda output: output, lambda op, output: output, lambda outputs: outputs.mean(0), each=True, of_its_scale=True
)
