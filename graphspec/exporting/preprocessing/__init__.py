"""What stands before the network in ``pipeline.onnx``: raw samples, or the columns of a table, become its inputs."""

from __future__ import annotations

from graphspec.exporting.preprocessing.preprocessing import Preprocessing, Raw, faults, first_whole_row
from graphspec.exporting.preprocessing.raw_input import RawInput

__all__ = ["Preprocessing", "Raw", "RawInput", "faults", "first_whole_row"]
