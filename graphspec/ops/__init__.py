"""The vocabulary of layer types, from live torch signatures."""

from graphspec.ops.op import Op, Parameter, Port
from graphspec.ops.table import UnknownOp, layer, lookup, names, similar

__all__ = ["Op", "Parameter", "Port", "UnknownOp", "layer", "lookup", "names", "similar"]
