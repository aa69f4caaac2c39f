"""Two files of one batch each become one of any batch, or it is said what stands in the way."""

from __future__ import annotations

import re
from types import SimpleNamespace as Made

import numpy as np
import pytest

from graphspec.exporting.open_batch import NotOpen, opened

RESHAPE, SLICE, ADD = 22, 65, 0
FLOAT32, INT32 = 0, 2


def model(tensors, operators):
    """`tensors`: (shape, dtype, constant or None); `operators`: (code, inputs)."""
    buffers = [Made(data=None)]
    made = []
    for shape, dtype, constant in tensors:
        buffer = 0
        if constant is not None:
            buffer = len(buffers)
            buffers.append(Made(data=np.array(constant).view(np.uint8)))
        made.append(Made(shape=shape, type=dtype, buffer=buffer, shapeSignature=None))
    codes = [Made(builtinCode=code, deprecatedBuiltinCode=code) for code, _ in operators]
    steps = [
        Made(opcodeIndex=k, inputs=inputs, builtinOptions="kept", builtinOptionsType=17)
        for k, (_, inputs) in enumerate(operators)
    ]
    return Made(subgraphs=[Made(tensors=made, operators=steps)], operatorCodes=codes, buffers=buffers)


def flattened(batch, *, rows=None, code=RESHAPE):
    wanted = np.array([batch, 6] if rows is None else rows, np.int32)
    return model(
        [([batch, 2, 3], FLOAT32, None), ([len(wanted)], INT32, wanted), ([batch, 6], FLOAT32, None)], [(code, [0, 1])]
    )


def test_shapes_are_opened_where_they_differ():
    made = opened(flattened(3), flattened(5))
    graph = made.subgraphs[0]
    assert [tensor.shapeSignature for tensor in graph.tensors] == [[-1, 2, 3], None, [-1, 6]]
    assert made.buffers[1].data.view(np.int32).tolist() == [-1, 6]
    assert graph.operators[0].builtinOptions is None


def test_what_is_equal_stays():
    made = opened(flattened(3, rows=[-1, 6]), flattened(5, rows=[-1, 6]))
    assert made.buffers[1].data.view(np.int32).tolist() == [-1, 6]


@pytest.mark.parametrize(("one", "other", "reason"), [
    (flattened(3), flattened(5, code=SLICE), "makes other steps"),
    (flattened(3, rows=[3, 3, 2]), flattened(5, rows=[5, 5, 2]), "two sizes that follow from the batch"),
    (flattened(3, code=ADD), flattened(5, code=ADD), "writes the batch into a constant of a step"),
    (
        model([([3, 2], FLOAT32, np.zeros((3, 2), np.float32))], [(ADD, [0])]),
        model([([5, 2], FLOAT32, np.zeros((5, 2), np.float32))], [(ADD, [0])]),
        "writes the batch into a constant of a step",
    ),
])  # fmt: skip
def test_what_cannot_be_opened_is_said(one, other, reason):
    with pytest.raises(NotOpen, match=re.escape(reason)):
        opened(one, other)
