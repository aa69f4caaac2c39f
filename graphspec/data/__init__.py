"""Data before training: read once into memory, split, and served in batches by index.

The room is a function too, ``graphspec.data("digits.toml")``: :func:`graphspec.data.of_spec.data_of`.
"""

from __future__ import annotations

import sys
import types

from graphspec.data.batches import Batches
from graphspec.data.dataset import DataSet, load
from graphspec.data.of_spec import data_of, load_data
from graphspec.data.samples import Samples

__all__ = ["Batches", "DataSet", "Samples", "data_of", "load", "load_data"]


class _Room(types.ModuleType):
    """A module that is called as the function of its name."""

    __call__ = staticmethod(data_of)


sys.modules[__name__].__class__ = _Room
