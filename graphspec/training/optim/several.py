"""Several of torch's optimisers as one: Muon for the matrices and AdamW for the rest, say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class SeveralOptimizers(Optimizer):
    """Each of ``parts`` moves its own parameters; a schedule and a run see the groups and the state of all of them.

    ``param_groups`` are those of the parts in their order, the very dicts, and the state is one that they share.
    """

    def __init__(self, parts: Sequence[Optimizer]) -> None:
        self.parts = tuple(parts)
        super().__init__([group for part in parts for group in part.param_groups], {})
        self.defaults = self.parts[0].defaults
        self._share()

    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:  # type: ignore[override]
        """A step of each part."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.parts:
            part.step()
        return loss

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "parts": self.parts}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._share()

    def _share(self) -> None:
        groups = iter(self.param_groups)
        for part in self.parts:
            part.param_groups = [next(groups) for _ in part.param_groups]
            part.state = self.state


def parts_of(optimizer: Optimizer) -> tuple[Optimizer, ...]:
    """The optimisers that `optimizer` consists of: itself, unless it is several."""
    return optimizer.parts if isinstance(optimizer, SeveralOptimizers) else (optimizer,)


def numbered(optimizer: Optimizer) -> Iterator[tuple[Optimizer, range]]:
    """Its parts, each with the numbers that its parameters have in a ``state_dict`` of all."""
    start = 0
    for part in parts_of(optimizer):
        count = sum(len(group["params"]) for group in part.param_groups)
        yield part, range(start, start + count)
        start += count


def name_of(optimizer: Optimizer) -> str:
    """``AdamW``, or ``AdamW and Muon``."""
    return " and ".join(dict.fromkeys(type(part).__name__ for part in parts_of(optimizer)))
