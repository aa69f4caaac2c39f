"""The step with its forward and backward pass compiled by ``torch.compile``."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import torch

from graphspec.training.engine.eager import Eager


@dataclasses.dataclass
class Compiled(Eager):
    """Kernels that Inductor merges round otherwise than the module's own: the losses drift from the textbook's."""

    name: ClassVar[str] = "compiled"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.module = torch.compile(self.module)  # type: ignore[assignment]
