"""The step from a recording with its operations, and the update, in C."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from graphspec.training.engine.recorded import Recorded


@dataclasses.dataclass(kw_only=True)
class Native(Recorded):
    """Operations that follow each other are one call of C; those without torch's bits stay torch's.

    See :mod:`graphspec.training.engine.native.operations`, and :mod:`graphspec.training.engine.native.adam` for the
    update of Adam and AdamW.
    """

    name: ClassVar[str] = "native"
