"""The format "onnx": the captured program in ONNX operators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphspec.exporting.onnx.model import LAYER_KEY, layer_map, onnx_model, save, write_onnx

if TYPE_CHECKING:
    from graphspec.exporting.order import Order
    from graphspec.shapes.shaped import ShapedLayer

__all__ = ["LAYER_KEY", "cannot_hold", "layer_map", "onnx_model", "save", "sections", "write", "write_onnx"]


def write(order: Order, path: Path) -> None:
    """Write ``model.onnx``."""
    save(order.onnx_model(), path)


def sections(about: Mapping[str, Any], sizes: Mapping[str, int]) -> Iterator[str]:
    """How the file is run in Python, in Node.js and in a browser."""
    from graphspec.exporting.onnx.readme import sections as written

    return written(about, sizes)


def cannot_hold(layer: ShapedLayer) -> str:
    """Why ONNX has no form for `layer`; empty where it has one."""
    if layer.type == "LSTM" and layer.arguments.get("proj_size"):
        return "ONNX's LSTM has no projection (proj_size)"
    if layer.type == "LSTM" and all(len(kind.shape) == 2 for kind in layer.outputs.values()):
        return "ONNX's LSTM has a batch: unsqueeze its input, and squeeze what it gives"
    if layer.type.startswith("FractionalMaxPool"):
        return "its windows are drawn at random, and ONNX has no operator for that"
    if layer.operands.get("antialias") and any(not isinstance(n, int) or n == 1 for n in layer.outputs[()].shape[2:]):
        return "onnxruntime smooths wrongly where a picture becomes one pixel wide: give a size, above 1"
    return ""
