"""Stage 3: shapes and dtypes of every value."""

from graphspec.shapes.dims import Dim, dim_text
from graphspec.shapes.infer import infer
from graphspec.shapes.shaped import ShapedGraph, ShapedLayer, TensorType, ValueRef

__all__ = ["Dim", "ShapedGraph", "ShapedLayer", "TensorType", "ValueRef", "dim_text", "infer"]
