"""Importing: a network that exists becomes a spec and its weights, with the proof that both are the same function."""

from graphspec.importing.imported import Imported
from graphspec.importing.of_module import from_module

__all__ = ["Imported", "from_module"]
