"""The step from a recording with its operations, and the update, in C."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from graphspec.training.engine.recorded import Recorded


@dataclasses.dataclass(kw_only=True)
class Native(Recorded):
    """Operations that follow each other are one call of :mod:`operations`; those without torch's bits stay torch's.

    The update is that of :mod:`adam` where the optimiser is Adam or AdamW.
    """

    name: ClassVar[str] = "native"
