"""Methods of torch's optimisers without the wrappers that only concern torch.compile.

Their first call imports torch._dynamo, which with what it brings takes most of a second.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from torch.optim import Optimizer


def undecorated(method: Callable[..., Any]) -> Callable[..., Any]:
    """The bound `method` as torch wrote it, without hooks; one that a scheduler has put in its place stays as it is."""
    owner = getattr(method, "__self__", None)
    return method if owner is None else functools.partial(inspect.unwrap(method), owner)


def constructor(kind: type[Optimizer]) -> Callable[..., Optimizer]:
    """`kind` with the same signature; while an optimiser is made, it adds its parameters by the plain method."""

    @functools.wraps(kind, updated=())
    def construct(**arguments: Any) -> Optimizer:
        optimizer = kind.__new__(kind)
        vars(optimizer)["add_param_group"] = undecorated(optimizer.add_param_group)
        optimizer.__init__(**arguments)  # type: ignore[misc]
        del vars(optimizer)["add_param_group"]
        return optimizer

    return construct
