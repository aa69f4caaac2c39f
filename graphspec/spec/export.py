"""The ``[export]`` section: which files are written."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from graphspec.formats import DEFAULTS, FormatName
from graphspec.spec.base import SpecModel

Precision = Literal["fp16", "int8"]


class ExportSpec(SpecModel):
    """What ``graphspec export`` writes.

    What ``formats`` there are is said in :mod:`graphspec.formats`. ``opset_version`` is ONNX's: written as asked, or
    refused. ``precisions`` are written beside ``model.onnx`` and ``model.tflite`` and measured against these.
    """

    formats: tuple[FormatName, ...] = DEFAULTS
    precisions: tuple[Precision, ...] = ()
    opset_version: Annotated[int, Field(ge=18, le=23)] = 20
