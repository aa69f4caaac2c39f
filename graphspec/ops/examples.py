"""One line of a spec for each layer type: what must be written, with typical values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from graphspec.ops.inferred import INFERRED
from graphspec.ops.op import Op

#: Values by argument name.
_TYPICAL: Mapping[str, Any] = {
    "out_features": 10, "out_channels": 16, "kernel_size": 3, "output_size": 4, "padding": 1, "value": 0.5,
    "num_groups": 4, "groups": 4, "upscale_factor": 2, "downscale_factor": 2, "norm_type": 2.0, "size": 5, "dim": 1,
    "unflattened_size": [2, 4], "num_embeddings": 1000, "embedding_dim": 64, "hidden_size": 64, "num_heads": 4,
    "nhead": 4, "threshold": 0.5, "exponent": 2.0, "dtype": "float64", "split_size_or_sections": 4, "chunks": 2,
    "shape": [1, 8], "dims": [0, 2, 1], "dim0": 1, "dim1": 2, "shifts": [1], "start": 0, "length": 4, "index": 0,
    "equation": "nij,njk->nik", "pad": [1, 1], "end": 8, "p": 0.1, "mode": "row",
    "k": 2, "num_classes": 10, "fill_value": 1.0, "n": 4, "steps": 5, "step": 1, "dimension": 1,
    "block_size": 3, "squeeze_channels": 4, "hidden_channels": [32, 16], "min": 0.0, "max": 1.0,
}  # fmt: skip
_SEQUENCES = ("GRU LSTM RNN MultiheadAttention Transformer TransformerEncoderLayer TransformerDecoderLayer").split()
#: What one module wants otherwise (a function says so itself), or wants although the signature gives it a default.
_OWN: Mapping[str, Mapping[str, Any]] = {
    "Upsample": {"scale_factor": 2.0},
    "UpsamplingBilinear2d": {"scale_factor": 2},
    "UpsamplingNearest2d": {"scale_factor": 2},
    "FractionalMaxPool2d": {"kernel_size": 2, "output_size": 5},
    "FractionalMaxPool3d": {"kernel_size": 2, "output_size": 5},
    "Fold": {"output_size": [4, 4], "kernel_size": 2},
    "Unflatten": {"dim": 1},
    "MaxUnpool1d": {"kernel_size": 2},
    "MaxUnpool2d": {"kernel_size": 2},
    "MaxUnpool3d": {"kernel_size": 2},
    **{name: {"batch_first": True} for name in _SEQUENCES},
    "Buffer": {"data": [[0.5, 1.0], [1.5, 2.0]]},
}


def example(op: Op) -> str:
    """A line of ``[layers]`` that uses `op`; its inputs have the names that forward gives them."""
    own = op.example or _OWN.get(op.name, {})
    parameters = {**op.arguments, **op.options}
    required = [name for name, parameter in parameters.items() if parameter.required and name not in INFERRED]
    values = {name: own.get(name, _TYPICAL.get(name, 1)) for name in required} | dict(own)
    ports = [port for port in op.ports if port.required]
    table: dict[str, Any] = {"type": op.name}
    if ports and ports[0].many:
        table["from"] = ["a", "b"]
    elif len(ports) > 1:
        table["from"] = [port.name for port in ports]
    table |= values
    name = op.name.rpartition(".")[2].lower()
    return f"{name}_ = {_toml(table)}" if op.is_function else f"{name} = {_toml(table if len(table) > 1 else op.name)}"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_toml(item)}' for key, item in value.items())} }}"
    return json.dumps(value)
