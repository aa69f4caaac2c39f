"""The ``torch`` functions a spec can name, each as a module whose forward has torch's own argument names.

To add one, write its class in the file of its kind: the decorator's name is what the spec says, forward's tensors are
its inputs, its other parameters are its arguments. The body is one return statement over torch, so that
``--emit python`` can write it in line.
"""

# importing a file enters its functions into the table
from graphspec.ops.functions import comparisons, elementwise, layout, products, reductions
from graphspec.ops.functions.registry import BROADCASTING, FUNCTIONS, SCALARS, function
from graphspec.ops.functions.sources import Buffer, Parameter

__all__ = [
    "BROADCASTING", "FUNCTIONS", "SCALARS", "Buffer", "Parameter", "comparisons", "elementwise", "function", "layout",
    "products", "reductions",
]  # fmt: skip
