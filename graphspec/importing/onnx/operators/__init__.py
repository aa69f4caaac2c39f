"""ONNX's operators as torch's layers and functions."""

# importing a file enters its operators into the table
from graphspec.importing.onnx.operators import (
    activations,
    attention,
    classical,
    elementwise,
    images,
    indexing,
    layers,
    layout,
    microsoft,
    pools,
    products,
    recurrent,
    reductions,
    sizes,
)
from graphspec.importing.onnx.operators.registry import OPERATORS

__all__ = [
    "OPERATORS", "activations", "attention", "classical", "elementwise", "images", "indexing",
    "layers", "layout", "microsoft", "pools", "products", "recurrent", "reductions", "sizes",
]  # fmt: skip
