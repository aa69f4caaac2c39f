"""What torch says against a layer, as one diagnostic."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

import torch

from graphspec.diagnostics import CODES, Code, Diagnostic, quoted
from graphspec.graph import Layer
from graphspec.shapes.call import FrozenDim, Refused, WrongDtype
from graphspec.shapes.dims import dim_text
from graphspec.shapes.shaped import TensorType, ValueRef

_DTYPES = re.compile(r"dtype|floating point|safely cast|Type promoting|torch\.finfo")
_INDEX = re.compile(r"\bind(ex|ices)\b", re.IGNORECASE)


def torch_fault(node: Layer, error: Exception, types: Mapping[ValueRef, TensorType]) -> Diagnostic:
    """torch's objection as one line."""
    name = quoted(node.label)
    if isinstance(error, FrozenDim):
        dims = {dim_text(dim) for kind in types.values() for dim in kind.shape if not isinstance(dim, int)}
        message = f"layer {name}: {node.op.name} works only for a fixed size of {', '.join(sorted(dims))}"
        return Diagnostic("dynamic-dim", message, node.at, "give the input a number there")
    floats = all(kind.dtype == torch.float32 for kind in types.values())
    if isinstance(error, WrongDtype) or (not floats and _DTYPES.search(str(error))):
        wanted, name_of = (torch.int64, "int64") if _INDEX.search(str(error)) else (torch.float32, "float32")
        helps = any(kind.dtype != wanted for kind in types.values())
        hint = f'a layer {{ type = "to", dtype = "{name_of}" }} before it helps' if helps else ""
        return Diagnostic("wrong-dtype", f"layer {name}: {node.op.name}: {error}", node.at, hint)
    text = re.sub(r"torch\.Size\(\[.*?\]\)", "this input", str(error))
    # sizes whose product is no 64-bit number
    code: Code = "too-much-memory" if "overflow" in text else "shape-mismatch"
    hint = error.hint if isinstance(error, Refused) else ""
    return Diagnostic(code, f"layer {name}: {node.op.name}: {text[:300]}", node.at, hint)


def with_shapes(fault: Diagnostic, types: Mapping[ValueRef, TensorType]) -> Diagnostic:
    """A fault about shapes with the values that the layer was given, and who gave them."""
    if CODES[fault.code] != "SHAPE":
        return fault
    return dataclasses.replace(fault, notes=tuple(f"{quoted(ref.layer)} gives {kind}" for ref, kind in types.items()))
