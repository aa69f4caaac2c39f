"""Pictures of a network: Mermaid text and SVG, laid out here, with no other program."""

from graphspec.draw.mermaid import mermaid
from graphspec.draw.svg import svg

__all__ = ["mermaid", "svg"]
