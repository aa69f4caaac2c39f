"""onnxscript's functions without their sources: the exporter asks each of the five hundred for its domain alone.

onnxscript parses a function's source to say that, a quarter of a second for all of them.
"""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

from graphspec.system.torch_private import replaced


def unparsed() -> contextlib.AbstractContextManager[None]:
    """Inside, ``function_ir`` of a function that onnxscript traces has its domain, which is its opset's, alone."""
    import onnxscript

    traced = getattr(onnxscript, "TracedOnnxFunction", None)  # another version may have none, or no such property
    if traced is None or not isinstance(vars(traced).get("function_ir"), property):
        return contextlib.nullcontext()
    return replaced(traced, "function_ir", property(lambda function: SimpleNamespace(domain=function.opset.domain)))
