"""``lr_lambda = "0.95 ** epoch"``: a factor by epoch, in the language of a spec's ``${…}``."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

from graphspec.diagnostics import Path, fail, quoted
from graphspec.spec.expressions import ExpressionError, UnknownVariable
from graphspec.spec.interpolation import template

#: Epochs at which an expression is tried before the run.
_TRIED = 10_000


@dataclasses.dataclass(frozen=True)
class _At:
    """What names mean in epoch `epoch`."""

    epoch: int

    def variable(self, name: str) -> int:
        if name != "epoch":
            raise UnknownVariable(name, 'there is "epoch", counted from 0')
        return self.epoch

    def shape(self, reference: str) -> Sequence[Any]:
        raise ExpressionError(f"{quoted(reference)} has no shape here")

    def spend(self, count: int) -> None:
        """Nothing is counted: one expression is computed once an epoch."""


def lr_lambda(text: Any, first: int, epochs: int, at: Path) -> Callable[[int], float]:
    """The function that the expression `text` is, tried on the epochs from `first` (0 or 1) on.

    Raises:
        GraphspecError: it is no expression in ``epoch``, or gives no finite number of 0 or more.
    """
    if not isinstance(text, str):
        raise fail("bad-value", f'lr_lambda must be an expression such as "0.95 ** epoch", not {text!r}', at=at)
    try:
        parsed = template(text if "${" in text else f"${{{text}}}")
    except ExpressionError as error:
        raise fail(error.code, f"{quoted(text)}: {error}", at=at, hint=error.hint) from error

    def factor(epoch: int) -> float:
        try:
            value = parsed.value(_At(epoch)) if parsed is not None else None
        except ExpressionError as error:
            raise fail(error.code, f"{quoted(text)}: {error}", at=at, hint=error.hint) from error
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise fail("bad-value", f"lr_lambda gives {value!r} in epoch {epoch}, not a number of 0 or more", at=at)
        return float(value)

    for epoch in range(first, min(epochs, _TRIED) + 1):
        factor(epoch)
    return factor
