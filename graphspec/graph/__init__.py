"""Stage 2: the layer graph."""

from graphspec.graph.build import build
from graphspec.graph.layers import Choice, Gate, Layer, LayerGraph, Ref

__all__ = ["Choice", "Gate", "Layer", "LayerGraph", "Ref", "build"]
