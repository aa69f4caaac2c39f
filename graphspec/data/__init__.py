"""Data before training: read once into memory, split, and served in batches by index."""

from __future__ import annotations

from graphspec.data.batches import Batches
from graphspec.data.dataset import DataSet, load
from graphspec.data.samples import Samples

__all__ = ["Batches", "DataSet", "Samples", "load"]
