"""A search over values of a spec: Optuna proposes them, ordinary training measures them."""

from __future__ import annotations

import importlib.util

from graphspec.diagnostics import fail
from graphspec.system import processes


def require_optuna() -> None:
    """Raise ``GraphspecError`` where Optuna, the extra ``tune``, is not installed; everything else here imports it."""
    if importlib.util.find_spec("optuna") is None:
        hint = "pip install 'graphspec[tune]'"
        raise fail("missing-package", "a search needs Optuna, which is not installed", at=("tune",), hint=hint)


def require_own_process() -> None:
    """Raise ``GraphspecError`` under torchrun, whose processes train one network together."""
    if processes.size() > 1:
        hint = "start graphspec tune --resume as often as there are processors"
        raise fail(
            "bad-value", "a search is not started by torchrun: its processes share trials by themselves", hint=hint
        )
