"""What is asked of one training run beside its spec."""

from __future__ import annotations

import dataclasses
import itertools
import os
from pathlib import Path
from typing import Literal

from graphspec.diagnostics import fail
from graphspec.system import processes


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions:
    """A run kept in ``folder``.

    With ``resume`` it goes on where it stopped, bit-identical on the CPU at the same thread count; with ``"auto"`` it
    begins where there is none yet. With ``overwrite`` it takes the place of a run that is there. ``epochs`` replaces
    the spec's; ``init`` is a file of weights, or a run folder, to start from in place of ``[train] init``. ``device``
    is auto, cpu, cuda or mps. Where torchrun has started several processes they train together, each with the whole
    module or, where ``parallel`` is ``"fsdp"``, a part of it. Without ``evaluated`` the run ends with its last
    checkpoint, and the test part stays sealed.
    """

    folder: Path
    resume: bool | Literal["auto"] = False
    overwrite: bool = False
    epochs: int | None = None
    init: Path | None = None
    device: str = "auto"
    parallel: Literal["ddp", "fsdp"] = "ddp"
    evaluated: bool = True

    def __post_init__(self) -> None:
        if self.resume and self.overwrite:
            raise fail("bad-value", "resume goes on with a run and overwrite replaces it: one of them is meant")


def folder_of(name: str, newest: bool) -> Path:
    """Where the run of a network of this `name` is kept: ``runs/NAME``, ``runs/NAME-2``, …, the first that holds
    nothing yet; or the `newest` that is there. Processes that train together take ``runs/NAME``.
    """
    first = Path("runs") / name
    numbers = itertools.count(2)
    folder = first
    while processes.size() == 1 and os.path.lexists(folder):
        further = first.with_name(f"{name}-{next(numbers)}")
        if newest and not os.path.lexists(further):
            break
        folder = further
    return folder
