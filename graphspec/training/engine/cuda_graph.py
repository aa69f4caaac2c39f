"""The compiled step as a CUDA graph: one launch for all kernels of a pass.

No GPU was at hand when this was written: it has never run. ``benchmarks/gpu.py`` measures it where there is one, and
prints its first loss beside eager's.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from graphspec.training.engine.compiled import Compiled


@dataclasses.dataclass
class CudaGraph(Compiled):
    """Leaves recording and replay to torch.compile, which goes without where a pass cannot be a graph."""

    name: ClassVar[str] = "compiled, CUDA graphs"
    options: ClassVar[dict[str, Any]] = {"mode": "reduce-overhead"}
