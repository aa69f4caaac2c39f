"""How a step is computed, and that there is one way to ask for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Protocol

from torch import Tensor

from graphspec.training.optim.objective import Share, Values

#: Looks at a loss before it moves a weight: gives it, or raises where it is not finite.
Look = Callable[[Tensor], float]


class Pass(NamedTuple):
    """What a pass gives: the loss (a scalar), what `Look` says of it, and the network's outputs."""

    loss: Tensor
    value: float
    output: Values


class Engine(Protocol):
    """Computes the steps of a run: all engines compute one function, one faster than the other.

    ``name`` is what the run says of it, ``at_once`` how many whole steps :meth:`steps` takes, 0 for an engine that has
    none. By default an engine has the textbook loop's bits; where other bits are asked
    for (``traced``, ``compiled``), its docstring says which.
    """

    name: ClassVar[str]
    at_once: int

    def forward_and_backward(self, inputs: list[Tensor], target: Values, share: Share, look: Look) -> Pass:
        """The loss of a batch that is `share` of its update; its gradients are added to those of the parameters.

        Raises what `look` raises, at the latest before the update.
        """

    def update(self, again: Callable[[], Tensor] | None = None) -> None:
        """Move the weights along the gradients, and take the gradients away.

        `again` gives loss and gradients anew for optimisers that ask.
        """

    def takes(self, rows: int) -> bool:
        """Whether so many rows are the batches of :meth:`steps`."""

    def steps(self, inputs: list[Tensor], target: Values) -> Pass:
        """``at_once`` whole steps, updates included, on as many batches in a row: their losses (one dimension)."""

    def clear_gradients(self) -> None:
        """Forget the gradients."""

    def settle(self) -> None:
        """Leave the optimiser as it would be had it computed the updates itself."""

    def state_dict(self) -> dict[str, Any]:
        """The optimiser's state, whichever way the updates were computed."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from an optimiser's state."""


class Choice(NamedTuple):
    """The engine of a run, and why it is this one."""

    engine: Engine
    reason: str

    def __str__(self) -> str:
        return f"engine: {self.engine.name} ({self.reason})"
