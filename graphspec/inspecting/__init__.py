"""One batch through the four steps, layer by layer: what the layers give, what the loss asks of them, what moves."""

from __future__ import annotations

from graphspec.inspecting.inspection import Finding, Inspection, LayerState
from graphspec.inspecting.steps import inspect

__all__ = ["Finding", "Inspection", "LayerState", "inspect"]
