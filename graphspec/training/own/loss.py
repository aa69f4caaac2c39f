"""``@graphspec.loss``: a loss of the user's own, named and checked like one of torch.nn."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar, overload

from torch import Tensor, nn

from graphspec.losses import LOSSES, OWN, Loss, Targets
from graphspec.spec.base import Component
from graphspec.spec.model import NetworkSpec
from graphspec.system.own_parts import arguments_of, first_parameters

Part = TypeVar("Part", bound=Callable[..., Any])


class FunctionLoss(nn.Module):
    """A function of outputs and target as a loss, with the arguments of the spec."""

    function: ClassVar[Callable[..., Tensor]]

    def __init__(self, **arguments: Any) -> None:
        super().__init__()
        self.arguments = arguments

    def forward(self, *tensors: Tensor) -> Tensor:
        """What the function gives."""
        return type(self).function(*tensors, **self.arguments)


@overload
def loss(part: Part) -> Part: ...


@overload
def loss(*, like: str | None = None, target: bool = True) -> Callable[[Part], Part]: ...


def loss(part: Any = None, *, like: str | None = None, target: bool = True) -> Any:
    """Decorator: make a function, or an nn.Module class, a loss that ``[train] loss`` can name.

    A function takes the output, then the target, and gives the mean loss of a batch, a scalar; its parameters with a
    default are arguments of the spec. Of a class forward takes the two, and the constructor's parameters are the
    arguments. With more tensors all but the last are outputs; with ``target=False`` all of them are.

    `like` names the loss of torch whose targets it takes, and whose probabilities its outputs have
    (``"CrossEntropyLoss"``). Without one the target is as the data have it, and what is greatest is the class.

    Raises:
        TypeError: neither a function nor a class of nn.Module, or it takes no output.
        ValueError: the name is torch's, or that of a loss in another file; `like` is no loss of torch.
    """
    if part is None:
        return lambda each: loss(each, like=like, target=target)  # type: ignore[call-overload]
    is_class = inspect.isclass(part) and issubclass(part, nn.Module)
    if not is_class and not inspect.isfunction(part):
        raise TypeError(f"a loss is a function or a class of nn.Module, not {part!r}")
    if like is not None and (like not in LOSSES or like in OWN):
        raise ValueError(f"like is the name of a loss of torch, not {like!r}")
    tensors = len(first_parameters(part.forward)) - 1 if is_class else len(first_parameters(part))
    if tensors < 1 + target:
        raise TypeError(f"{part.__name__} takes {'an output and a target' if target else 'an output'}")
    OWN.add(part, part if is_class else _of_function(part, tensors))
    LOSSES[part.__name__] = _row(like, tensors - target, target)
    return part


def _of_function(function: Callable[..., Any], tensors: int) -> type[nn.Module]:
    """`function`, of so many tensors, as a class whose constructor takes its other parameters."""
    body = {
        "function": staticmethod(function), "__signature__": arguments_of(function, tensors),
        "__doc__": inspect.getdoc(function), "__module__": function.__module__,
    }  # fmt: skip
    return type(function.__name__, (FunctionLoss,), body)


def _row(like: str | None, outputs: int, target: bool) -> Loss:
    """What is known of it: as of what it is like, but that its mean is over samples and nothing is balanced."""
    if not target:
        return Loss(Targets.NONE, outputs=outputs, compared=False, reads_values=True)
    row = LOSSES[like] if like else Loss(Targets.OWN)
    return dataclasses.replace(
        row, outputs=outputs, weighed=False, reductions=("mean",), balanced=None, reads_values=True, like=like or ""
    )


def noted(spec: NetworkSpec) -> NetworkSpec:
    """`spec` with what its own losses are like, so that whoever has not their file can read the outputs."""
    if spec.train is None:
        return spec
    losses = tuple(_noted(loss) for loss in spec.train.losses)
    if losses == spec.train.losses:
        return spec
    train = spec.train.model_copy(update={"loss": losses if isinstance(spec.train.loss, tuple) else losses[0]})
    return spec.model_copy(update={"train": train})


def _noted(loss: Component) -> Component:
    like = LOSSES[loss.type].like if loss.type in OWN else ""
    return Component.model_construct(type=loss.type, args=loss.args | {"like": like}) if like else loss
