"""Where networks are imported from."""

from graphspec.importing.sources.source import import_source

__all__ = ["import_source"]
