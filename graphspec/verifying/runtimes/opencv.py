"""OpenCV's dnn module. Loaded by the worker: this file imports nothing of graphspec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .tensors import Arrays, Run


def load(path: str, names: Sequence[str], dtypes: Mapping[str, str]) -> Run:
    """The file as OpenCV runs it."""
    import cv2

    def run(inputs: Arrays) -> list[NDArray[Any]]:
        net = cv2.dnn.readNetFromONNX(path)  # one for each size: it plans for the first it sees
        for name, value in inputs.items():
            net.setInput(value, name)
        return [np.array(value) for value in net.forward(list(names))]

    cv2.dnn.readNetFromONNX(path)
    return run
