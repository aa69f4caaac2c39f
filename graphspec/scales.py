"""What the values of an output or of a target are: which layers give such values, and which numbers they may be."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

from torch import Tensor


@dataclasses.dataclass(frozen=True)
class Scale:
    """What the values of an output are. ``spoilt_by`` are the layer types that cannot give such values; of any other
    type, nothing is said.
    """

    name: str
    spoilt_by: frozenset[str] = frozenset()


SIGMOIDS = frozenset(["Sigmoid", "sigmoid", "Hardsigmoid"])
SOFTMAXES = frozenset(["Softmax", "softmax", "Softmax2d", "Softmin", "softmin"])
LOG_SOFTMAXES = frozenset(["LogSoftmax", "log_softmax"])
_LOGARITHMS = LOG_SOFTMAXES | {"LogSigmoid", "logsigmoid"}
#: Layers whose values are bounded by 0 alone.
_POSITIVE = frozenset(["exp", "Softplus", "softplus", "ReLU", "relu", "ReLU6", "square", "abs"])
#: Layers that cut values off, behind which a plain output is none any more.
_CUT = frozenset(["ReLU", "relu", "ReLU6", "Tanh", "tanh", "Softsign", "Hardtanh"])
#: Layers whose values are bounded by nothing, or by other bounds than those of probabilities.
_SIGNED = frozenset(
    """Linear Bilinear Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d Embedding EmbeddingBag
    BatchNorm1d BatchNorm2d BatchNorm3d LayerNorm GroupNorm InstanceNorm1d InstanceNorm2d InstanceNorm3d RMSNorm
    LSTM GRU RNN MultiheadAttention LeakyReLU PReLU ELU SELU CELU GELU gelu SiLU silu Mish
    Softsign Tanh tanh Hardtanh Hardswish Tanhshrink Softshrink Hardshrink""".split()
)

ANY = Scale("any values")
LOGITS = Scale("plain outputs", spoilt_by=SIGMOIDS | SOFTMAXES | _LOGARITHMS | _CUT)
#: LogSoftmax twice is LogSoftmax.
LOGITS_OF_CLASSES = Scale("plain outputs", spoilt_by=SIGMOIDS | SOFTMAXES | _CUT | {"LogSigmoid"})
LOG_PROBABILITIES = Scale("log-probabilities", spoilt_by=SIGMOIDS | SOFTMAXES | _SIGNED | _POSITIVE)
PROBABILITIES = Scale("probabilities, from 0 to 1", spoilt_by=_LOGARITHMS | _SIGNED | _POSITIVE)
LOG_RATES = Scale("the logarithm of a rate", spoilt_by=SIGMOIDS | SOFTMAXES | _POSITIVE)
RATES = Scale("rates above 0", spoilt_by=_LOGARITHMS | _SIGNED)


@dataclasses.dataclass(frozen=True)
class Span:
    """The numbers that a value may be: those from ``low`` to ``high``, or ``only`` these."""

    low: float = -math.inf
    high: float = math.inf
    only: tuple[float, ...] = ()

    def __str__(self) -> str:
        if self.only:
            return " or ".join(f"{number:g}" for number in self.only)
        if self.high == math.inf:
            return f"from {self.low:g} on"
        return f"at most {self.high:g}" if self.low == -math.inf else f"from {self.low:g} to {self.high:g}"

    def outside(self, values: Tensor) -> Tensor:
        """Where `values` are none of them, by more than rounding: bools."""
        if self.only:
            return (values[..., None] - values.new_tensor(self.only)).abs().amin(-1) > _ROUNDING
        return (values < self.low - _ROUNDING) | (values > self.high + _ROUNDING)


#: How far a number may be outside that was computed.
_ROUNDING = 1e-4
ANY_NUMBER = Span()
UNIT = Span(0.0, 1.0)

#: The values that a layer of a type gives at all.
SPANS: Mapping[str, Span] = {
    **dict.fromkeys(SIGMOIDS | SOFTMAXES, UNIT),
    **dict.fromkeys(_POSITIVE, Span(0.0)),
    **dict.fromkeys(("Tanh", "tanh", "Softsign"), Span(-1.0, 1.0)),
    **dict.fromkeys(_LOGARITHMS, Span(high=0.0)),
    "ReLU6": Span(0.0, 6.0),
}
