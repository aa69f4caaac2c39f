"""Stage 6: a module becomes a bundle of files that other runtimes load. Nothing is published before it is verified."""

from graphspec.exporting.bundle.bundle import Bundle, seal, write_bundle
from graphspec.exporting.bundle.publish import publish, staging
from graphspec.exporting.holdable import check_formats
from graphspec.exporting.metadata import Metadata, metadata_of

__all__ = ["Bundle", "Metadata", "check_formats", "metadata_of", "publish", "seal", "staging", "write_bundle"]
