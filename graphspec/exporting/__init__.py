"""Stage 6: a module becomes a bundle of files that other runtimes load. Nothing is published before it is verified."""

from graphspec.exporting.bundle import Bundle, seal, write_bundle
from graphspec.exporting.facts import Facts, facts_of
from graphspec.exporting.publish import publish, staging

__all__ = ["Bundle", "Facts", "facts_of", "publish", "seal", "staging", "write_bundle"]
