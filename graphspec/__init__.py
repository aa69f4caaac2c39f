"""graphspec: a neural network as a TOML or JSON spec, compiled, trained, exported and verified.

>>> import graphspec
>>> module = graphspec.compile("specs/digits.toml")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import graphspec.system  # before anything imports onnxruntime

# ruff: noqa: F401  (type checkers read the imports, everybody else the table)
if TYPE_CHECKING:
    from graphspec.before_training import find_lr, overfit_batch
    from graphspec.comparing import diff
    from graphspec.compiler import Network, build, load, shape
    from graphspec.data.place import DataPlace
    from graphspec.data.sources.user import dataset
    from graphspec.data.transforms.own import transform
    from graphspec.diagnostics import GraphspecError, GraphspecWarning, VerificationError
    from graphspec.grading import check
    from graphspec.importing import from_module
    from graphspec.inspecting import inspect
    from graphspec.ops import layer
    from graphspec.pipeline import compile, evaluate, export, predict, train, tune, verify
    from graphspec.reporting import report
    from graphspec.training.own.callback import callback
    from graphspec.training.own.loss import loss
    from graphspec.training.own.metric import metric

__version__ = "0.1.0"

#: The public names, by the module that has them: imported when first used, so that `import graphspec` stays cheap.
_HOMES = {
    name: home
    for home, names in {
        "graphspec.compiler": "Network build load shape",
        "graphspec.before_training": "find_lr overfit_batch",
        "graphspec.pipeline": "compile evaluate export predict train tune verify",
        "graphspec.comparing": "diff",
        "graphspec.grading": "check",
        "graphspec.importing": "from_module",
        "graphspec.inspecting": "inspect",
        "graphspec.reporting": "report",
        "graphspec.diagnostics": "GraphspecError GraphspecWarning VerificationError",
        "graphspec.data.place": "DataPlace",
        "graphspec.data.sources.user": "dataset",
        "graphspec.ops": "layer",
        "graphspec.data.transforms.own": "transform",
        "graphspec.training.own.callback": "callback",
        "graphspec.training.own.loss": "loss",
        "graphspec.training.own.metric": "metric",
        "graphspec": "data",  # the room itself, which is called as a function
    }.items()
    for name in names.split()
}
__all__ = [*sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'graphspec' has no attribute {name!r}")
    if _HOMES[name] == "graphspec":
        return importlib.import_module(f"graphspec.{name}")
    return vars(importlib.import_module(_HOMES[name]))[name]


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext graphspec``: ``%%graphspec NAME`` makes a cell a spec."""
    from graphspec.display.magic import load_ipython_extension

    load_ipython_extension(shell)


def __dir__() -> list[str]:
    return __all__
