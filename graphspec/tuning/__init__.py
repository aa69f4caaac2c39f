"""A search over values of a spec: Optuna proposes them, ordinary training measures them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphspec.diagnostics import fail
from graphspec.system import processes
from graphspec.system.extras import require

if TYPE_CHECKING:
    from graphspec.tuning.tune import tune as search

__all__ = ["require_what_it_needs", "search"]


def require_what_it_needs() -> None:
    """Raise ``GraphspecError`` where Optuna is not installed, the extra ``tune``, or under torchrun.

    Everything else here imports Optuna; torchrun's processes train one network together.
    """
    require("optuna", "a search needs Optuna", "tune", ("tune",))
    if processes.size() > 1:
        hint = "start graphspec tune --resume as often as there are processors"
        raise fail(
            "bad-value", "a search is not started by torchrun: its processes share trials by themselves", hint=hint
        )


def __getattr__(name: str) -> Any:
    """``search``, which imports Optuna."""
    if name == "search":
        from graphspec.tuning.tune import tune

        return tune
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
