"""How far a network's outputs lie apart where its layers round otherwise: another order of summation does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import fx

from graphspec.exporting.reference import Arrays
from graphspec.exporting.tolerance import FLOAT32

#: Half a unit in the last place; and what 64 such errors of one sign come to. On zeros a map is constant, all its
#: roundings have one sign, and a mean does not cancel them as it cancels random ones.
HALF_ULP = 0.5
ONE_SIDED = 32.0


class Rounding:
    """The outputs with every layer's values rounded otherwise: ``known`` is empty until they are asked for.

    They only widen what is allowed, and cost another run in float64: what passes without them needs none.
    """

    def __init__(self, compute: Callable[[], Arrays]) -> None:
        self._compute: Callable[[], Arrays] | None = compute
        self.known: Arrays = {}

    def ask(self) -> bool:
        """Compute the outputs; False where they are known already."""
        if self._compute is None:
            return False
        self.known, self._compute = self._compute(), None
        return True


class Rounded(fx.Interpreter):
    """Runs the module with every layer's values off by up to `ulps` of the `units` of the layers, by name.

    The float32 module's own error can be nothing by luck where another order of summation shows plenty: an
    InstanceNorm of a constant map divides rounding by the root of its epsilon.
    """

    def __init__(self, module: torch.nn.Module, units: Mapping[str, float], ulps: float) -> None:
        super().__init__(module)
        self._ulps, self._units = ulps, units
        self._generator = np.random.default_rng(0)

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if (
            not self._ulps
            or n.op != "call_module"
            or not isinstance(value, torch.Tensor)
            or not value.is_floating_point()
        ):
            return value
        share = self._ulps * (self._units.get(str(n.target)) or FLOAT32)
        spread = torch.from_numpy(self._generator.random(tuple(value.shape), np.float32))  # faster than torch.rand
        return torch.addcmul(value, value, spread.sub_(0.5).mul_(2 * share))
