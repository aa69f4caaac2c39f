"""graphspec: a neural network as a TOML or JSON spec, compiled, trained, exported and verified.

>>> import graphspec
>>> module = graphspec.compile("specs/digits.toml")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import graphspec.system  # noqa: F401  # before anything imports onnxruntime
from graphspec.diagnostics import GraphspecError, GraphspecWarning, VerificationError

if TYPE_CHECKING:
    from graphspec.compiler import build, load, shape
    from graphspec.data.sources.user import dataset
    from graphspec.ops import layer
    from graphspec.pipeline import compile, evaluate, export, train, tune, verify

__version__ = "0.1.0"
__all__ = [
    "GraphspecError", "GraphspecWarning", "VerificationError", "build", "compile", "dataset", "evaluate", "export",
    "layer", "load", "shape", "train", "tune", "verify",
]  # fmt: skip

#: Public name → the module that has it: imported when first used, so that `import graphspec` stays cheap.
_HOMES = {
    "layer": "graphspec.ops",
    "dataset": "graphspec.data.sources.user",
    **dict.fromkeys(["build", "load", "shape"], "graphspec.compiler"),
    **dict.fromkeys(["compile", "evaluate", "export", "train", "tune", "verify"], "graphspec.pipeline"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'graphspec' has no attribute {name!r}")
    return vars(importlib.import_module(_HOMES[name]))[name]
