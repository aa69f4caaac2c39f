"""The ``torch`` functions a spec can name, each as a module whose forward has torch's own argument names.

To add one, write its class in the file of its kind: the decorator's name is what the spec says, forward's tensors are
its inputs, its other parameters are its arguments. The body is one return statement over torch, so that
``--emit python`` can write it in line.
"""

# importing a file enters its functions into the table
from graphspec.ops.functions import (
    comparisons,
    curves,
    elementwise,
    images,
    indexing,
    layout,
    like,
    order_statistics,
    products,
    reductions,
    unary,
    weighted,
)
from graphspec.ops.functions.registry import FUNCTIONS, Function, function
from graphspec.ops.functions.sources import Buffer, Parameter

__all__ = [
    "FUNCTIONS", "Buffer", "Function", "Parameter", "comparisons", "curves", "elementwise", "function", "images",
    "indexing", "layout", "like", "order_statistics", "products", "reductions", "unary", "weighted",
]  # fmt: skip
