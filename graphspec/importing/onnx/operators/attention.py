"""Attention, one operator since opset 23."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor

from graphspec.importing.onnx.operators.registry import operator
from graphspec.importing.onnx.values import short

if TYPE_CHECKING:
    from graphspec.importing.onnx.call import Call


@operator("Attention")
def attention(call: Call) -> Tensor:
    """Queries, keys and values as N × heads × T × size, or N × T × (heads · size) with the numbers of heads."""
    if any(map(call.has, (4, 5))) or any(call.node.outputs[1:]) or call.attribute("softcap", 0.0):
        raise call.refuse("it keeps keys and values, or caps its scores")
    heads = call.attribute("q_num_heads"), call.attribute("kv_num_heads"), call.attribute("kv_num_heads")
    parts = [call.tensor(n) for n in range(3)]
    joined = parts[0].dim() == 3
    if joined:
        parts = [part.unflatten(2, (count, -1)).transpose(1, 2) for part, count in zip(parts, heads, strict=True)]
    scale = call.attribute("scale")
    mask, causal = call.tensor(3) if call.has(3) else None, bool(call.attribute("is_causal", 0))
    query, key, value = parts
    scale = None if scale is None else short(scale)
    found = F.scaled_dot_product_attention(query, key, value, mask, is_causal=causal, scale=scale)
    return found.transpose(1, 2).flatten(2) if joined else found
