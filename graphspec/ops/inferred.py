"""What follows from the input: arguments filled by their name, and the rank a layer needs, for custom layers too."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphspec.ops.op import Op

#: The shapes of a layer's values, by port name, in order.
Shapes = Mapping[str, Sequence[Any]]


def _last(shapes: Shapes, port: int = 0) -> Any:
    return list(shapes.values())[port][-1]


def _channels(shapes: Shapes) -> Any:
    shape = next(iter(shapes.values()))
    return shape[1] if len(shape) > 1 else shape[0]


#: Argument name → its value given the shapes of the inputs. A layer need not write these; written ones are checked.
INFERRED: Mapping[str, Callable[[Shapes], Any]] = {
    "in_features": _last,
    "in1_features": _last,
    "in2_features": lambda shapes: _last(shapes, 1),
    "in_channels": _channels,
    "input_channels": _channels,
    "num_features": _channels,
    "num_channels": _channels,
    "normalized_shape": lambda shapes: [_last(shapes)],
    "embed_dim": _last,
    "d_model": _last,
    "input_size": _last,
}
#: Inferred although they have a default, which fits by chance alone (Transformer's d_model is 512).
_WITH_DEFAULT = frozenset(["num_features", "in_channels", "d_model"])
#: Channels stand in dim 1 of an image; in torchvision's MLP they are the last dim.
_LAST_DIM_CHANNELS = frozenset(["MLP"])


def inferred(op: Op, shapes: Shapes) -> dict[str, Any]:
    """The arguments of `op` that its input decides, for values of these `shapes`."""
    found = {}
    for name, parameter in {**op.arguments, **op.options}.items():
        if name in INFERRED and (parameter.required or name in _WITH_DEFAULT) and shapes:
            rule = _last if op.name in _LAST_DIM_CHANNELS else INFERRED[name]
            found[name] = rule(shapes)
    return found


def ranks(op: Op) -> tuple[int, ...]:
    """The ranks of input that `op` takes as a batch, () for any: ``Conv2d`` takes 4, ``BatchNorm1d`` 2 or 3."""
    match = re.fullmatch(r"(?:Adaptive|Fractional)?(\w+?)([123])d", op.name) if op.origin == "torch.nn" else None
    if not match:
        return ()
    batched = int(match[2]) + 2
    return (2, 3) if op.name in ("BatchNorm1d", "Dropout1d") else (batched,)
