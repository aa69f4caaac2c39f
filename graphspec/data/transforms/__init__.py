"""What is done to every sample, in training and after: sizes once when the data are read, values batch by batch.

One class a transform: what it does in torch, the same in ONNX operators, and the arguments on which both are compared.
Images become floats in [0, 1] exactly as ToTensor makes them, and Normalize gives ToTensor + Normalize's own bits.
"""

from __future__ import annotations

from graphspec.data.transforms.arguments import LARGEST_IMAGE, check_numbers, with_enums
from graphspec.data.transforms.base import Operators, Pixels, SizeTransform
from graphspec.data.transforms.normalize import (
    Normalize,
    calculated,
    calculated_nodes,
    float_nodes,
    scaled,
    to_float,
)
from graphspec.data.transforms.table import (
    SIZE_TRANSFORMS,
    TRANSFORMS,
    VALUE_TRANSFORMS,
    SizeTransforms,
    last_of_sizes,
    noted,
    resolved,
    size_transforms,
    transforms_by_input,
    value_numbers,
    value_transforms,
)

__all__ = [
    "LARGEST_IMAGE",
    "SIZE_TRANSFORMS",
    "TRANSFORMS",
    "VALUE_TRANSFORMS",
    "Normalize",
    "Operators",
    "Pixels",
    "SizeTransform",
    "SizeTransforms",
    "calculated",
    "calculated_nodes",
    "check_numbers",
    "float_nodes",
    "last_of_sizes",
    "noted",
    "resolved",
    "scaled",
    "size_transforms",
    "to_float",
    "transforms_by_input",
    "value_numbers",
    "value_transforms",
    "with_enums",
]
