"""What is asked of one training run beside its spec."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions:
    """A run kept in ``folder``.

    With ``resume`` it goes on where it stopped, bit-identical on the CPU at the same thread count. ``epochs`` replaces
    the spec's; ``init`` is a file of weights, or a run folder, to start from in place of ``[train] init``. ``device``
    is auto, cpu, cuda or mps. Where torchrun has started several processes they train together, each with the whole
    module or, where ``parallel`` is ``"fsdp"``, a part of it. Without ``evaluated`` the run ends with its last
    checkpoint, and the test part stays sealed.
    """

    folder: Path
    resume: bool = False
    epochs: int | None = None
    init: Path | None = None
    device: str = "auto"
    parallel: Literal["ddp", "fsdp"] = "ddp"
    evaluated: bool = True
