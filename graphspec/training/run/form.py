"""Whether a state from a file has the form of one that this run would save: whoever forges it knows the hashes too."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

#: Options of a parameter group that a schedule changes, or adds.
_SCHEDULED = ("lr", "momentum", "betas", "initial_lr", "max_lr", "min_lr", "base_momentum", "max_momentum")
#: Optimisers whose state is more than tensors of a parameter's shape.
_OTHER_STATES = ("LBFGS", "Adafactor")


def check_form(own: Any, given: Any, path: str) -> None:
    """Raise ``ValueError`` where `given` is of another type than `own`, has other keys, or numbers that are none.

    Numbers go for each other; what is None, or an empty list or table in `own`, may have got a value.
    """
    if own is None or (isinstance(own, Mapping | list | tuple) and not own):
        return
    if isinstance(own, bool) or own is None or isinstance(own, str):
        if type(given) is not type(own):
            raise ValueError(f"{path} is {_text(given)}")
    elif isinstance(own, int | float):
        if isinstance(given, bool) or not isinstance(given, int | float) or math.isnan(given):
            raise ValueError(f"{path} is {_text(given)}, not a number")
    elif isinstance(own, Tensor):
        if not isinstance(given, Tensor) or given.shape != own.shape or given.dtype != own.dtype:
            raise ValueError(f"{path} is {_text(given)}, not {_text(own)}")
    elif isinstance(own, Mapping):
        if not isinstance(given, Mapping) or given.keys() != own.keys():
            raise ValueError(f"{path} has other keys")
        for key in own:
            check_form(own[key], given[key], f"{path}.{key}")
    elif isinstance(own, Sequence):
        if not isinstance(given, list | tuple) or len(given) != len(own):
            raise ValueError(f"{path} is {_text(given)}, not {len(own)} values")
        for index, each in enumerate(own):
            check_form(each, given[index], f"{path}.{index}")


def check_optimizer(optimizer: Optimizer, given: Mapping[str, Any], scheduled: bool = True) -> None:
    """Raise ``ValueError`` where the state `given` is not one of `optimizer`: other options, tensors that do not fit.

    Where it is `scheduled`, what a schedule changes has to be within its bounds; everything else is what the spec says.
    """
    own = optimizer.state_dict()["param_groups"]
    check_form(own, given["param_groups"], "optimizer.param_groups")
    for mine, theirs in zip(own, given["param_groups"], strict=True):
        for key, value in mine.items():
            if scheduled and key in _SCHEDULED:
                found = theirs[key] if isinstance(value, list | tuple) else [theirs[key]]
                most = math.inf if "lr" in key else 1
                if value is not None and not all(0 <= number < most for number in found):
                    raise ValueError(f"optimizer: {key} is {_text(theirs[key])}")
            elif theirs[key] != value:
                raise ValueError(f"optimizer: {key} is {_text(theirs[key])}, the spec's is {_text(value)}")
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for number, state in given["state"].items():
        shape = parameters[int(number)].shape
        for name, value in state.items():
            whole = isinstance(value, Tensor) and (value.shape == shape or value.numel() == 1)
            finite = not isinstance(value, Tensor) or (value.dtype.is_floating_point and bool(value.isfinite().all()))
            if type(optimizer).__name__ not in _OTHER_STATES and not (finite and (whole or _is_number(value))):
                raise ValueError(f"optimizer: {name} of parameter {number} is {_text(value)}")


def check_counts(progress: Mapping[str, Any], best: Mapping[str, Any], history: Any) -> None:
    """Raise ``ValueError`` where what was counted is below 0, or what was measured is no number."""
    if min(progress["epoch"], progress["batch"], progress["step"], progress["pieces"] - 1, progress["threads"] - 1) < 0:
        raise ValueError("progress counts below 0")
    if not _is_number(best["value"]) or not _is_number(best["loss"]):
        raise ValueError("best has a value that is no number")
    if not isinstance(history, list) or not all(isinstance(row, dict) for row in history):
        raise ValueError("the history is no list of epochs")


def _is_number(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value is None or (number and math.isfinite(value))


def _text(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"{tuple(value.shape)} {str(value.dtype).removeprefix('torch.')}"
    return f"{value!r:.40}"
