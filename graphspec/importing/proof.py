"""The proof that a spec is the network that it was made of: the same keys, and the same bits."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from graphspec.importing.outputs import flat
from graphspec.importing.record import arguments_for, parameters_of
from graphspec.ops.functions.like import GumbelSoftmax

Inputs = Mapping[str, Tensor]
SEED = 20


@dataclasses.dataclass(frozen=True)
class Difference:
    """What is not equal: `message` in words, at `inputs` in evaluation or in training."""

    message: str
    inputs: Inputs | None = None
    training: bool = False


class Held(TorchFunctionMode):
    """Noise is held, as a spec's is in evaluation."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _HELD.get(function, function)(*args, **(kwargs or {}))


def _gumbel(
    logits: Tensor, tau: float = 1.0, hard: bool = False, eps: float = 0.0, dim: int = -1
) -> Tensor:  # torch's own parameters
    return GumbelSoftmax().eval()(logits, tau, hard, dim)


_HELD: Mapping[Any, Callable[..., Any]] = {
    torch.randn_like: lambda x, **_: torch.full_like(x, 0.0),
    torch.rand_like: lambda x, **_: torch.full_like(x, 0.5),
    torch.nn.functional.gumbel_softmax: _gumbel,
}
#: What a spec draws in training alone.
DRAWN = frozenset(function.__name__ for function in _HELD)


def difference(
    source: nn.Module, ours: nn.Module, samples: Sequence[Inputs], training: bool, held: bool = False
) -> Difference | None:
    """The first thing in which the compiled spec is another network than `source`, if anything.

    With `held` the noise that `source` draws in evaluation is held at its mean.
    """
    keys = _keys(source, ours)
    if keys:
        return Difference(keys)
    for inputs in samples:
        for train in (False, True) if training else (False,):
            with Held() if held and not train else contextlib.nullcontext():
                message = _outputs(source, ours, inputs, train)
            if message:
                return Difference(message, inputs, train)
    return None


def _keys(source: nn.Module, ours: nn.Module) -> str:
    theirs, own = source.state_dict(), ours.state_dict()
    for name in theirs:
        if name not in own:
            return f"the spec has no {name}"
    for name, value in own.items():
        if name not in theirs:
            return f"the network has no {name}"
        if value.shape != theirs[name].shape or value.dtype != theirs[name].dtype:
            return f"{name} is {tuple(value.shape)} {value.dtype}, not {tuple(theirs[name].shape)} {theirs[name].dtype}"
    trained = {name for name, value in source.named_parameters(remove_duplicate=False) if value.requires_grad}
    learns = {name for name, value in ours.named_parameters(remove_duplicate=False) if value.requires_grad}
    odd = next(iter(trained ^ learns), None)
    return f"{odd} is {'not ' if odd in trained else ''}trained by the spec alone" if odd else ""


def training_copy(model: nn.Module) -> nn.Module:
    """A copy in training mode, but for the parameters that learn, into which no forward pass writes."""
    return copy.deepcopy(model, {id(value): value for value in model.parameters() if value.requires_grad}).train()


def run(model: nn.Module, inputs: Inputs, training: bool) -> tuple[list[Tensor], dict[str, Tensor]]:
    """The outputs, and the buffers behind them, of a forward pass from a fixed seed; in training of a copy."""
    model = training_copy(model) if training else model.eval()
    positional, keywords = arguments_for(model, inputs)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(SEED)
        result = model(*(x.clone() for x in positional), **{name: x.clone() for name, x in keywords.items()})
    return [value for _, value in flat(result, Tensor)], dict(model.named_buffers()) if training else {}


def _outputs(source: nn.Module, ours: nn.Module, inputs: Inputs, training: bool) -> str:
    mode = "in training" if training else "in evaluation"
    theirs, buffers = run(source, inputs, training)
    own, own_buffers = run(ours, {name: inputs[name] for name in parameters_of(ours)}, training)
    if len(own) < len(theirs):
        return f"it gives {len(theirs)} tensors {mode}, the spec {len(own)}"
    for number, (a, b) in enumerate(zip(theirs, own, strict=False)):
        if not equal(a, b):
            return f"output {number} is another {mode}, for {_sizes(inputs)}"
    for name, value in own_buffers.items():
        if name in buffers and not equal(buffers[name], value):
            return f"the buffer {name} is another after a step {mode}"
    return ""


def equal(a: Tensor, b: Tensor) -> bool:
    """Equal to the last bit, NaN being NaN."""
    return a.shape == b.shape and a.dtype == b.dtype and bool(((a == b) | ((a != a) & (b != b))).all())


def _sizes(inputs: Inputs) -> str:
    return ", ".join(f"{name} {' × '.join(map(str, value.shape))}" for name, value in inputs.items())


def first_layer(
    record: Callable[[Callable[[Any, int, Tensor], None]], object], ours: nn.Module, names: Sequence[tuple[int, str]],
    inputs: Inputs,
) -> str:  # fmt: skip
    """The first layer whose output is another. `record` shows each call of the source; `names` are ours by number."""
    seen: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[[Any, Any, Any], None]:
        def hook(module: Any, args: Any, output: Any) -> None:
            while isinstance(output, tuple | list):
                output = output[0]
            seen[name] = output.detach().clone()

        return hook

    handles = [ours.get_submodule(name).register_forward_hook(keep(name)) for _, name in names]
    try:
        run(ours, inputs, False)
    finally:
        for handle in handles:
            handle.remove()
    order = dict(names)
    numbers: dict[int, int] = {}
    found: list[str] = []

    def watch(call: Any, index: int, tensor: Tensor) -> None:
        name = order.get(numbers.setdefault(id(call), len(numbers)), "")
        if index == 0 and name in seen and not equal(seen[name], tensor):
            found.append(name)

    record(watch)
    return next(iter(found), "")
