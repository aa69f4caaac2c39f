"""Whether a state from a file has the form of one that this run would save: whoever forges it knows the hashes too."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from graphspec.training.engine.undecorated import constructor, undecorated
from graphspec.training.optim.several import numbered

#: Options of a parameter group that a schedule changes, or adds.
_SCHEDULED = ("lr", "momentum", "betas", "initial_lr", "max_lr", "min_lr", "base_momentum", "max_momentum")
#: More processors than a run takes up threads for.
MOST_THREADS = 1024
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
    if odd := given["state"].keys() - set(range(sum(len(group["params"]) for group in optimizer.param_groups))):
        raise ValueError(f"optimizer: there is no parameter {_text(min(odd))}")
    for part, numbers in numbered(optimizer):
        _check_state(part, {number: given["state"][number] for number in numbers if number in given["state"]}, numbers)


def _check_state(optimizer: Optimizer, given: Mapping[int, Mapping[str, Any]], numbers: range) -> None:
    """Raise ``ValueError`` where the state `given` of parameters is none of `optimizer`, whose are called `numbers`."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    _check_names(optimizer, given)
    for number, state in given.items():
        shape = parameters[number - numbers.start].shape
        for name, value in state.items():
            whole = isinstance(value, Tensor) and (value.shape == shape or value.numel() == 1)
            finite = not isinstance(value, Tensor) or (value.dtype.is_floating_point and bool(value.isfinite().all()))
            if type(optimizer).__name__ not in _OTHER_STATES and not (finite and (whole or _is_number(value))):
                raise ValueError(f"optimizer: {name} of parameter {number} is {_text(value)}")


def _check_names(optimizer: Optimizer, given: Mapping[int, Mapping[str, Any]]) -> None:
    """Raise ``ValueError`` where the state of a parameter is not what a step of such an optimiser leaves."""
    kind = type(optimizer)
    if kind.__name__ in (*_OTHER_STATES, "SparseAdam"):
        return
    known = inspect.signature(kind.__init__).parameters
    options = {name: value for name, value in optimizer.defaults.items() if name in known}
    place = optimizer.param_groups[0]["params"][0].device  # what a step leaves may depend on it
    trial = constructor(kind)(params=[parameter := nn.Parameter(torch.zeros(1, 1, device=place))], **options)
    parameter.grad = torch.zeros_like(parameter)
    with torch.no_grad():
        undecorated(trial.step)()
    (own,) = trial.state_dict()["state"].values() or ({},)
    for number, state in given.items():
        wrong = [name for name in {*own, *state} if _kind(own.get(name)) != _kind(state.get(name))]
        if wrong and state:
            raise ValueError(f"optimizer: {_text(wrong[0])} of parameter {number} is not as a step leaves it")
        step = state.get("step", 0)
        if not (step if isinstance(step, int | float) else step.numel() == 1 and float(step)) >= 0:
            raise ValueError(f"optimizer: parameter {number} has made {_text(step)} steps")


def _kind(value: Any) -> str:
    return "none" if value is None else "tensor" if isinstance(value, Tensor) else "number"


def check_metrics(own: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` where the sums of `given` are not those of this run's metrics."""
    plain = [name for name in own if name != "statistics"]  # whose form follows from what they have seen
    check_form({name: own[name] for name in plain}, {name: given[name] for name in plain}, "metrics")


def check_counts(progress: Mapping[str, Any], best: Mapping[str, Any], history: Any) -> None:
    """Raise ``ValueError`` where what was counted is below 0, or what was measured is no number."""
    counted = [progress[name] for name in ("epoch", "batch", "step", "pieces", "threads")]
    if not all(type(count) is int for count in counted) or progress["threads"] > MOST_THREADS:
        raise ValueError(f"progress counts {_text(counted)}")
    if min(progress["epoch"], progress["batch"], progress["step"], progress["pieces"] - 1, progress["threads"] - 1) < 0:
        raise ValueError("progress counts below 0")
    if not _is_number(best["value"]) or not _is_number(best["loss"]):
        raise ValueError("best has a value that is no number")
    if not isinstance(history, list) or not all(isinstance(row, dict) for row in history):
        raise ValueError("the history is no list of epochs")
    for row in history:
        numbers = all(isinstance(value, int | float) or value is None for value in row.values())
        if not {"epoch", "step", "lr", "seconds"} <= row.keys() or not numbers or row["seconds"] is None:
            raise ValueError("the history has a row that is no epoch's")
        if not all(isinstance(name, str) and name.isprintable() for name in row):
            raise ValueError("the history has a column without a name")


def _is_number(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value is None or (number and math.isfinite(value))


def _text(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"{tuple(value.shape)} {str(value.dtype).removeprefix('torch.')}"
    return f"{value!r:.40}"
