"""Smaller variants of a file, made by its runtime's own tools and judged by what they give."""

from graphspec.verifying.variants.variants import add_variants

__all__ = ["add_variants"]
